/**
 * Makes a standby the active while both sides are up: nothing is lost.
 * TSB's documentation, failover; the phases are those of lib/switchover.ts.
 * Reads who is active from the clusters and from DNS. Keeps a journal on the new active (ConfigMap
 * tsb-active-standby-role-change) and a report in the state folder (reports/). Killed anywhere, a rerun finishes it;
 * before the promotion UNDO=1 takes it back. Exit codes: 0 done, 1 nothing changed, 4 begun but not finished.
 */
import { changeRoles } from "../lib/change-roles.ts";
import { ROLE_HEEDS } from "../lib/role-change.ts";
import { step } from "../lib/step.ts";
import { undoRoles } from "../lib/undo-roles.ts";

await step(
  {
    name: "switchover",
    summary: "makes a standby the active, planned: both are up, nothing is lost",
    guide: "after the guide; TSB's documentation, failover",
    exits: { 4: "begun but not finished (run it again)" },
    needs: ["TO", "MP_FLOAT_DNS", "TSB_ORG", "TSB_VERSION", "TSB_ADMIN_PASSWORD"],
    heeds: ["UNDO", "CERT_MANAGER_VERSION", "CERT_MANAGER_CHART_REPO", "CERT_MANAGER_CHART", ...ROLE_HEEDS],
    tools: ["kubectl", "helm", "tctl"],
    again: "make switchover TO=…",
  },
  async (settings, { state, dryRun }) => {
    const wanted = { kind: "switchover", to: settings.TO, dryRun, again: `make switchover TO=${settings.TO}` } as const;
    await (settings.UNDO ? undoRoles : changeRoles)(settings, state, wanted);
  },
);
