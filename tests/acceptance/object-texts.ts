/**
 * object-texts.ts open|secret: of the Kubernetes objects (JSON lists) on standard input,
 *   open    all that others than those who may read Secrets see, and of helm's records all but what is meant to hold
 *           secrets: the values, and the Secrets of the manifest
 *   secret  the data of Secrets in clear, and helm's records whole
 */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { parseAllDocuments, stringify } from "yaml";
import { isObject, textAt } from "../../lib/json.ts";
import { dataOf } from "../../lib/secrets.ts";

const [what] = process.argv.slice(2);
const items = readFileSync(0, "utf8")
  .split(/\n(?=\{)/)
  .flatMap((list): unknown[] => JSON.parse(list).items);

for (const object of items) {
  const isSecret = isObject(object) && object.kind === "Secret";
  if (what === "open") print(isSecret ? { ...object, data: null } : object);
  if (!isSecret) continue;
  const data = dataOf(object);
  if (textAt(object, "type") === "helm.sh/release.v1") {
    const record: unknown = JSON.parse(gunzipSync(Buffer.from(decoded(data.release ?? ""), "base64")).toString("utf8"));
    print(what === "open" ? withoutSecrets(record) : record);
  } else if (what === "secret") for (const value of Object.values(data)) process.stdout.write(`${decoded(value)}\n`);
}

function withoutSecrets(record: unknown): unknown {
  if (!isObject(record)) throw new Error("a record of helm is no object");
  const documents = parseAllDocuments(textAt(record, "manifest") ?? "").map((one): unknown => one.toJS());
  const manifest = documents.filter((one) => textAt(one, "kind") !== "Secret").map((one) => stringify(one));
  if (manifest.length === documents.length && textAt(record, "name") === "mp") throw new Error("mp has no Secret");
  return { ...record, config: null, manifest };
}

function decoded(base64: string): string {
  return Buffer.from(base64, "base64").toString("utf8");
}

function print(value: unknown): void {
  // Line breaks as they are, or a text of many lines would not be found.
  process.stdout.write(`${JSON.stringify(value).replaceAll("\\n", "\n")}\n`);
}
