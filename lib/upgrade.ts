/** Bringing an instance's release to another TSB version, and telling when all of it has arrived there. */

import { jsonAnswer } from "./answer.ts";
import { type Chart, fetchChart, tsbChart } from "./chart.ts";
import { type Cluster, TSB_NAMESPACE } from "./cluster.ts";
import type { Settings } from "./config.ts";
import { type Problem, SettingsError, StepError } from "./errors.ts";
import { lookAtHealth } from "./health.ts";
import type { Installation, Installed } from "./installed.ts";
import { at, isObject, type JsonObject, listAt, textAt } from "./json.ts";
import { MP_RELEASE } from "./management-plane.ts";
import { deployedValues } from "./rollout.ts";
import { failure } from "./run.ts";
import type { State } from "./state.ts";
import type { Tctl } from "./tctl.ts";
import { type Look, waitFor } from "./wait.ts";
import { diagnose, isReady, OPERATOR_SELECTOR } from "./workloads.ts";

/**
 * The order of two versions: negative when `a` is the older one. A pre-release comes before its release.
 * @param a "1.12.0", with or without a leading v
 */
export function compareVersions(a: string, b: string): number {
  const [coreA = "", preA] = a.replace(/^v|\+.*$/g, "").split(/-(.*)/);
  const [coreB = "", preB] = b.replace(/^v|\+.*$/g, "").split(/-(.*)/);
  const byCore = coreA.localeCompare(coreB, "en", { numeric: true });
  if (byCore !== 0 || preA === preB) return byCore;
  if (!preA || !preB) return preA ? -1 : 1;
  return preA.localeCompare(preB, "en", { numeric: true });
}

/**
 * Refuses a version that is older than what is deployed anywhere: a database that was migrated does not go back.
 * @throws SettingsError (exit 2) naming every instance
 */
export function refuseDowngrade(installed: readonly Installed[], version: string): void {
  const newer = installed.filter(({ release }) => compareVersions(version, release.chartVersion) < 0);
  if (newer.length === 0) return;
  const problems = newer.map(
    ({ name, release }): Problem => ({
      variable: "TSB_VERSION",
      what: `is ${version}, but ${name} runs ${release.chartVersion}: a downgrade`,
      mend: `TSB_VERSION=${release.chartVersion} or newer`,
    }),
  );
  throw new SettingsError(problems);
}

/**
 * The management plane's chart of TSB_VERSION.
 * @throws SettingsError (exit 2) when MP_CHART is another version
 */
export async function upgradeChart(settings: Settings<"TSB_VERSION">, state: State): Promise<Chart> {
  const chart = await fetchChart(tsbChart("managementplane", settings), state);
  if (compareVersions(chart.version, settings.TSB_VERSION) === 0) return chart;
  const what = `is version ${chart.version}, but TSB_VERSION is ${settings.TSB_VERSION}`;
  throw new SettingsError([{ variable: "MP_CHART", what, mend: "set both to the same version, or unset MP_CHART" }]);
}

/** An instance's deployed values with the images of another version; nothing else changes. */
export function valuesOfVersion(instance: Installed, version: string): JsonObject {
  const values = deployedValues(instance);
  return { ...values, image: { ...(isObject(values.image) ? values.image : {}), tag: version } };
}

/** Whether an earlier run has begun with this instance: what is amiss there may come from that, and is for us to finish. */
function isBegun({ release }: Installed, version: string): boolean {
  return release.chartVersion === version || release.status !== "deployed";
}

/**
 * Waits until every workload of an instance is ready and none runs an image of an earlier version. Images with tags of
 * their own (a database, a proxy) are left out of account.
 * @returns how many workloads there are
 * @throws StepError after timeoutSeconds
 */
export async function waitForVersion({ name, cluster }: Installed, timeoutSeconds: number): Promise<number> {
  const earlier = await earlierVersions(cluster);
  const look = async (): Promise<Look<number>> => {
    const workloads = await cluster.get(["deployments,statefulsets"], { namespace: TSB_NAMESPACE });
    const old = workloads.filter((workload) => tagsOf(workload).some((tag) => earlier.includes(tag)));
    const waiting = [...new Set([...old, ...workloads.filter((workload) => !isReady(workload))])];
    if (waiting.length === 0) return { done: workloads.length };
    const words = `${workloads.length - waiting.length} of ${workloads.length} workloads are there`;
    return { pending: `${name}: ${words}; waiting for ${waiting[0]?.metadata.name}` };
  };
  const next = cluster.look(`logs -n ${TSB_NAMESPACE} -l ${OPERATOR_SELECTOR} --tail=50`);
  return waitFor({ what: `the new version on ${name}`, timeoutSeconds, look, diagnose: () => diagnose(cluster), next });
}

function tagsOf(workload: unknown): string[] {
  const containers = listAt(workload, "spec", "template", "spec", "containers");
  return containers.flatMap((container) => textAt(container, "image")?.split("@")[0]?.split(":").at(-1) ?? []);
}

/** The chart versions of the release's earlier revisions, other than the present one. */
async function earlierVersions(cluster: Cluster): Promise<string[]> {
  const args = ["history", MP_RELEASE, "-n", TSB_NAMESPACE, "-o", "json"];
  const doing = `reading the history of release ${MP_RELEASE} on ${cluster.name}`;
  const ended = await cluster.helm(args, { doing, mutates: false });
  if (ended.exitCode !== 0) throw failure("helm", args, ended, { doing });
  const revisions = jsonAnswer(ended.stdout, doing);
  const versions = (Array.isArray(revisions) ? revisions : []).flatMap(
    (revision: unknown) => /-(v?\d+\.\d+\.\d+.*)$/.exec(textAt(revision, "chart") ?? "")?.[1] ?? [],
  );
  return [...new Set(versions)].filter((version) => version !== versions.at(-1));
}

/** What an instance's release is to be: the chart's version, and the tag of the images. */
export interface Wanted {
  version: string;
  tag: string;
}

/** Whether an instance's release is there already. */
export function isAt({ release }: Installed, { version, tag }: Wanted): boolean {
  const isThere = release.chartVersion === version && at(release.values, "image", "tag") === tag;
  return isThere && release.status === "deployed";
}

/** @throws StepError unless all instances run just this version */
export function requireVersion(installed: readonly Installed[], wanted: Wanted): void {
  const others = installed.filter((instance) => !isAt(instance, wanted));
  if (others.length === 0) return;
  throw new StepError(`${others.map(({ name }) => name).join(", ")}: not at ${wanted.tag} in the end`, {
    next: "somebody else may be at work: make upgrade",
  });
}

/**
 * An upgrade begins only where everything works, but for instances with which an earlier run has begun.
 * @throws StepError naming what does not
 */
export async function requireHealth(installation: Installation, tctl: Tctl, version: string): Promise<void> {
  const { active, standbys } = installation;
  const { streaming, controlPlaneFaults } = await lookAtHealth(installation, tctl);
  const silent = standbys.filter((one) => !streaming.includes(one.name) && !isBegun(one, version));
  const details = [
    ...silent.map(({ name }) => `${name} does not stream from the active`),
    ...(isBegun(active, version) ? [] : controlPlaneFaults),
  ];
  if (details.length === 0) return;
  throw new StepError("an upgrade begins only where everything works", { details, next: "make status" });
}
