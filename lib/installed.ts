/** The instances that are installed, and their present roles: asked of their clusters, not of ACTIVE and STANDBY. */

import type { Cluster } from "./cluster.ts";
import { TSB_NAMESPACE } from "./cluster.ts";
import { type Instance, type InstanceNames, unknownContexts } from "./config.ts";
import { SettingsError, StepError } from "./errors.ts";
import { openClusters } from "./identity.ts";
import { MP_RELEASE, type Role, readManagementPlane, roleOf } from "./management-plane.ts";
import * as output from "./output.ts";
import { type ReleaseStatus, readRelease } from "./release.ts";
import type { State } from "./state.ts";

/** An instance with its cluster, and what is on it. */
export interface Installed {
  /** "mp1" */
  name: string;
  /** The permanent FQDN. */
  dns: string;
  cluster: Cluster;
  role: Role;
  release: ReleaseStatus;
}

/** One active and its standbys. */
export interface Installation {
  active: Installed;
  standbys: readonly Installed[];
  /** The order in which changes are made: the active last. */
  inOrder: readonly Installed[];
}

/**
 * Looks at the cluster of every instance in the settings.
 * @throws SettingsError (exit 2) when a context is missing or wrong
 * @throws StepError when a cluster can't be reached, or there is not just one active
 */
export async function openInstallation(
  settings: { instances: readonly InstanceNames[]; REQUEST_TIMEOUT: number },
  state: State,
): Promise<Installation> {
  const instances = reachable(settings.instances, state);
  const clusters = await openClusters(instances, { state, requestTimeout: settings.REQUEST_TIMEOUT });
  const found = await Promise.all(instances.map((instance, i) => lookAt(instance, clusters[i])));
  const installed = found.flatMap((one) => one ?? []);
  const standbys = installed.filter(({ role }) => role === "standby");
  const actives = installed.filter(({ role }) => role !== "standby");
  const [active] = actives;
  if (!active || actives.length > 1) throw notOneActive(actives, standbys);
  return { active, standbys, inOrder: [...standbys, active] };
}

/** Those with a context. One that we installed and whose context is gone from the settings must not be passed over. */
function reachable(instances: readonly InstanceNames[], state: State): Instance[] {
  const problems = unknownContexts(instances);
  for (const { name, context } of instances) {
    if (context) continue;
    if (state.read(name, "cluster-uid") === undefined) output.note(`${name} has no context: passed over`);
    else {
      const what = `is not set, but ${name} was installed from here`;
      problems.push({ variable: `${name.toUpperCase()}_CONTEXT`, what, mend: "give its kube context" });
    }
  }
  if (problems.length > 0) throw new SettingsError(problems);
  return instances.flatMap(({ context, ...names }) => (context ? [{ ...names, context }] : []));
}

async function lookAt(instance: Instance, cluster: Cluster | undefined): Promise<Installed | undefined> {
  if (!cluster) throw new Error(`no cluster for ${instance.name}`);
  const [managementPlane, release] = await Promise.all([
    readManagementPlane(cluster),
    readRelease(cluster, MP_RELEASE, TSB_NAMESPACE),
  ]);
  const role = roleOf(managementPlane);
  if (role === "none") {
    output.note(`${instance.name} has no management plane: passed over`);
    return undefined;
  }
  if (!release)
    throw new StepError(`${instance.name} has a management plane, but no helm release ${MP_RELEASE}`, {
      next: `see how it was installed: helm list -A --kube-context ${cluster.context}`,
    });
  return { name: instance.name, dns: instance.dns, cluster, role, release };
}

function notOneActive(actives: readonly Installed[], standbys: readonly Installed[]): StepError {
  const names = (list: readonly Installed[]) => list.map(({ name }) => name).join(", ") || "none";
  return new StepError(`there must be one active; active now: ${names(actives)}; standby: ${names(standbys)}`, {
    next: "finish the install or the role change first: make status",
  });
}
