/** Taking secrets out of text that leaves the house: by what they look like, and by what they are. Pure. */

import { isObject, type JsonObject } from "./json.ts";

export const REDACTED = "REDACTED";

/** Shorter values ("tsb", "admin") would blot out ordinary words. */
const SHORTEST = 6;
/** A line of a private key, or another long piece of a value, is looked for by itself. */
const SHORTEST_LINE = 24;

/** What secrets look like, wherever they come from; the first group, if any, is kept. */
const LOOKS: readonly RegExp[] = [
  /()-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g,
  /()\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}/g,
  /(\bBearer\s+)[\w.~+/-]{12,}=*/gi,
  /(:\/\/[^\s/:@]+:)[^\s/@]+(?=@)/g,
  /(\\?"(?:d|p|q|dp|dq|qi|k)\\?"\s*:\s*\\?")[\w-]{20,}/g,
  /(\b\w*(?:password|passwd|passphrase|secret_?key|api_?key)\\?"?\s*[:=]\s*\\?"?)[^\s"'\\,;{}]+/gi,
];

/** Keys of objects whose texts are secrets; names of Secrets (`secretName`) are none. */
const SECRET_KEYS = /(password|passwd|passphrase|token|private_?key|api_?key|jwk|credentials?)$/i;
/** What tools keep beside an object: long, and full of copies. */
const NOISE = ["managedFields", "kubectl.kubernetes.io/last-applied-configuration"];

/** Takes known secrets out of text: as they are, line by line, and in base64 at whatever place of a longer text. */
export class Redactor {
  readonly #needles: readonly string[];

  /** @param secrets their plain texts */
  constructor(secrets: readonly string[]) {
    const forms = secrets.flatMap(piecesOf).flatMap(formsOf);
    // The longest first: one may be a part of another.
    this.#needles = [...new Set(forms)].sort((a, b) => b.length - a.length);
  }

  /** The text without secrets. */
  redact(text: string): string {
    const known = this.#needles.reduce((left, needle) => left.replaceAll(needle, REDACTED), text);
    return LOOKS.reduce((left, look) => left.replace(look, `$1${REDACTED}`), known);
  }
}

/** A secret, its lines, and the texts inside it where it is JSON: a JWK's parts are as secret as the whole. */
function piecesOf(secret: string): string[] {
  const lines = secret.split(/\r?\n/).filter((line) => line.length >= SHORTEST_LINE && !line.startsWith("-----"));
  return [secret, secret.trim(), ...lines, ...privateParts(secret)].filter((piece) => piece.length >= SHORTEST);
}

function privateParts(text: string): string[] {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    return [];
  }
  const parts = isObject(document) ? ["d", "p", "q", "dp", "dq", "qi", "k"].map((name) => document[name]) : [];
  return parts.filter((part) => typeof part === "string");
}

/** As it is, as JSON writes it, as a URL does, and in base64 with any bytes before it. */
function formsOf(piece: string): string[] {
  const plain = [piece, JSON.stringify(piece).slice(1, -1), encodeURIComponent(piece)];
  const encoded = [0, 1, 2].flatMap((before) => {
    const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(piece)]);
    // Characters that also hold bits of what stands before or after are left out of the search.
    const start = [0, 2, 3][before] ?? 0;
    const end = Math.floor((bytes.length * 4) / 3);
    const text = bytes.toString("base64").slice(start, end);
    return [text, text.replaceAll("+", "-").replaceAll("/", "_")];
  });
  return [...plain, ...encoded.filter((text) => text.length >= SHORTEST)];
}

/**
 * A Kubernetes object that may be shown: of a Secret its name, type and the names of its entries; of others everything
 * but texts whose key says that they are secret, and values of environment variables.
 */
export function presentable(object: JsonObject): unknown {
  if (object.kind !== "Secret") return withoutSecrets(object);
  const { name, namespace, labels, creationTimestamp } = isObject(object.metadata) ? object.metadata : {};
  const keys = Object.keys(isObject(object.data) ? object.data : {}).sort();
  return { kind: "Secret", metadata: { name, namespace, labels, creationTimestamp }, type: object.type, keys };
}

function withoutSecrets(value: unknown, key = ""): unknown {
  if (typeof value === "string") return SECRET_KEYS.test(key) ? REDACTED : value;
  if (Array.isArray(value)) return value.map((item) => withoutSecrets(key === "env" ? withoutValue(item) : item, key));
  if (!isObject(value)) return value;
  const kept = Object.entries(value).filter(([name]) => !NOISE.includes(name));
  return Object.fromEntries(kept.map(([name, item]) => [name, withoutSecrets(item, name)]));
}

function withoutValue(variable: unknown): unknown {
  return isObject(variable) && typeof variable.value === "string" ? { ...variable, value: REDACTED } : variable;
}

/** Entries of Secrets that hold names: taken out of every text, they would take its sense with them. */
const PUBLIC_ENTRIES = /^(user(name)?|binddn|clusterfqn|ca\.crt|tls\.crt)$/i;

/** The plain texts of a Secret's entries that are to be kept secret: certificates, public keys and names are public. */
export function secretTexts(data: Record<string, string>): string[] {
  return Object.entries(data)
    .filter(([key]) => !PUBLIC_ENTRIES.test(key))
    .map(([, value]) => Buffer.from(value, "base64").toString("utf8"))
    .filter((text) => !/^-----BEGIN CERTIFICATE-----/.test(text.trim()) && !isPublicKeySet(text));
}

function isPublicKeySet(text: string): boolean {
  try {
    const document: unknown = JSON.parse(text);
    return isObject(document) && Array.isArray(document.keys) && !/"d"/.test(text);
  } catch {
    return false;
  }
}
