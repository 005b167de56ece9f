/**
 * What people and their tools changed, from the API servers' audit logs:
 *   audit.ts mark          prints a marker of now, e.g. "mp1=5120 mp2=0"
 *   audit.ts since MARKER  prints "N mutating requests", then a line for each
 */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { runProgram } from "./program.ts";
import { labSettings, SettingsError } from "./settings.ts";
import { readState } from "./state.ts";

interface AuditEvent {
  verb: string;
  requestURI: string;
  userAgent?: string;
  responseStatus?: { code?: number };
}

await runProgram("lab-audit", async () => {
  const { dir } = labSettings();
  const clusters = readState(dir)?.clusters;
  if (!clusters) throw new Error(`no lab in ${dir}\n  next: make lab-up`);
  const log = (cluster: string) => join(dir, cluster, "audit.log");
  const [verb, ...marker] = process.argv.slice(2);
  if (verb === "mark") {
    process.stdout.write(`${clusters.map((cluster) => `${cluster}=${statSync(log(cluster)).size}`).join(" ")}\n`);
  } else if (verb === "since") {
    const offsets = new Map(
      marker
        .join(" ")
        .split(" ")
        .map((part) => splitMark(part)),
    );
    const lines = clusters.flatMap((cluster) => changes(cluster, log(cluster), offsets.get(cluster) ?? 0));
    process.stdout.write(`${[`${lines.length} mutating requests`, ...lines].join("\n")}\n`);
  } else {
    throw new SettingsError("usage: audit.ts mark | since MARKER");
  }
});

function splitMark(part: string): [string, number] {
  const [cluster = "", offset = ""] = part.split("=");
  return [cluster, Number(offset)];
}

/** Mutating requests after that byte; a dry run changes nothing. */
function changes(cluster: string, file: string, offset: number): string[] {
  return readFileSync(file)
    .subarray(offset)
    .toString("utf8")
    .split("\n")
    .filter(Boolean)
    .map((line): AuditEvent => JSON.parse(line))
    .filter(({ requestURI }) => !requestURI.includes("dryRun=All"))
    .map((event) => `${cluster} ${event.verb} ${event.requestURI} ${event.responseStatus?.code} ${event.userAgent}`);
}
