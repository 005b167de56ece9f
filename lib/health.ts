/** What works before a change, and must work after it: standbys that stream, control planes that are READY. */

import { clustersNotReady, onboardedClusters, waitForControlPlanes } from "./control-planes.ts";
import { StepError } from "./errors.ts";
import type { Installation } from "./installed.ts";
import { complaints, readManagementPlane } from "./management-plane.ts";
import * as output from "./output.ts";
import { type RolloutSettings, streaming, waitUntilStreaming } from "./rollout.ts";
import type { Tctl } from "./tctl.ts";

/** What was found before anything was changed. */
export interface Health {
  /** Names of the standbys that stream. */
  streaming: readonly string[];
  /** What the active says against its control planes, or why it can't be asked, one line each. */
  controlPlaneFaults: readonly string[];
  /** All that is not as it should be, one line each. */
  faults: readonly string[];
}

/** Seconds for which control planes are watched after a change: one that was lost is called READY for a while. */
const STEADY_SECONDS = 6;

/** Looks at standbys and control planes. What can't be asked is a fault, not an error: an expired certificate looks so. */
export async function lookAtHealth({ standbys }: Installation, tctl: Tctl): Promise<Health> {
  const [streamers, planeFaults] = await Promise.all([streaming(standbys), lookAtControlPlanes(tctl)]);
  const silent = standbys.filter(({ name }) => !streamers.includes(name));
  return {
    streaming: streamers,
    controlPlaneFaults: planeFaults,
    faults: [...silent.map(({ name }) => `${name} does not stream from the active`), ...planeFaults],
  };
}

async function lookAtControlPlanes(tctl: Tctl): Promise<readonly string[]> {
  try {
    await tctl.ensureLogin();
    return await clustersNotReady(tctl, await onboardedClusters(tctl));
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    return [error.message];
  }
}

/**
 * Waits until every standby streams and every control plane is READY.
 * @param isChanged something was changed just now: control planes are watched for some seconds
 * @throws StepError when one is not in time
 */
export async function waitUntilHealthy(
  { standbys, inOrder }: Installation,
  tctl: Tctl,
  options: { isChanged: boolean; settings: RolloutSettings & { ONBOARD_TIMEOUT: number } },
): Promise<void> {
  const { isChanged, settings } = options;
  await waitUntilStreaming(standbys, settings.REPLICATION_TIMEOUT);
  await tctl.ensureLogin();
  const names = await onboardedClusters(tctl);
  const steadySeconds = isChanged ? STEADY_SECONDS : 0;
  await waitForControlPlanes(tctl, names, { timeoutSeconds: settings.ONBOARD_TIMEOUT, steadySeconds });
  const words = await Promise.all(inOrder.map(async ({ cluster }) => complaints(await readManagementPlane(cluster))));
  for (const [i, { name }] of inOrder.entries())
    for (const complaint of words[i] ?? []) output.warn(`the operator of ${name} says: ${complaint}`);
  if (names.length === 0) output.note("no control plane is onboarded");
  else output.done(`control planes are READY: ${names.join(", ")}`);
}
