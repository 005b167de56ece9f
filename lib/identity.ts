/** Safeguard against the wrong cluster: a context must still lead where it led when we first used it. */

import { Cluster } from "./cluster.ts";
import { contextVariable } from "./config.ts";
import { type Problem, SettingsError, StepError } from "./errors.ts";
import { textAt } from "./json.ts";
import type { State } from "./state.ts";

/** What {@link openClusters} needs to know of a cluster: its name for us ("mp1", "cp1") and its kube context. */
export interface Named {
  name: string;
  context: string;
}

/** A cluster, and the UID of its namespace kube-system: what makes it this cluster and no other. */
export interface Identified {
  cluster: Cluster;
  uid: string;
}

interface Options {
  state: State;
  /** Seconds for one request. */
  requestTimeout: number;
}

/**
 * Binds to clusters, side by side, after checking that each is the one it was before and that no two are the same.
 * @throws StepError when a cluster can't be reached
 * @throws SettingsError (exit 2) when a context leads to another cluster than before, or two lead to one
 */
export async function openClusters<const T extends readonly Named[]>(
  named: T,
  options: Options,
): Promise<{ [K in keyof T]: Cluster }> {
  const identified = await Promise.all(named.map((one) => identify(one, options)));
  const problems = identityProblems(identified, options.state);
  if (problems.length > 0) throw new SettingsError(problems);
  // One cluster was made for each name, in the same order.
  return identified.map(({ cluster }) => cluster) as { [K in keyof T]: Cluster };
}

/**
 * As {@link openClusters}, with a first look at the clusters meanwhile: one round of questions less to wait for.
 * @param look must change nothing; what it saw is given out, and its failure told, only when the clusters are the right ones
 */
export async function openAndLook<const T extends readonly Named[], Seen>(
  named: T,
  options: Options,
  look: (clusters: { [K in keyof T]: Cluster }) => Promise<Seen>,
): Promise<{ clusters: { [K in keyof T]: Cluster }; seen: Seen }> {
  const unproven = named.map(({ name, context }) => new Cluster(name, context, options));
  // One cluster was made for each name, in the same order.
  const looking = look(unproven as { [K in keyof T]: Cluster });
  const [opened, looked] = await Promise.allSettled([openClusters(named, options), looking]);
  if (opened.status === "rejected") throw opened.reason;
  if (looked.status === "rejected") throw looked.reason;
  return { clusters: opened.value, seen: looked.value };
}

/**
 * As {@link openClusters}, for clusters that have nothing to do with each other: one that can't be reached is rejected
 * in its own place, and says nothing about the others.
 * @throws SettingsError (exit 2) when a context leads to another cluster than before, or two lead to one
 */
export async function openEach(named: readonly Named[], options: Options): Promise<PromiseSettledResult<Cluster>[]> {
  const reached = await Promise.allSettled(named.map((one) => identify(one, options)));
  const identified = reached.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  const problems = identityProblems(identified, options.state);
  if (problems.length > 0) throw new SettingsError(problems);
  return reached.map((one) => (one.status === "fulfilled" ? { ...one, value: one.value.cluster } : one));
}

/**
 * Reaches a cluster and reads its identity.
 * @throws StepError when it can't be reached
 */
export async function identify({ name, context }: Named, options: Options): Promise<Identified> {
  const cluster = new Cluster(name, context, options);
  return { cluster, uid: await uidOf(cluster) };
}

/**
 * What is wrong with the identities of clusters: one that is another than before (as {@link rememberCluster} kept it),
 * two that are the same, one that is known by another name.
 */
export function identityProblems(identified: readonly Identified[], state: State): Problem[] {
  return identified.flatMap(({ cluster, uid }, index) => {
    const variable = contextVariable(cluster.name);
    const before = state.read(cluster.name, "cluster-uid")?.trim();
    const twin = identified.slice(0, index).find((other) => other.uid === uid)?.cluster;
    const other = before || twin ? undefined : knownAs(uid, cluster.name, state);
    const problems: Problem[] = [];
    if (before && before !== uid)
      problems.push({
        variable,
        what: `"${cluster.context}" now leads to another cluster (kube-system ${uid}) than the one ${cluster.name} was installed on (${before})`,
        mend: `mend the context; if ${cluster.name} was rebuilt on purpose, remove ${state.path(cluster.name, "cluster-uid")}`,
      });
    if (twin)
      problems.push({
        variable,
        what: `"${cluster.context}" and "${twin.context}" (${twin.name}) are one and the same cluster (kube-system ${uid})`,
        mend: "give each its own cluster",
      });
    if (other)
      problems.push({
        variable,
        what: `"${cluster.context}" leads to the cluster of ${other} (kube-system ${uid})`,
        mend: `mend the context; if ${other} is now called ${cluster.name}, remove ${state.path(other, "cluster-uid")}`,
      });
    return problems;
  });
}

/** The other name under which a cluster is remembered. */
function knownAs(uid: string, name: string, state: State): string | undefined {
  return state.folders().find((folder) => folder !== name && state.read(folder, "cluster-uid")?.trim() === uid);
}

/** Keeps a cluster's identity as `<name>/cluster-uid` in the state folder, once something of ours is on it. */
export async function rememberCluster(cluster: Cluster, state: State): Promise<void> {
  if (state.read(cluster.name, "cluster-uid") === undefined)
    state.write(`${await uidOf(cluster)}\n`, cluster.name, "cluster-uid");
}

/** What was read already: a context does not change its cluster under one run. */
const uids = new WeakMap<Cluster, string>();

async function uidOf(cluster: Cluster): Promise<string> {
  const known = uids.get(cluster);
  if (known) return known;
  const [namespace] = await cluster.get(["namespace/kube-system"]);
  const uid = textAt(namespace, "metadata", "uid");
  if (!uid)
    throw new StepError(`${cluster.name}: the cluster of context "${cluster.context}" has no namespace kube-system`);
  uids.set(cluster, uid);
  return uid;
}
