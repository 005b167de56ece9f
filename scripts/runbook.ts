/**
 * Writes the runbook of this very pair: switchover, failover and rejoin by hand.
 *
 * Source: TSB's documentation, failover
 * Reads: the settings, and which control planes `status` saw last; no cluster, no secret
 * Prints: Markdown, or one self-contained HTML page with FORMAT=html; OUT=file writes it there
 * Rerun: after a change of settings; keep it where you can read it on the day when this machine is gone
 */

import { SettingsError } from "../lib/errors.ts";
import * as output from "../lib/output.ts";
import { runbook, titleOf } from "../lib/runbook.ts";
import { toHtml, toMarkdown } from "../lib/runbook-document.ts";
import { runbookNames } from "../lib/runbook-names.ts";
import { writeFileAtomically } from "../lib/state.ts";
import { step } from "../lib/step.ts";

await step(
  {
    name: "runbook",
    summary: "role changes of this pair by hand, for the day when this tool can't run",
    guide: "TSB's documentation, failover",
    needs: ["MP_FLOAT_DNS", "TSB_ORG", "TSB_VERSION"],
    heeds: [
      "ACTIVE",
      "OUT",
      "FORMAT",
      "CLUSTER_NAME",
      "MP_PORT",
      "MP_CHART",
      "TSB_CHART_REPO",
      "DNS_PROVIDER",
      "STATE_DIR",
    ],
  },
  async (settings, { state, dryRun }) => {
    const names = runbookNames(settings, state);
    if (!names)
      throw new SettingsError([
        {
          variable: "MP2_CONTEXT",
          what: "a pair needs two instances with a kube context",
          mend: "set MPn_DNS and MPn_CONTEXT of both",
        },
      ]);
    const blocks = runbook(names);
    const document = settings.FORMAT === "html" ? toHtml(titleOf(names), blocks) : toMarkdown(blocks);
    if (!settings.OUT) return output.result(document.trimEnd());
    if (dryRun) return output.wouldDo(`write ${settings.OUT}`);
    writeFileAtomically(settings.OUT, document);
    output.done(`runbook written to ${settings.OUT}; keep a copy off this machine`);
  },
);
