/**
 * Onboards control plane clusters to the active management plane.
 * Guide: Onboard Control Plane clusters.
 * CLUSTER_NAME names one or more, worked on side by side; one that fails does not stop the others. Writes each
 * cluster's values to the state folder (<name>/values.yaml) and release `cp` to its namespace istio-system. A rerun
 * changes nothing. Done when the management plane calls every cluster READY.
 */
import { fetchChart, tsbChart } from "../lib/chart.ts";
import type { Cluster } from "../lib/cluster.ts";
import { Interrupted, messageOf, StepError } from "../lib/errors.ts";
import { openEach, rememberCluster } from "../lib/identity.ts";
import {
  type ControlPlane,
  CP_DEPLOYMENTS,
  CP_NAMESPACE,
  CP_RELEASE,
  installTemplate,
  waitUntilReady,
} from "../lib/onboarding.ts";
import * as output from "../lib/output.ts";
import { readRootCa } from "../lib/pki.ts";
import { ensureRelease } from "../lib/release.ts";
import { step } from "../lib/step.ts";
import { Tctl } from "../lib/tctl.ts";
import { controlPlaneValues, withUserValues } from "../lib/values.ts";
import { waitForWorkloads } from "../lib/workloads.ts";

await step(
  {
    name: "onboard",
    summary: "onboards control plane clusters",
    guide: "Onboard Control Plane clusters",
    needs: ["CLUSTER_NAME", "MP_FLOAT_DNS", "TSB_ORG", "TSB_VERSION", "TSB_REGISTRY", "TSB_ADMIN_PASSWORD"],
    heeds: ["MP_PORT", "CP_CHART", "TSB_CHART_REPO", "CP_VALUES", "ONBOARD_TIMEOUT", "STATE_DIR"],
    tools: ["kubectl", "helm", "tctl"],
    again: "make onboard CLUSTER_NAME=…",
  },
  async (settings, { state, dryRun }) => {
    const named = settings.CLUSTER_NAME.map((name) => ({ name, context: settings.contextOf(name) }));
    const shared = { host: settings.MP_FLOAT_DNS, rootCa: readRootCa(state) };
    // Own values that contradict the guide are refused before anything is made.
    for (const { name } of named)
      withUserValues(controlPlaneValues(settings, { ...shared, name, template: {} }), "CP_VALUES", settings.CP_VALUES);

    const tctl = new Tctl(settings, state);
    const [opened, chart] = await Promise.all([
      openEach(named, { state, requestTimeout: settings.REQUEST_TIMEOUT }),
      fetchChart(tsbChart("controlplane", settings), state),
      tctl.ensureLogin(),
    ]);
    if (dryRun) return output.wouldDo(`make sure that these are onboarded: ${settings.CLUSTER_NAME.join(", ")}`);
    const timeoutSeconds = settings.ONBOARD_TIMEOUT;

    const onboard = async (reached: PromiseSettledResult<Cluster>): Promise<void> => {
      if (reached.status === "rejected") throw reached.reason;
      const plane: ControlPlane = { name: reached.value.name, cluster: reached.value, chart };
      const template = await installTemplate(tctl, settings.TSB_ORG, plane, state);
      const guide = controlPlaneValues(settings, { ...shared, name: plane.name, template });
      const values = withUserValues(guide, "CP_VALUES", settings.CP_VALUES);
      const release = { name: CP_RELEASE, namespace: CP_NAMESPACE, chart, values };
      await ensureRelease(plane.cluster, release, { state, dryRun, valuesFile: "values.yaml", timeoutSeconds });
      await rememberCluster(plane.cluster, state);
      await waitForWorkloads(plane.cluster, { namespace: CP_NAMESPACE, expected: CP_DEPLOYMENTS, timeoutSeconds });
      await waitUntilReady(tctl, plane, timeoutSeconds);
      output.done(`control plane ${plane.name} is READY; it dials ${settings.MP_FLOAT_DNS}:${settings.MP_PORT}`);
    };
    const outcomes = await Promise.allSettled(opened.map(onboard));

    const failures = outcomes.flatMap((outcome, i) =>
      outcome.status === "rejected" ? [{ name: named[i]?.name, error: outcome.reason as unknown }] : [],
    );
    if (failures.length === 0) return;
    if (failures.some(({ error }) => error instanceof Interrupted)) throw new Interrupted();
    throw new StepError(`${failures.length} of ${named.length} clusters could not be onboarded`, {
      details: failures.flatMap(({ name, error }) => [
        `${name}: ${messageOf(error)}`,
        ...(error instanceof StepError ? error.details.map((line) => `  ${line}`) : []),
      ]),
      next: `make onboard CLUSTER_NAME=${failures.map(({ name }) => name).join(",")}`,
    });
  },
);
