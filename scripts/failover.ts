/**
 * Makes a standby the active because the active is dead or can't be reached: what the standby never received is lost.
 * TSB's documentation, failover; the phases are those of lib/failover.ts.
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
    name: "failover",
    summary: "makes a standby the active, because the active is dead or can't be reached",
    guide: "after the guide; TSB's documentation, failover",
    exits: { 4: "begun but not finished (run it again)" },
    needs: ["TO", "MP_FLOAT_DNS", "TSB_ORG", "TSB_VERSION", "TSB_ADMIN_PASSWORD"],
    heeds: ["UNDO", "ALLOW_DATA_LOSS", "ALLOW_TOKEN_LOSS", "CLUSTER_NAME", ...ROLE_HEEDS],
    tools: ["kubectl", "helm", "tctl"],
    again: "make failover TO=…",
  },
  async (settings, { state, dryRun }) => {
    const wanted = { kind: "failover", to: settings.TO, dryRun, again: `make failover TO=${settings.TO}` } as const;
    await (settings.UNDO ? undoRoles : changeRoles)(settings, state, wanted);
  },
);
