/** What may be told of keys: who they are, and whether two are alike. Never the keys themselves. */

import { createHash } from "node:crypto";
import { isObject, type JsonObject, listAt, textAt } from "./json.ts";
import { dataOf } from "./secrets.ts";
import type { KeyFacts } from "./status-facts.ts";

/** The public half of a key: enough to recognise it. */
export interface PublicKey {
  kid: string | undefined;
  /** RSA modulus, base64url. */
  modulus: string;
}

/** The key in a Secret; undefined without the Secret. */
export function keyFacts(secret: unknown): KeyFacts | null {
  const data = dataOf(secret);
  if (Object.keys(data).length === 0) return null;
  const keys = keysIn(data);
  // Public keys are hashed by what they are: two operators may write the same set in other words.
  const isPublic = keys.length > 0 && keys.every((key) => key.d === undefined);
  const text = isPublic
    ? keys.map((key) => `${key.kid} ${key.n ?? key.x} ${key.e ?? key.y}`)
    : Object.entries(data).map(([name, value]) => `${name} ${value}`);
  const kids = [...new Set(keys.flatMap((key) => textAt(key, "kid") ?? []))];
  return { kids, sha256: shortHash(text.sort().join("\n")) };
}

/** The public half of the first RSA key (JWK) in a Secret. */
export function publicKeyIn(secret: unknown): PublicKey | undefined {
  for (const key of keysIn(dataOf(secret))) {
    const modulus = textAt(key, "n");
    if (modulus) return { kid: textAt(key, "kid"), modulus };
  }
  return undefined;
}

/**
 * Whether a service account, as tctl prints it, has the key. Its keys are JWKs or PEM texts, depending on the release;
 * both hold the modulus.
 */
export function hasKey(account: unknown, key: PublicKey): boolean {
  const modulus = Buffer.from(key.modulus, "base64url");
  return textsIn(account).some((text) => text.includes(key.modulus) || pemBytes(text).includes(modulus));
}

/** The `kid` in the header of the first JSON Web Token in a Secret. */
export function tokenKid(secret: unknown): string | null {
  for (const value of Object.values(dataOf(secret))) {
    const token = Buffer.from(value, "base64").toString("utf8").trim();
    const [header = "", , signature] = token.split(".");
    if (!signature) continue;
    const kid = textAt(parsed(Buffer.from(header, "base64url").toString("utf8")), "kid");
    if (kid) return kid;
  }
  return null;
}

/** First 12 hexadecimal digits of the SHA-256. */
export function shortHash(text: string | Buffer): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 12);
}

/** Every JWK in a Secret's entries: single ones, and those of key sets. */
function keysIn(data: Record<string, string>): JsonObject[] {
  return Object.values(data).flatMap((value) => {
    const document = parsed(Buffer.from(value, "base64").toString("utf8"));
    return [document, ...listAt(document, "keys")].filter(isObject).filter((key) => typeof key.kty === "string");
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function textsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (Array.isArray(value)) return value.flatMap(textsIn);
  return isObject(value) ? Object.values(value).flatMap(textsIn) : [];
}

function pemBytes(text: string): Buffer {
  const body = /-----BEGIN PUBLIC KEY-----([^-]+)-----END/.exec(text)?.[1] ?? "";
  return Buffer.from(body, "base64");
}
