/** Values of which two installs never have the same, in words that are the same for both. */
import { createHash, createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { isObject } from "../../lib/json.ts";

/**
 * Describes values one after the other: one that was seen before by the place where it was first, so that what must be
 * the same in two places shows, and what it is does not.
 */
export class Describer {
  readonly #places = new Map<string, string>();
  readonly #strip: readonly [RegExp, string][];

  /** @param env the lab's environment: its folder, network and name server are its own */
  constructor(env: NodeJS.ProcessEnv) {
    const dir = (env.LAB_DIR ?? "").replaceAll(".", "\\.");
    this.#strip = [
      [new RegExp(dir, "g"), "$LAB_DIR"],
      [/127\.\d+\.\d+\.(\d+)(?=\D|$)/g, "127.x.y.$1"],
      [/127\.0\.0\.1:\d+/g, "127.0.0.1:port"],
    ];
  }

  /** A value whose text may be shown: host names, versions, roles. */
  plain(text: string): string {
    return this.#strip.reduce((stripped, [pattern, name]) => stripped.replace(pattern, name), text);
  }

  /** A value whose text is different in every install. */
  own(value: string, place: string): string {
    const known = this.#places.get(value);
    if (known !== undefined) return `as ${known}`;
    this.#places.set(value, place);
    return "its own";
  }

  /**
   * A secret: certificates, keys and JSON Web Keys as such, everything else as {@link own}.
   * @throws Error when it begins as one of these and is not whole
   */
  secret(text: string, place: string): string {
    if (text.includes("BEGIN CERTIFICATE")) return this.#certificates(text, place);
    if (text.includes("PRIVATE KEY")) return `private key, ${this.#key(createPrivateKey(text), place)}`;
    if (text.startsWith("{")) return this.#jwk(JSON.parse(text), place);
    return this.own(text, place);
  }

  #certificates(text: string, place: string): string {
    const pems = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
    if (pems.length === 0) throw new Error(`${place} holds half a certificate`);
    return pems.map((pem) => this.#certificate(new X509Certificate(pem), place)).join(" + ");
  }

  #certificate(cert: X509Certificate, place: string): string {
    const names = cert.subjectAltName ?? "no names";
    const key = this.#key(cert.publicKey, `${place} (key)`);
    return `certificate for ${names}, key ${key}, issuer ${this.own(cert.issuer, `${place} (issuer)`)}`;
  }

  #key(key: KeyObject, place: string): string {
    const halves = key.type === "private" ? createPublicKey(key) : key;
    return this.own(sha256(halves.export({ type: "spki", format: "der" })), place);
  }

  #jwk(value: unknown, place: string): string {
    if (!isObject(value)) return this.own(JSON.stringify(value), place);
    const keys = Array.isArray(value.keys) ? value.keys.filter(isObject) : [value];
    const inWords = (jwk: Record<string, unknown>) =>
      `${"d" in jwk ? "private" : "public"} JWK, ${this.own(String(jwk.n ?? JSON.stringify(jwk)), place)}`;
    return keys.map(inWords).sort().join(" + ");
  }
}

/** The values in a document, each with its path: "spec.hub". */
export function leaves(value: unknown, path = ""): [path: string, value: string][] {
  if (typeof value !== "object" || value === null) return [[path, String(value)]];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, path === "" ? key : `${path}.${key}`));
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
