/**
 * Rehearses the role change: to the standby and back again, ROUNDS times; timed, with a report that can be compared.
 * Every switchover is as careful as `make switchover`; the pair ends as it began. One that was killed halfway is
 * finished by the switchover that it names.
 */
import { changeRoles } from "../lib/change-roles.ts";
import { SettingsError, StepError } from "../lib/errors.ts";
import * as output from "../lib/output.ts";
import { readPair } from "../lib/pair.ts";
import { type Report, writeDrill } from "../lib/report.ts";
import { ROLE_HEEDS } from "../lib/role-change.ts";
import { step } from "../lib/step.ts";

await step(
  {
    name: "drill",
    summary: "switches over to the standby and back, timed",
    guide: "after the guide",
    exits: { 4: "begun but not finished (run it again)" },
    needs: ["MP_FLOAT_DNS", "TSB_ORG", "TSB_VERSION", "TSB_ADMIN_PASSWORD"],
    heeds: ["TO", "ROUNDS", "CERT_MANAGER_VERSION", "CERT_MANAGER_CHART_REPO", "CERT_MANAGER_CHART", ...ROLE_HEEDS],
    tools: ["kubectl", "helm", "tctl"],
  },
  async (settings, { state, dryRun }) => {
    const members = await readPair(settings, state);
    const active = members.find((one) => one.role === "active");
    const standbys = members.filter((one) => one.role === "standby");
    const standby = settings.TO ? standbys.find((one) => one.name === settings.TO) : standbys[0];
    if (settings.TO === undefined && standbys.length > 1)
      throw new SettingsError([
        { variable: "TO", what: "is not set, and there are several standbys", mend: "make drill TO=mp2" },
      ]);
    if (!active || !standby)
      throw new StepError("a drill needs an active and a standby; nothing was changed", { next: "make status" });

    const reports: Report[] = [];
    for (let round = 1; round <= settings.ROUNDS; round += 1) {
      for (const to of [standby.name, active.name]) {
        output.note(`round ${round} of ${settings.ROUNDS}: switchover to ${to}`);
        const report = await changeRoles(settings, state, {
          kind: "switchover",
          to,
          dryRun,
          again: `make switchover TO=${to}`,
        });
        if (dryRun) return;
        if (report) reports.push(report);
      }
    }
    const rows = reports.map((one) => [
      `${one.from} -> ${one.to}`,
      seconds(one.rtoSeconds),
      lost(one),
      seconds(longest(one)),
    ]);
    output.result(output.table([["SWITCHOVER", "RTO", "LOST", "CONTROL PLANES READY"], ...rows]));
    output.done(`report: ${writeDrill(reports, state)}`);
  },
);

function seconds(value: number | null): string {
  return value === null ? "unknown" : `${value.toFixed(1)} s`;
}

function lost(report: Report): string {
  return report.rpo ? `${report.rpo.transactions} transactions` : "unknown";
}

function longest(report: Report): number | null {
  const all = Object.values(report.controlPlanesReadySeconds);
  return all.length > 0 ? Math.max(...all) : null;
}
