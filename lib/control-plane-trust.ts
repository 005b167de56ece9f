/** The roots that the onboarded control planes trust: read from their releases, and replaced there. */

import { trustIn, withTrust } from "./certificate-values.ts";
import type { Cluster } from "./cluster.ts";
import { type Settings, unknownContexts } from "./config.ts";
import { onboardedClusters, waitForControlPlanes } from "./control-planes.ts";
import { SettingsError, StepError } from "./errors.ts";
import { openClusters } from "./identity.ts";
import { CP_DEPLOYMENTS, CP_NAMESPACE, CP_RELEASE } from "./onboarding.ts";
import * as output from "./output.ts";
import { ensureRelease, type ReleaseStatus, readRelease } from "./release.ts";
import { deployedChart } from "./rollout.ts";
import type { State } from "./state.ts";
import type { Tctl } from "./tctl.ts";
import { waitForWorkloads } from "./workloads.ts";

/** An onboarded control plane with its cluster, and the release that is on it. */
export interface OnboardedPlane {
  name: string;
  cluster: Cluster;
  release: ReleaseStatus;
}

/**
 * Every control plane that the active knows of. None is passed over: one that does not get the new root is lost.
 * @throws SettingsError (exit 2) when one's context is not in the kubeconfig
 * @throws StepError when one can't be reached, or was not installed by helm release `cp`
 */
export async function openControlPlanes(tctl: Tctl, settings: Settings, state: State): Promise<OnboardedPlane[]> {
  const named = (await onboardedClusters(tctl)).map((name) => ({ name, context: settings.contextOf(name) }));
  const problems = unknownContexts(named);
  if (problems.length > 0) throw new SettingsError(problems);
  const clusters = await openClusters(named, { state, requestTimeout: settings.REQUEST_TIMEOUT });
  return Promise.all(
    clusters.map(async (cluster) => {
      const release = await readRelease(cluster, CP_RELEASE, CP_NAMESPACE);
      if (release && trustIn(release.values).length > 0) return { name: cluster.name, cluster, release };
      throw new StepError(`${cluster.name} is onboarded, but its roots are not in a helm release ${CP_RELEASE}`, {
        next: `make onboard CLUSTER_NAME=${cluster.name}, or see how it was installed`,
      });
    }),
  );
}

/**
 * Makes a control plane trust other roots; nothing else in its release changes.
 * @returns whether anything was changed
 * @throws StepError when it is not READY afterwards
 */
export async function rollOutTrust(
  { name, cluster, release }: OnboardedPlane,
  trustPem: string,
  options: { state: State; tctl: Tctl; settings: Settings },
): Promise<boolean> {
  const { state, tctl, settings } = options;
  if (
    release.status === "deployed" &&
    trustIn(withTrust(release.values, trustPem)).join() === trustIn(release.values).join()
  ) {
    output.already(`${name}: trusts these roots`);
    return false;
  }
  const timeoutSeconds = settings.ONBOARD_TIMEOUT;
  const chart = await deployedChart("controlplane", release.chartVersion, settings, state);
  const wanted = { name: CP_RELEASE, namespace: CP_NAMESPACE, chart, values: withTrust(release.values, trustPem) };
  await ensureRelease(cluster, wanted, { state, dryRun: false, valuesFile: "values.yaml", timeoutSeconds });
  await waitForWorkloads(cluster, { namespace: CP_NAMESPACE, expected: CP_DEPLOYMENTS, timeoutSeconds });
  await waitForControlPlanes(tctl, [name], { timeoutSeconds, steadySeconds: 0 });
  return true;
}
