/**
 * Driver for config.bats: runs the step frame once for each line of standard input, all in one process, and records how
 * each ended. A line is a name and then settings: "name|VARIABLE=value|VARIABLE=value"; \n in a value is a line break, \p
 * a pipe.
 *
 * Usage: settings.ts FOLDER   writes FOLDER/<name>.code and FOLDER/<name>.err
 */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { step } from "../../lib/step.ts";

/** Every setting that some step can't do without. */
const needs = [
  "MP_FLOAT_DNS",
  "ACTIVE",
  "STANDBY",
  "CLUSTER_NAME",
  "TSB_ORG",
  "TSB_VERSION",
  "TSB_REGISTRY",
  "POSTGRES_PASSWORD",
  "ELASTIC_PASSWORD",
  "LDAP_BIND_PASSWORD",
  "TSB_ADMIN_PASSWORD",
] as const;

const folder = process.argv[2] ?? ".";
const good = { ...process.env };
process.argv.splice(2);
process.setMaxListeners(0);

for (const line of readFileSync(0, "utf8").split("\n").filter(Boolean)) {
  const [name = "", ...changes] = line.split("|");
  const { code, words } = await ending(changes);
  writeFileSync(join(folder, `${name}.err`), words);
  writeFileSync(join(folder, `${name}.code`), `${code}`);
}
process.exitCode = 0;

async function ending(changes: readonly string[]): Promise<{ code: unknown; words: string }> {
  process.env = { ...good };
  for (const change of changes) {
    const [, name = "", value = ""] = /^(\w+)=(.*)$/.exec(change) ?? [];
    process.env[name] = value.replaceAll("\\n", "\n").replaceAll("\\p", "|");
  }
  process.exitCode = undefined;
  const words: string[] = [];
  const write = process.stderr.write;
  process.stderr.write = (text: string | Uint8Array) => words.push(`${text}`) > 0;
  await step({ name: "any", summary: "any step", guide: "any section", needs }, async () => {
    words.push("the body ran\n");
  });
  process.stderr.write = write;
  return { code: process.exitCode, words: words.join("") };
}
