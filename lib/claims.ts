/** The volume claims of the embedded Postgres: its operator clones only into empty volumes. */

import { type Cluster, type KubeObject, TSB_NAMESPACE } from "./cluster.ts";
import type { ClaimRecord } from "./journal.ts";
import { textAt } from "./json.ts";
import * as output from "./output.ts";
import { type Look, waitFor } from "./wait.ts";

/** As Kubegres names them: postgres-db-<resource>-<instance>-0. */
const DATABASE_CLAIM = /^postgres-db-tsb-postgres-\d+-\d+$/;
/** Seconds after which a pod that still uses a claim is deleted, too. */
const LET_GO = 5;

/** The claims of the database, and no others, that a cluster has now. */
export async function readClaims(cluster: Cluster): Promise<ClaimRecord[]> {
  return (await databaseClaims(cluster)).flatMap((claim) => {
    const uid = textAt(claim, "metadata", "uid");
    return uid ? [{ name: claim.metadata.name, uid }] : [];
  });
}

/**
 * Deletes claims, each by its UID: one of the same name that was made since is another one, and stays.
 * @throws StepError when one is still there after timeoutSeconds
 */
export async function deleteClaims(
  cluster: Cluster,
  claims: readonly ClaimRecord[],
  timeoutSeconds: number,
): Promise<void> {
  const present = await stillThere(cluster, claims);
  if (present.length === 0) return;
  for (const claim of present) {
    if (textAt(claim, "metadata", "deletionTimestamp") === undefined) await deleteByUid(cluster, claim);
  }
  const began = Date.now();
  let podsDeleted = false;
  await waitFor({
    what: `deletion of the database's claims on ${cluster.name}`,
    timeoutSeconds,
    look: async (): Promise<Look<true>> => {
      const left = await stillThere(cluster, claims);
      if (left.length === 0) return { done: true };
      if (!podsDeleted && Date.now() - began > LET_GO * 1000) {
        podsDeleted = true;
        await deletePods(cluster);
      }
      return { pending: `${left.map((claim) => claim.metadata.name).join(", ")}: still in use` };
    },
    next: cluster.look(`describe pvc,pods -n ${TSB_NAMESPACE} -l app=tsb-postgres`),
  });
  output.done(`claim ${present.map((claim) => claim.metadata.name).join(", ")} on ${cluster.name} deleted`);
}

async function databaseClaims(cluster: Cluster): Promise<KubeObject[]> {
  const claims = await cluster.get(["persistentvolumeclaims"], { namespace: TSB_NAMESPACE });
  return claims.filter((claim) => DATABASE_CLAIM.test(claim.metadata.name));
}

async function stillThere(cluster: Cluster, claims: readonly ClaimRecord[]): Promise<KubeObject[]> {
  const uids = new Set(claims.map(({ uid }) => uid));
  return (await databaseClaims(cluster)).filter((claim) => uids.has(textAt(claim, "metadata", "uid") ?? ""));
}

/** The API server itself makes sure that it is the claim that was meant. */
async function deleteByUid(cluster: Cluster, claim: KubeObject): Promise<void> {
  const { name } = claim.metadata;
  const uid = textAt(claim, "metadata", "uid");
  const options = { apiVersion: "v1", kind: "DeleteOptions", preconditions: { uid } };
  const path = `/api/v1/namespaces/${TSB_NAMESPACE}/persistentvolumeclaims/${name}`;
  await cluster.change(["delete", "--raw", path, "-f", "-"], {
    doing: `deleting claim ${name} on ${cluster.name}`,
    input: JSON.stringify(options),
  });
}

/** A claim goes only when no pod uses it; the pod that comes in its place waits for a new, empty one. */
async function deletePods(cluster: Cluster): Promise<void> {
  const pods = (await cluster.get(["pods"], { namespace: TSB_NAMESPACE, selector: "app=tsb-postgres" })).map(
    (pod) => `pod/${pod.metadata.name}`,
  );
  if (pods.length === 0) return;
  output.note(`deleting ${pods.join(", ")} on ${cluster.name}, which still uses the old volume`);
  await cluster.change(["delete", ...pods, "-n", TSB_NAMESPACE, "--wait=false", "--ignore-not-found"], {
    doing: `deleting the Postgres pods on ${cluster.name}`,
  });
}
