/**
 * Installs the active management plane with helm.
 * Guide: Install the active Management Plane instance.
 * Reads the instance's certificates from the state folder; writes its values there (<instance>/values.yaml) and the
 * release `mp` in namespace tsb. A rerun upgrades only when chart or values differ. Done when every deployment is ready
 * and the front envoy exposes Postgres on port 5432.
 */

import { fetchChart, tsbChart } from "../lib/chart.ts";
import { TSB_NAMESPACE } from "../lib/cluster.ts";
import { INSTALL_SETTINGS } from "../lib/config.ts";
import { StepError } from "../lib/errors.ts";
import { openAndLook, rememberCluster } from "../lib/identity.ts";
import {
  isTakenUp,
  MP_RELEASE,
  readManagementPlane,
  roleOf,
  waitForPostgresExposed,
  waitUntilTakenUp,
  warnOfComplaints,
} from "../lib/management-plane.ts";
import * as output from "../lib/output.ts";
import { readInstancePems } from "../lib/pki.ts";
import { ensureReleaseFrom, readRelease } from "../lib/release.ts";
import { step } from "../lib/step.ts";
import { activeRole, examplePasswords, managementPlaneValues, withUserValues } from "../lib/values.ts";
import { ACTIVE_DEPLOYMENTS, waitForWorkloads } from "../lib/workloads.ts";

await step(
  {
    name: "active-install",
    summary: "installs the active management plane",
    guide: "Install the active Management Plane instance",
    needs: ["ACTIVE", ...INSTALL_SETTINGS],
    heeds: ["MP_PORT", "MP_CHART", "TSB_CHART_REPO", "MP_VALUES", "LDAP_BIND_DN", "INSTALL_TIMEOUT", "STATE_DIR"],
    tools: ["kubectl", "helm"],
  },
  async (settings, { state, dryRun }) => {
    const { active } = settings;
    const guide = managementPlaneValues(settings, readInstancePems(state, active.name), activeRole());
    const values = withUserValues(guide, "MP_VALUES", settings.MP_VALUES);
    const options = { state, requestTimeout: settings.REQUEST_TIMEOUT };
    const {
      clusters: [cluster],
      seen: [resource, found],
    } = await openAndLook([active], options, ([one]) =>
      Promise.all([readManagementPlane(one), readRelease(one, MP_RELEASE, TSB_NAMESPACE)]),
    );

    if (roleOf(resource) === "standby")
      throw new StepError(
        `${active.name} is a standby management plane; installing it as the active would end its replication`,
        {
          next: `to promote it: make switchover TO=${active.name}; to install another instance: make active ACTIVE=…`,
        },
      );
    for (const name of examplePasswords(settings))
      output.warn(
        `${name} is the guide's example: everybody knows it; run \`make passwords\` before this goes to production`,
      );

    const chart = await fetchChart(tsbChart("managementplane", settings), state);
    const release = { name: MP_RELEASE, namespace: TSB_NAMESPACE, chart, values };
    const timeoutSeconds = settings.INSTALL_TIMEOUT;
    const ensure = { state, dryRun, valuesFile: "values.yaml", timeoutSeconds };
    const isChanged = await ensureReleaseFrom(found, cluster, release, ensure);
    if (dryRun) return;
    await rememberCluster(cluster, state);

    if (isChanged || !isTakenUp(resource)) await waitUntilTakenUp(cluster, timeoutSeconds);
    const count = await waitForWorkloads(cluster, {
      namespace: TSB_NAMESPACE,
      expected: ACTIVE_DEPLOYMENTS,
      timeoutSeconds,
    });
    output.done(`all ${count} workloads in namespace ${TSB_NAMESPACE} are ready`);
    await Promise.all([waitForPostgresExposed(cluster, timeoutSeconds), warnOfComplaints(cluster)]);
    output.done("Postgres is exposed on port 5432 of the front envoy");
  },
);
