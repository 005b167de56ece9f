/**
 * Facts on standard input, changed here and there, judged or rendered: status.ts judge|render|json '{"path.to.fact": value}'
 * `judge` prints a line for the verdict, for serving and for a failover, then one for each finding: severity, code, what
 * it is about, mend.
 */

import { readFileSync } from "node:fs";
import type { StatusFacts } from "../../lib/status-facts.ts";
import { judge } from "../../lib/status-judge.ts";
import { render } from "../../lib/status-render.ts";

const [what, patch = "{}"] = process.argv.slice(2);
const facts: StatusFacts = JSON.parse(readFileSync(0, "utf8"));
for (const [path, value] of Object.entries(JSON.parse(patch) as Record<string, unknown>))
  set(facts, path.split("."), value);

const report = judge(facts, { failWithinDays: 30 });
if (what === "render") console.log(render(report, { colour: false }));
else if (what === "json") console.log(JSON.stringify(report));
else {
  const { verdict, failover } = report;
  console.log(`${verdict}; serving: ${report.isServing ? report.active : "no"}; failover: ${failover.to ?? "no"}`);
  for (const { severity, code, about, mend } of report.findings) console.log(`${severity} ${code} ${about}: ${mend}`);
}

function set(object: unknown, [key = "", ...rest]: string[], value: unknown): void {
  const holder = object as Record<string, unknown>;
  // `*` is every element; a workload is named rather than counted.
  const keys = key === "*" ? Object.keys(holder) : [keyOf(holder, key)];
  for (const one of keys) {
    if (rest.length === 0) holder[one] = value;
    else set(holder[one], rest, value);
  }
}

function keyOf(holder: Record<string, unknown>, key: string): string {
  if (!Array.isArray(holder) || /^\d+$/.test(key)) return key;
  return String(holder.findIndex((item: { name: string }) => item.name === key));
}
