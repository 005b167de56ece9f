/** Removing an instance, in an order in which every interruption leaves something that can be found again. */

import { removeCertManager } from "./cert-manager-removal.ts";
import { type Cluster, TSB_NAMESPACE } from "./cluster.ts";
import { deleteNamespace, deleteObjects } from "./deletion.ts";
import type { Dns } from "./dns.ts";
import { removeNames } from "./dns-removal.ts";
import { MP_RELEASE } from "./management-plane.ts";
import * as output from "./output.ts";
import { uninstallRelease } from "./release.ts";
import { dropSlot } from "./replication-slot.ts";
import type { State } from "./state.ts";
import { forget, leftByHelm, tsbContents, type UninstallPlan, writeNote } from "./uninstall-plan.ts";

/**
 * Removes what the plan says, each part only where it is still there.
 * @throws StepError when a part can't be removed in time; the parts before it are gone
 */
export async function removeInstance(
  plan: UninstallPlan,
  options: { state: State; dns: Dns; timeoutSeconds: number },
): Promise<void> {
  const { target, contents, slot } = plan;
  const { state, dns, timeoutSeconds } = options;
  const { cluster, name } = target;
  writeNote(state, plan);
  // The resource first, while its operator is there to clear up after it.
  const resources = contents.ours.filter(({ kind }) => kind === "ManagementPlane");
  await deleteObjects(cluster, resources, TSB_NAMESPACE, timeoutSeconds);
  if (plan.release) await uninstallRelease(cluster, MP_RELEASE, TSB_NAMESPACE, timeoutSeconds);
  await deleteObjects(cluster, leftByHelm(contents.ours), TSB_NAMESPACE, timeoutSeconds);
  if (contents.ours.length > 0) output.done(`release, secrets and volume claims of ${name} removed`);
  if (slot) await dropSlot(slot.active.cluster, slot.name);
  await deleteObjects(cluster, plan.webhooks, undefined, timeoutSeconds);
  await removeCertManager(cluster, plan.certManager, { state, timeoutSeconds });
  // Last on the cluster: the lock of this run is in it, and would be made again, with its namespace, by a later change.
  if (plan.hasNamespace && contents.stays === undefined) await removeNamespace(cluster, timeoutSeconds);
  await removeNames(plan.names, dns);
  forget(state, name);
}

/** Looks once more before the namespace goes: somebody may have put something into it since. */
async function removeNamespace(cluster: Cluster, timeoutSeconds: number): Promise<void> {
  const { stays } = await tsbContents(cluster);
  if (stays === undefined) return deleteNamespace(cluster, TSB_NAMESPACE, timeoutSeconds);
  output.warn(`namespace ${TSB_NAMESPACE} stays, ${stays}`);
}
