/** Helm releases: installed or upgraded only when something differs, and freed when an interrupted helm left them stuck. */

import { jsonAnswer } from "./answer.ts";
import type { Chart } from "./chart.ts";
import type { Cluster } from "./cluster.ts";
import { StepError } from "./errors.ts";
import { at, isSame, type JsonObject, textAt } from "./json.ts";
import * as output from "./output.ts";
import { failure } from "./run.ts";
import type { State } from "./state.ts";
import { valuesYaml } from "./values.ts";
import { waitFor } from "./wait.ts";

/** A release as it should be. */
export interface Release {
  name: string;
  namespace: string;
  chart: Chart;
  values: JsonObject;
}

/** A release as helm has it. */
export interface ReleaseStatus {
  /** "deployed", "failed", "pending-install", … */
  status: string;
  revision: number;
  chartVersion: string;
  /** The values it was given. */
  values: unknown;
}

interface EnsureOptions {
  state: State;
  dryRun: boolean;
  valuesFile: string;
  timeoutSeconds: number;
}

/** Seconds an interrupted helm is given to end by itself before its pending revision is taken as left behind. */
const PENDING_GRACE = 15;

/**
 * The release as helm has it.
 * @returns undefined when there is none
 */
export async function readRelease(
  cluster: Cluster,
  name: string,
  namespace: string,
): Promise<ReleaseStatus | undefined> {
  const read = async (command: readonly string[]): Promise<unknown> => {
    const args = [...command, name, "-n", namespace, "-o", "json"];
    const doing = `reading release ${name} on ${cluster.name}`;
    const ended = await cluster.helm(args, { doing, mutates: false });
    if (ended.exitCode === 0) return jsonAnswer(ended.stdout, doing);
    if (/release: not found/.test(ended.stderr)) return undefined;
    throw failure("helm", args, ended, { doing });
  };
  // Not `helm status`: helm 4 then reads every object of the release as well.
  const [metadata, values] = await Promise.all([read(["get", "metadata"]), read(["get", "values"])]);
  if (metadata === undefined) return undefined;
  return {
    status: textAt(metadata, "status") ?? "unknown",
    revision: Number(at(metadata, "revision")),
    chartVersion: textAt(metadata, "version") ?? "unknown",
    values: values ?? {},
  };
}

/** Whether a release is deployed with just this chart version and these values. */
export function isAsWanted(found: ReleaseStatus | undefined, wanted: Release): boolean {
  return (
    found?.status === "deployed" &&
    found.chartVersion === wanted.chart.version &&
    // JSON and back: what helm returns has been through JSON too.
    isSame(found.values, JSON.parse(JSON.stringify(wanted.values)))
  );
}

/**
 * Installs or upgrades a release where it is not as wanted, and keeps its values as `<cluster>/<file>` in the state folder.
 * Does not wait for what the release deploys.
 * @returns whether anything was changed
 */
export async function ensureRelease(cluster: Cluster, wanted: Release, options: EnsureOptions): Promise<boolean> {
  return ensureReleaseFrom(await readRelease(cluster, wanted.name, wanted.namespace), cluster, wanted, options);
}

/** As {@link ensureRelease}, where the release has been read already. @param found undefined: there is none */
export async function ensureReleaseFrom(
  found: ReleaseStatus | undefined,
  cluster: Cluster,
  wanted: Release,
  options: EnsureOptions,
): Promise<boolean> {
  const label = `release ${wanted.name} (${wanted.chart.version}) in namespace ${wanted.namespace} of ${cluster.name}`;
  if (isAsWanted(found, wanted)) {
    output.already(`${label} is deployed with these values`);
    return false;
  }
  if (options.dryRun) {
    output.wouldDo(`${found ? "upgrade" : "install"} ${label}`);
    return true;
  }
  const values = options.state.write(valuesYaml(wanted.values), cluster.name, options.valuesFile);
  if (found?.status.startsWith("pending-")) await freeStuckRelease(cluster, wanted);
  await upgrade(cluster, wanted, values, options.timeoutSeconds);
  output.done(`${label} ${found ? "upgraded" : "installed"}; values: ${values}`);
  return true;
}

/** Waits until no helm is at work on a release; what a killed one left pending is freed. */
export async function settleRelease(cluster: Cluster, name: string, namespace: string): Promise<void> {
  const found = await readRelease(cluster, name, namespace);
  if (found?.status.startsWith("pending-")) await freeStuckRelease(cluster, { name, namespace });
}

async function upgrade(cluster: Cluster, wanted: Release, valuesFile: string, timeoutSeconds: number): Promise<void> {
  const doing = `installing release ${wanted.name} on ${cluster.name}`;
  const args = ["upgrade", "--install", wanted.name, wanted.chart.path, "-n", wanted.namespace, "--create-namespace"];
  args.push("-f", valuesFile, "--timeout", `${timeoutSeconds}s`, "--history-max", "10");
  const ended = await cluster.helm(args, { doing, mutates: true, timeoutSeconds: timeoutSeconds + 10 });
  if (ended.exitCode !== 0)
    throw failure("helm", args, ended, { doing, next: `see what helm says above; then run this again` });
}

/**
 * Removes the record of a revision that a killed helm left pending, which otherwise blocks every later run. The objects
 * it made stay and are adopted by the next upgrade; nothing is uninstalled.
 */
async function freeStuckRelease(cluster: Cluster, wanted: Pick<Release, "name" | "namespace">): Promise<void> {
  const look = async () => {
    const found = await readRelease(cluster, wanted.name, wanted.namespace);
    if (!found?.status.startsWith("pending-")) return { done: undefined };
    return { pending: `release ${wanted.name} is ${found.status}: waiting whether another helm is at work` };
  };
  const wait = { what: "the other helm", timeoutSeconds: PENDING_GRACE, look, next: "" };
  try {
    await waitFor(wait);
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    const found = await readRelease(cluster, wanted.name, wanted.namespace);
    if (!found?.status.startsWith("pending-")) return;
    const record = `secret/sh.helm.release.v1.${wanted.name}.v${found.revision}`;
    await cluster.change(["delete", record, "-n", wanted.namespace], {
      doing: `removing the record of the interrupted ${found.status} on ${cluster.name}`,
    });
    output.done(`release ${wanted.name} was left ${found.status} by an interrupted helm: its record was removed`);
  }
}

/**
 * Uninstalls a release; one that is gone already is fine. What its chart marks to be kept stays.
 * @throws StepError with helm's words
 */
export async function uninstallRelease(
  cluster: Cluster,
  name: string,
  namespace: string,
  timeoutSeconds: number,
): Promise<void> {
  const doing = `uninstalling release ${name} on ${cluster.name}`;
  const args = ["uninstall", name, "-n", namespace, "--ignore-not-found", "--timeout", `${timeoutSeconds}s`];
  const ended = await cluster.helm(args, { doing, mutates: true, timeoutSeconds: timeoutSeconds + 10 });
  if (ended.exitCode !== 0) throw failure("helm", args, ended, { doing });
}
