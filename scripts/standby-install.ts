/**
 * Installs a standby management plane with helm, and verifies that its database streams from the active.
 * Guide: Deploy the Standby instance; with REPLICATION_SETTINGS=file.yaml: Additional notes.
 * Takes the active's values and changes what the guide changes: the certificates and spec.highAvailability. Writes the
 * values to the state folder (<instance>/values.yaml) and release `mp` in namespace tsb. A rerun changes nothing.
 */

import { fetchChart, tsbChart } from "../lib/chart.ts";
import { TSB_NAMESPACE } from "../lib/cluster.ts";
import { INSTALL_SETTINGS } from "../lib/config.ts";
import { openAndLook, rememberCluster } from "../lib/identity.ts";
import { MP_RELEASE, warnOfComplaints } from "../lib/management-plane.ts";
import * as output from "../lib/output.ts";
import { readInstancePems } from "../lib/pki.ts";
import { ensureReleaseFrom, readRelease } from "../lib/release.ts";
import { describeLag, readDatabase, waitForReplication } from "../lib/replication.ts";
import { checkSharedPasswords, checkStandbyPrerequisites } from "../lib/standby.ts";
import { step } from "../lib/step.ts";
import { managementPlaneValues, manualStandbyRole, standbyRole, withUserValues } from "../lib/values.ts";

await step(
  {
    name: "standby-install",
    summary: "installs the standby management plane",
    guide: "Deploy the Standby instance",
    needs: ["ACTIVE", "STANDBY", ...INSTALL_SETTINGS],
    heeds: [
      "MP_PORT",
      "MP_CHART",
      "TSB_CHART_REPO",
      "MP_VALUES",
      "REPLICATION_SETTINGS",
      "REPLICATION_TIMEOUT",
      "STATE_DIR",
    ],
    tools: ["kubectl", "helm"],
  },
  async (settings, { state, dryRun }) => {
    const { active, standby, REPLICATION_SETTINGS } = settings;
    const role = REPLICATION_SETTINGS
      ? manualStandbyRole(REPLICATION_SETTINGS)
      : standbyRole(active.dns, settings.MP_PORT);
    const guide = managementPlaneValues(settings, readInstancePems(state, standby.name), role);
    const values = withUserValues(guide, "MP_VALUES", settings.MP_VALUES);
    const options = { state, requestTimeout: settings.REQUEST_TIMEOUT };
    const isManual = REPLICATION_SETTINGS !== undefined;
    const {
      clusters: [source, target],
      seen: [found],
    } = await openAndLook([active, standby], options, ([from, to]) =>
      Promise.all([
        readRelease(to, MP_RELEASE, TSB_NAMESPACE),
        checkStandbyPrerequisites(to, { isManual }),
        checkSharedPasswords(from, settings),
      ]),
    );
    const chart = await fetchChart(tsbChart("managementplane", settings), state);
    const release = { name: MP_RELEASE, namespace: TSB_NAMESPACE, chart, values };
    const timeoutSeconds = settings.INSTALL_TIMEOUT;
    await ensureReleaseFrom(found, target, release, { state, dryRun, valuesFile: "values.yaml", timeoutSeconds });
    if (dryRun) return;
    await rememberCluster(target, state);

    await waitForReplication(target, settings.REPLICATION_TIMEOUT);
    const [here, there] = await Promise.all([readDatabase(target), readDatabase(source), warnOfComplaints(target)]);
    output.done(
      `Postgres on ${standby.name} streams from ${here.senderHost ?? active.dns}: ${describeLag(there, here)}`,
    );
  },
);
