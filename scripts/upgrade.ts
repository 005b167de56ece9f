/**
 * Brings all instances to TSB_VERSION: the standbys first, the active last.
 * After the guide; docs/day-two.md.
 * The releases get the chart and images of that version and nothing else. Begins only when everything works; a standby
 * that does not stream afterwards ends the run before the active is touched. A rerun goes on where an interrupted one
 * stopped, and changes nothing in the end. Done when all instances are at that version and ready, the standbys stream and
 * every control plane is READY. Control planes follow with `make onboard`.
 */
import { INSTALL_SETTINGS } from "../lib/config.ts";
import { onboardedClusters } from "../lib/control-planes.ts";
import { waitUntilHealthy } from "../lib/health.ts";
import { openInstallation } from "../lib/installed.ts";
import { withLocks } from "../lib/lease.ts";
import { waitForPostgresExposed } from "../lib/management-plane.ts";
import * as output from "../lib/output.ts";
import { tellDifferences } from "../lib/renewal.ts";
import { waitForReplication } from "../lib/replication.ts";
import { rollOut } from "../lib/rollout.ts";
import { step } from "../lib/step.ts";
import { Tctl } from "../lib/tctl.ts";
import {
  isAt,
  refuseDowngrade,
  requireHealth,
  requireVersion,
  upgradeChart,
  valuesOfVersion,
  waitForVersion,
} from "../lib/upgrade.ts";

await step(
  {
    name: "upgrade",
    summary: "brings all instances to TSB_VERSION, standbys first",
    guide: "after it: docs/day-two.md",
    needs: [...INSTALL_SETTINGS],
    heeds: ["MP_CHART", "TSB_CHART_REPO", "MP_VALUES", "FORCE_UNLOCK", "INSTALL_TIMEOUT", "REPLICATION_TIMEOUT"],
    tools: ["kubectl", "helm", "tctl"],
  },
  async (settings, { state, dryRun }) => {
    const tag = settings.TSB_VERSION;
    const found = await openInstallation(settings, state);
    refuseDowngrade(found.inOrder, tag);
    const chart = await upgradeChart(settings, state);
    const wanted = { version: chart.version, tag };
    for (const { name, role, release } of found.inOrder) output.note(`${name} (${role}) runs ${release.chartVersion}`);
    tellDifferences(found.inOrder, settings, ["image.tag"]);
    const left = found.inOrder.filter((instance) => !isAt(instance, wanted));
    if (dryRun) {
      for (const { name } of left) output.wouldDo(`upgrade ${name} to ${tag}`);
      return;
    }

    const tctl = new Tctl(settings, state);
    const clusters = left.length > 0 ? found.inOrder.map(({ cluster }) => cluster) : [];
    await withLocks(clusters, { what: "make upgrade", force: settings.FORCE_UNLOCK }, async () => {
      // Whoever held the lock before us may have changed something.
      const installation = left.length > 0 ? await openInstallation(settings, state) : found;
      await requireHealth(installation, tctl, chart.version);
      for (const instance of installation.inOrder) {
        const started = performance.now();
        const change = { values: valuesOfVersion(instance, tag), chart };
        const isChanged = await rollOut(instance, change, { state, dryRun, settings });
        const count = await waitForVersion(instance, settings.INSTALL_TIMEOUT);
        if (instance.role === "standby") await waitForReplication(instance.cluster, settings.REPLICATION_TIMEOUT);
        else await waitForPostgresExposed(instance.cluster, settings.INSTALL_TIMEOUT);
        if (!isChanged) continue;
        const seconds = ((performance.now() - started) / 1000).toFixed(1);
        output.done(`${instance.name} (${instance.role}): ${count} workloads at ${tag}, in ${seconds} s`);
        // The next one, and the active above all, is touched only when everything still works.
        if (instance.role === "standby") await waitUntilHealthy(installation, tctl, { isChanged: false, settings });
      }
      await waitUntilHealthy(installation, tctl, { isChanged: left.length > 0, settings });
    });
    const after = await openInstallation(settings, state);
    requireVersion(after.inOrder, wanted);
    output.done(`${after.inOrder.map(({ name }) => name).join(", ")}: all at ${tag}`);
    const planes = await onboardedClusters(tctl);
    if (planes.length > 0) output.note(`next, the control planes: make onboard CLUSTER_NAME=${planes.join(",")}`);
  },
);
