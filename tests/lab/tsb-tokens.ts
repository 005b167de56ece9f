/** JSON Web Tokens: those that TSB issues, and those that service accounts sign themselves. */
import { decodeJwt, decodeProtectedHeader, importJWK, type JWK, jwtVerify, SignJWT } from "jose";
import { ApiError } from "./api-http.ts";
import { publicHalf, type SigningKey } from "./signing-key.ts";
import type { TsbStore } from "./tsb-store.ts";

export const AUDIENCE = "tsb.tetrate.io";
const ISSUER = "https://tsb.tetrate.io";

/** Who asks. */
export interface Principal {
  kind: "user" | "serviceAccount";
  fqn: string;
}

/** @param lifetime e.g. "1h" @returns a token signed with iam-signing-key */
export async function issueToken(
  key: SigningKey,
  subject: string,
  audience: string,
  lifetime: string,
): Promise<string> {
  return new SignJWT({})
    .setProtectedHeader({ alg: "RS256", kid: key.kid, typ: "JWT" })
    .setIssuer(ISSUER)
    .setSubject(subject)
    .setAudience(audience)
    .setIssuedAt()
    .setExpirationTime(lifetime)
    .sign(await importJWK(key, "RS256"));
}

/** @returns a token that a service account signs with its own private key */
export async function serviceAccountToken(key: SigningKey, account: string, lifetime: string): Promise<string> {
  return new SignJWT({})
    .setProtectedHeader({ alg: "RS256", kid: key.kid, typ: "JWT" })
    .setIssuer(account)
    .setSubject(account)
    .setAudience(AUDIENCE)
    .setIssuedAt()
    .setExpirationTime(lifetime)
    .sign(await importJWK(key, "RS256"));
}

/** @throws ApiError 401 unless the token was issued here (or by the other instance of the pair) for this audience */
export async function verifyIssuedToken(key: SigningKey, token: string, audience: string): Promise<string> {
  try {
    const verified = await jwtVerify(token, await importJWK(publicHalf(key), "RS256"), {
      audience,
      issuer: ISSUER,
      algorithms: ["RS256"],
    });
    return verified.payload.sub ?? "";
  } catch (error) {
    throw new ApiError(401, `invalid token: ${error instanceof Error ? error.message : error}`);
  }
}

/** @throws ApiError 401 unless the account exists and the token was signed with one of its keys */
export async function verifyServiceAccount(store: TsbStore, token: string): Promise<Principal> {
  const { kid, sub } = peek(token);
  const account = sub.includes("/serviceaccounts/") ? await store.get("ServiceAccount", sub) : undefined;
  if (account === undefined) throw new ApiError(401, `service account "${sub}" does not exist`);
  const keys = keysOf(account.spec);
  const key = keys.find((candidate) => candidate.kid === kid);
  const refused = `token is not signed with a key of service account "${sub}"`;
  if (key === undefined) throw new ApiError(401, `${refused}: it has no key with kid "${kid}"`);
  try {
    await jwtVerify(token, await importJWK(key, "RS256"), { audience: AUDIENCE, subject: sub, algorithms: ["RS256"] });
  } catch (error) {
    throw new ApiError(401, `${refused}: ${error instanceof Error ? error.message : error}`);
  }
  return { kind: "serviceAccount", fqn: sub };
}

/** Whoever holds the token: a user that logged in, or a service account. */
export async function authenticate(store: TsbStore, key: SigningKey, token: string | undefined): Promise<Principal> {
  if (!token) throw new ApiError(401, "authentication required: no token");
  const { kid, sub } = peek(token);
  if (sub.includes("/serviceaccounts/") && kid !== key.kid) return verifyServiceAccount(store, token);
  return { kind: "user", fqn: await verifyIssuedToken(key, token, AUDIENCE) };
}

/** The public keys in a ServiceAccount's spec. */
export function keysOf(spec: Record<string, unknown>): JWK[] {
  return Array.isArray(spec.keys) ? spec.keys : [];
}

function peek(token: string): { kid: string; sub: string } {
  try {
    return { kid: decodeProtectedHeader(token).kid ?? "", sub: decodeJwt(token).sub ?? "" };
  } catch (error) {
    throw new ApiError(401, `invalid token: ${error instanceof Error ? error.message : error}`);
  }
}
