/** iam-signing-key, with which TSB signs its tokens, and its public half tsb-iam-jwks. */
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from "jose";
import { secretText } from "./objects.ts";
import { applyIfDifferent } from "./operator-apply.ts";
import { Blocked } from "./operator-verdict.ts";
import { NAMESPACE, type Site } from "./site.ts";
import { secret } from "./workload.ts";

const PRIVATE_ENTRY = "private.key";
const PUBLIC_ENTRY = "jwks.json";

/** A private RS256 key that has a `kid`. */
export type SigningKey = JWK & { kid: string };

/** @returns a new RS256 private key whose `kid` is its thumbprint */
export async function newSigningKey(): Promise<SigningKey> {
  const { privateKey } = await generateKeyPair("RS256", { extractable: true, modulusLength: 2048 });
  const jwk = await exportJWK(privateKey);
  return { ...jwk, kid: await calculateJwkThumbprint(jwk), alg: "RS256", use: "sig" };
}

/** The half that may be published. */
export function publicHalf(key: JWK): JWK {
  const { kty, n, e, kid, alg } = key;
  if (kty === undefined || n === undefined || e === undefined) throw new Error("not an RSA key");
  return { kty, n, e, use: "sig", ...(kid && { kid }), ...(alg && { alg }) };
}

/** Whether two keys are the same key, whatever else they carry. */
export function isSameKey(a: JWK, b: JWK): boolean {
  return a.kty === b.kty && a.n === b.n && a.e === b.e;
}

/** Parses a private JSON Web Key. @throws Error that says what is wrong with it */
export function parsePrivateKey(text: string): SigningKey {
  let key: JWK;
  try {
    key = JSON.parse(text);
  } catch {
    throw new Error("is not a JSON Web Key");
  }
  if (typeof key !== "object" || key === null || key.kty !== "RSA" || !key.n || !key.d)
    throw new Error("is not a private RSA JSON Web Key");
  if (!key.kid) throw new Error('has no "kid"');
  return { ...key, kid: key.kid };
}

/** The key that stands in the cluster, if any. @throws Blocked when it can't be used */
export function readSigningKey(site: Site): SigningKey | undefined {
  const held = site.seen.secrets.get("iam-signing-key");
  if (held === undefined) return undefined;
  const text = secretText(held, PRIVATE_ENTRY);
  if (text === undefined)
    throw new Blocked("InvalidSigningKey", `Secret iam-signing-key has no entry "${PRIVATE_ENTRY}"`);
  try {
    return parsePrivateKey(text);
  } catch (error) {
    throw new Blocked("InvalidSigningKey", `Secret iam-signing-key ${error instanceof Error ? error.message : error}`);
  }
}

/** Generates the key unless there is one; an existing key is never touched. */
export async function ensureSigningKey(site: Site): Promise<SigningKey> {
  const held = readSigningKey(site);
  if (held !== undefined) return held;
  const key = await newSigningKey();
  const object = secret("iam-signing-key", NAMESPACE, { [PRIVATE_ENTRY]: JSON.stringify(key) });
  await site.cluster.api.apply(`/api/v1/namespaces/${NAMESPACE}/secrets/iam-signing-key`, object);
  site.log.info(`generated Secret iam-signing-key (kid ${key.kid})`);
  return key;
}

/** Keeps tsb-iam-jwks the public half of the signing key. */
export async function ensureJwks(site: Site, key: SigningKey): Promise<void> {
  const object = secret("tsb-iam-jwks", NAMESPACE, { [PUBLIC_ENTRY]: JSON.stringify({ keys: [publicHalf(key)] }) });
  const path = `/api/v1/namespaces/${NAMESPACE}/secrets/tsb-iam-jwks`;
  if (await applyIfDifferent(site.cluster.api, path, object, site.seen.secrets.get("tsb-iam-jwks"))) {
    site.log.info(`generated Secret tsb-iam-jwks from iam-signing-key (kid ${key.kid})`);
  }
}
