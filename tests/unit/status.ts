/**
 * status.ts FACTS ANSWERS: for each line of standard input, `judge|render|json {"path.to.fact": value}`, the facts in that
 * file, changed here and there, judged or rendered into the pipe ANSWERS: one process for all the tests of a file.
 * `judge` prints a line for the verdict, for serving and for a failover, then one for each finding: severity, code, what
 * it is about, mend.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import type { StatusFacts } from "../../lib/status-facts.ts";
import { judge } from "../../lib/status-judge.ts";
import { render } from "../../lib/status-render.ts";

const [fixture = "", answers = ""] = process.argv.slice(2);

for await (const line of createInterface({ input: process.stdin })) {
  let answer: string;
  try {
    answer = answerTo(line);
  } catch (error) {
    answer = String(error);
  }
  // A pipe: opening it waits for the test that reads.
  writeFileSync(answers, `${answer}\n`);
}

function answerTo(line: string): string {
  const [what = "", patch = ""] = line.split(/ (.*)/);
  const facts: StatusFacts = JSON.parse(readFileSync(fixture, "utf8"));
  for (const [path, value] of Object.entries(JSON.parse(patch) as Record<string, unknown>))
    set(facts, path.split("."), value);
  const report = judge(facts, { failWithinDays: 30 });
  if (what === "render") return render(report, { colour: false });
  if (what === "json") return JSON.stringify(report);
  const { verdict, failover } = report;
  const findings = report.findings.map(({ severity, code, about, mend }) => `${severity} ${code} ${about}: ${mend}`);
  const serving = report.isServing ? report.active : "no";
  return [`${verdict}; serving: ${serving}; failover: ${failover.to ?? "no"}`, ...findings].join("\n");
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
