/** The files in STATE_DIR: whole, private, and never another key in the place of one. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { parse } from "yaml";
import { type Describer, leaves } from "./described.ts";

/** An entry of the state folder. */
interface Entry {
  path: string;
  mode: string;
  /** Undefined for a folder. */
  bytes: Buffer | undefined;
}

/** What nobody can make again, or not without everybody else noticing. */
const IRREPLACEABLE = ["ca/ca.key", "ca/ca.crt", "tsb-standby-sa-b64e"];
const LEAF = /^(mp\d\/(?:tsb_certs|xcp-central-cert))\.crt$/;
/** Still being written, or left behind by a run that was killed: gone at the end. */
const UNFINISHED = /\.tmp$|\/arriving-/;
/** Helm's own cache, and what `status` notes. */
const OTHERS = /^helm\/|^status\//;

/** What is in the folder; helm's own files are only looked at for their modes. */
function entriesOf(stateDir: string): Entry[] {
  const paths = readdirSync(stateDir, { recursive: true, encoding: "utf8" }).sort();
  return paths.map((path) => {
    const { mode } = statSync(join(stateDir, path));
    const isFolder = (mode & 0o170000) === 0o040000;
    const bytes = isFolder ? undefined : readFileSync(join(stateDir, path));
    return { path, mode: (mode & 0o777).toString(8), bytes };
  });
}

/** The folder as it should be at the end of every install. @throws Error when a file is not whole */
export function describeFiles(stateDir: string, describer: Describer): string[] {
  return entriesOf(stateDir)
    .filter(({ path }) => !OTHERS.test(path))
    .flatMap(({ path, mode, bytes }) => {
      const place = `file ${describer.plain(path)}`;
      const head = `${place} ${mode}`;
      return bytes === undefined ? [head] : [head, ...describeFile(place, path, bytes, describer)];
    });
}

/** @throws Error when a file that is in its place is not whole, right after a run was killed too */
export function checkWhole(stateDir: string, describer: Describer): void {
  for (const { path, bytes } of entriesOf(stateDir)) {
    if (bytes === undefined || OTHERS.test(path) || UNFINISHED.test(path)) continue;
    describeFile(path, path, bytes, describer);
  }
}

function describeFile(place: string, path: string, bytes: Buffer, describer: Describer): string[] {
  const text = bytes.toString("utf8");
  try {
    if (/\.(crt|key)$/.test(path)) return [`${place}: ${describer.secret(text, place)}`];
    if (path.endsWith("-b64e")) return [`${place}: ${describer.secret(Buffer.from(text, "base64").toString(), place)}`];
    if (path.endsWith(".yaml")) return describeDocument(place, parse(text), describer);
    if (path.endsWith(".tgz")) return [`${place}: ${gunzipSync(bytes).length} bytes`];
    return [`${place}: ${describer.own(text.trim(), place)}`];
  } catch (cause) {
    throw new Error(`${path} is not whole: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}

/** A line for each value of a document; what looks like a secret is not shown. */
export function describeDocument(place: string, document: unknown, describer: Describer): string[] {
  return leaves(document).map(([path, value]) => {
    const isSecret = /(^|\.)secrets\.|token|password/i.test(path);
    return `${place} ${path}: ${isSecret ? describer.secret(value, `${place} ${path}`) : describer.plain(value)}`;
  });
}

/** Remembers keys when they are first seen. */
export class Kept {
  readonly #seen = new Map<string, string>();

  /** @throws Error when one that was seen before is gone or another one */
  check(stateDir: string): void {
    const files = new Map(entriesOf(stateDir).map(({ path, bytes }) => [path, bytes?.toString("utf8") ?? ""]));
    for (const [path, before] of this.#seen) {
      if (files.get(path) !== before) throw new Error(`${path} ${files.has(path) ? "was replaced" : "is lost"}`);
    }
    for (const path of [...IRREPLACEABLE, ...wholePairs(files)]) {
      const text = files.get(path);
      if (text !== undefined) this.#seen.set(path, text);
    }
  }
}

/** Certificates with the key that belongs to them: a run that was killed between the two issues both again. */
function wholePairs(files: ReadonlyMap<string, string>): string[] {
  return [...files].flatMap(([path, certPem]) => {
    const keyPath = `${LEAF.exec(path)?.[1]}.key`;
    const keyPem = files.get(keyPath);
    if (!LEAF.test(path) || keyPem === undefined) return [];
    return new X509Certificate(certPem).checkPrivateKey(createPrivateKey(keyPem)) ? [path, keyPath] : [];
  });
}
