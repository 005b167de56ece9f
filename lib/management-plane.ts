/** What a cluster says of the management plane on it: nobody's notes but the cluster's own. */

import { type Cluster, find, type KubeObject, TSB_NAMESPACE } from "./cluster.ts";
import { at, countAt, isObject, listAt, textAt } from "./json.ts";
import * as output from "./output.ts";
import { waitFor } from "./wait.ts";
import { diagnose, OPERATOR_SELECTOR } from "./workloads.ts";

/** The resource that the operator works from. */
export const MANAGEMENT_PLANE = "managementplanes.install.tetrate.io";
/** The helm release, as TSB's documentation usually names it. */
export const MP_RELEASE = "mp";

/** The role that `spec.highAvailability` gives an instance; "single" has none, "none" has no ManagementPlane. */
export type Role = "active" | "standby" | "single" | "none";

/** The role of an instance, from its ManagementPlane resource. */
export function roleOf(managementPlane: KubeObject | undefined): Role {
  if (!managementPlane) return "none";
  if (at(managementPlane, "spec", "highAvailability", "active") !== undefined) return "active";
  if (at(managementPlane, "spec", "highAvailability", "standby") !== undefined) return "standby";
  return "single";
}

/** The ManagementPlane resource of a cluster, or undefined when there is none. */
export async function readManagementPlane(cluster: Cluster): Promise<KubeObject | undefined> {
  const objects = await cluster.get([`${MANAGEMENT_PLANE}/managementplane`], { namespace: TSB_NAMESPACE });
  return find(objects, "ManagementPlane", "managementplane");
}

/** What the operator says under `status.conditions` where it is not content, one line each. */
export function complaints(resource: KubeObject | undefined): string[] {
  return listAt(resource, "status", "conditions").flatMap((condition) =>
    textAt(condition, "status") === "False" ? [`${textAt(condition, "reason")}: ${textAt(condition, "message")}`] : [],
  );
}

/** Whether the operator has looked at the resource as it is now, as far as its status tells generations at all. */
export function isTakenUp(resource: KubeObject | undefined): boolean {
  const status = isObject(resource?.status) ? resource.status : {};
  const seen = [status, ...listAt(status, "conditions")].flatMap((one) => {
    const generation = at(one, "observedGeneration");
    return typeof generation === "number" ? [generation] : [];
  });
  return seen.length === 0 || Math.max(...seen) >= countAt(resource, "metadata", "generation");
}

/**
 * Waits until the operator has looked at the resource as it is now: what was ready before a change tells nothing of it.
 * @throws StepError after timeoutSeconds
 */
export async function waitUntilTakenUp(cluster: Cluster, timeoutSeconds: number): Promise<void> {
  await waitFor({
    what: `the operator of ${cluster.name}`,
    timeoutSeconds,
    look: async () =>
      isTakenUp(await readManagementPlane(cluster))
        ? { done: undefined }
        : { pending: `the operator of ${cluster.name} has not taken up the change yet` },
    diagnose: () => diagnose(cluster),
    next: cluster.look(`logs -n ${TSB_NAMESPACE} -l ${OPERATOR_SELECTOR} --tail=50`),
  });
}

/** Shows what the operator is not content with although all that was waited for is there. */
export async function warnOfComplaints(cluster: Cluster): Promise<void> {
  for (const complaint of complaints(await readManagementPlane(cluster)))
    output.warn(`the operator of ${cluster.name} says: ${complaint}`);
}

/**
 * Waits until the front envoy exposes the embedded Postgres. Guide: Install the active Management Plane instance.
 * @throws StepError after timeoutSeconds
 */
export async function waitForPostgresExposed(cluster: Cluster, timeoutSeconds: number): Promise<void> {
  await waitFor({
    what: `port 5432 on service envoy of ${cluster.name}`,
    timeoutSeconds,
    look: async () => {
      const [service] = await cluster.get(["service/envoy"], { namespace: TSB_NAMESPACE });
      const isExposed = listAt(service, "spec", "ports").some((port) => at(port, "port") === 5432);
      return isExposed ? { done: undefined } : { pending: "service envoy does not have port 5432 yet" };
    },
    diagnose: () => diagnose(cluster),
    next: cluster.look(`get service envoy -n ${TSB_NAMESPACE} -o yaml`),
  });
}
