/**
 * Packs what somebody else needs to understand this pair, without its secrets.
 *
 * Reads: status; resources, events, operator logs, helm's history (without values) of every cluster; versions
 * Writes: OUT, or support/<time>.tar.gz in the state folder (mode 0600)
 * Redacted: of Secrets only names, types and the names of their entries; then every secret value that is known, in plain
 * text and in base64, and whatever looks like a key or token, is replaced in every file
 */

import * as output from "../lib/output.ts";
import { gather } from "../lib/status-gather.ts";
import { judge } from "../lib/status-judge.ts";
import { step } from "../lib/step.ts";
import { collect, pack } from "../lib/support-bundle.ts";

await step(
  {
    name: "support-bundle",
    summary: "packs what helps to understand this pair, secrets redacted",
    guide: "none: for when help is needed",
    needs: ["MP_FLOAT_DNS"],
    heeds: ["OUT", "CLUSTER_NAME", "REQUEST_TIMEOUT", "STATE_DIR"],
    tools: ["kubectl", "helm", "tar"],
  },
  async (settings, { state, dryRun }) => {
    const time = new Date().toISOString().slice(0, 19).replaceAll(":", "");
    const name = `tsb-support-${time}`;
    const out = settings.OUT ?? state.path("support", `${name}.tar.gz`);
    if (dryRun) return output.wouldDo(`write ${out}`);
    const report = judge(await gather(settings, state, { dryRun }), { failWithinDays: settings.FAIL_WITHIN });
    const collected = await collect(settings, state, report);
    const packed = await pack(collected, { state, out, name });
    for (const { path, text } of collected.files)
      if (path.endsWith(".error.txt")) output.warn(`left out: ${path.replace(".error.txt", "")}: ${text.trim()}`);
    output.done(`${packed.files} files, ${(packed.bytes / 1024).toFixed(0)} KiB: ${packed.path}`);
    output.note(`verdict of status: ${report.verdict}; look through the bundle before it leaves the house`);
  },
);
