/**
 * Answers, on one screen: could I fail over now?
 *
 * Source: TSB's documentation, failover (what must be so before and after one)
 * Reads: every instance's cluster and database, the names, TSB's API, every control plane; side by side, and bounded:
 * whatever does not answer is a finding. Changes nothing on any cluster.
 * Prints: a verdict, findings with what mends each, the facts; JSON=1: the same as JSON (docs/status.md)
 * Leaves: in the state folder, when each instance was last seen, and which control planes there were
 * Exit code: 0 ready, 3 degraded, 1 broken
 */

import * as output from "../lib/output.ts";
import type { StatusReport } from "../lib/status-findings.ts";
import { gather } from "../lib/status-gather.ts";
import { judge } from "../lib/status-judge.ts";
import { render } from "../lib/status-render.ts";
import { step } from "../lib/step.ts";
import { pause } from "../lib/wait.ts";

const EXIT_CODES = { ready: 0, degraded: 3, broken: 1 } as const;
const EVERY_SECONDS = 5;
const CLEAR_SCREEN = "\u001b[H\u001b[2J\u001b[3J";

await step(
  {
    name: "status",
    summary: "could I fail over now?",
    guide: "TSB's documentation, failover",
    exits: { 0: "ready", 1: "broken, or failed", 3: "degraded" },
    needs: ["MP_FLOAT_DNS"],
    heeds: [
      "JSON",
      "WATCH",
      "FAIL_WITHIN",
      "CLUSTER_NAME",
      "TSB_ORG",
      "TSB_ADMIN_PASSWORD",
      "MP_PORT",
      "DNS_PROVIDER",
      "DNS_SERVER",
      "DNS_RESOLVER",
      "STATE_DIR",
    ],
    tools: ["kubectl", "helm"],
    flags: { json: "print JSON (or JSON=1)", watch: "look again until interrupted (or WATCH=1)" },
  },
  async (settings, { state, flags, dryRun }) => {
    const isJson = settings.JSON || flags.has("json");
    const isWatched = settings.WATCH || flags.has("watch");
    const isTerminal = process.stdout.isTTY ?? false;
    const show = (report: StatusReport): void => {
      // A line for each look, so that a reader of the stream knows where one ends.
      const json = JSON.stringify(report, undefined, isWatched ? undefined : 2);
      const screen = render(report, { colour: isTerminal && !process.env.NO_COLOR });
      output.result(isJson ? json : isWatched && isTerminal ? `${CLEAR_SCREEN}${screen}` : screen);
    };
    for (;;) {
      const report = judge(await gather(settings, state, { dryRun }), { failWithinDays: settings.FAIL_WITHIN });
      show(report);
      process.exitCode = EXIT_CODES[report.verdict];
      if (!isWatched) return;
      await pause(EVERY_SECONDS);
    }
  },
);
