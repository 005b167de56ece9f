/** Redaction on standard input: redaction.ts text SECRET… prints it without these secrets; redaction.ts object: a Kubernetes object. */

import { readFileSync } from "node:fs";
import { presentable, Redactor } from "../../lib/redaction.ts";

const [what, ...secrets] = process.argv.slice(2);
const input = readFileSync(0, "utf8");
process.stdout.write(
  what === "object" ? JSON.stringify(presentable(JSON.parse(input))) : new Redactor(secrets).redact(input),
);
