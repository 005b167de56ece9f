/** Bringing other values or another chart to an installed instance, and waiting until it works as before. */

import { type Chart, fetchChart, tsbChart } from "./chart.ts";
import { TSB_NAMESPACE } from "./cluster.ts";
import { StepError } from "./errors.ts";
import type { Installed } from "./installed.ts";
import { isObject, type JsonObject } from "./json.ts";
import { MP_RELEASE } from "./management-plane.ts";
import * as output from "./output.ts";
import { ensureRelease, isAsWanted } from "./release.ts";
import { lookAtReplication, readDatabase, waitForReplication } from "./replication.ts";
import type { State } from "./state.ts";
import { ACTIVE_DEPLOYMENTS, waitForWorkloads } from "./workloads.ts";

/** The settings that a rollout takes. */
export interface RolloutSettings {
  INSTALL_TIMEOUT: number;
  REPLICATION_TIMEOUT: number;
}

/** What an instance's release is to become. */
export interface Change {
  values: JsonObject;
  chart: Chart;
}

/**
 * The chart that a release was installed with, so that an upgrade to other values is no upgrade of the software.
 * @throws StepError when MP_CHART or CP_CHART is another version than the one deployed
 */
export async function deployedChart(
  name: "managementplane" | "controlplane",
  deployedVersion: string,
  settings: { TSB_CHART_REPO: string; MP_CHART: string | undefined; CP_CHART: string | undefined },
  state: State,
): Promise<Chart> {
  const chart = await fetchChart(tsbChart(name, { ...settings, TSB_VERSION: deployedVersion }), state);
  if (chart.version === deployedVersion) return chart;
  const variable = name === "managementplane" ? "MP_CHART" : "CP_CHART";
  throw new StepError(`${variable} is version ${chart.version}, but ${deployedVersion} is deployed`, {
    next: `unset ${variable} to take the deployed version from TSB_CHART_REPO, or bring the software up first: make upgrade`,
  });
}

/** Whether an instance's release is just so already. */
export function isRolledOut(instance: Installed, { values, chart }: Change): boolean {
  return isAsWanted(instance.release, { name: MP_RELEASE, namespace: TSB_NAMESPACE, chart, values });
}

/**
 * Upgrades an instance's release where it differs, and waits until its workloads are ready.
 * @returns whether anything was changed
 * @throws StepError when it does not become ready in time
 */
export async function rollOut(
  instance: Installed,
  change: Change,
  options: { state: State; dryRun: boolean; settings: RolloutSettings },
): Promise<boolean> {
  const { state, dryRun, settings } = options;
  const timeoutSeconds = settings.INSTALL_TIMEOUT;
  const release = { name: MP_RELEASE, namespace: TSB_NAMESPACE, ...change };
  const isChanged = await ensureRelease(instance.cluster, release, {
    state,
    dryRun,
    valuesFile: "values.yaml",
    timeoutSeconds,
  });
  if (!dryRun) await waitUntilReady(instance, timeoutSeconds);
  return isChanged;
}

/** Waits until all workloads of an instance are ready: on a standby those that it has. */
export async function waitUntilReady(instance: Installed, timeoutSeconds: number): Promise<number> {
  const expected = instance.role === "standby" ? ["tsb-operator-management-plane"] : ACTIVE_DEPLOYMENTS;
  return waitForWorkloads(instance.cluster, { namespace: TSB_NAMESPACE, expected, timeoutSeconds });
}

/** The names of the standbys whose database streams at this moment. */
export async function streaming(standbys: readonly Installed[]): Promise<string[]> {
  const looks = await Promise.all(standbys.map(({ cluster }) => lookAtReplication(cluster)));
  return standbys.flatMap(({ name }, i) => (looks[i] && "done" in looks[i] ? [name] : []));
}

/**
 * Waits until the standbys stream, and says so.
 * @throws StepError when one does not in time
 */
export async function waitUntilStreaming(standbys: readonly Installed[], timeoutSeconds: number): Promise<void> {
  await Promise.all(standbys.map(({ cluster }) => waitForReplication(cluster, timeoutSeconds)));
  for (const { name, cluster } of standbys) {
    const { senderHost, lsn } = await readDatabase(cluster);
    output.done(`Postgres on ${name} streams from ${senderHost ?? "the active"}, at ${lsn}`);
  }
}

/** The values of an instance's release as they are deployed. */
export function deployedValues({ release }: Pick<Installed, "release">): JsonObject {
  return isObject(release.values) ? release.values : {};
}
