/** cert-manager, which a standby needs on its cluster. Guide: Install cert-manager. */

import { certManagerChart, fetchChart } from "./chart.ts";
import type { Cluster } from "./cluster.ts";
import * as output from "./output.ts";
import { ensureRelease } from "./release.ts";
import type { State } from "./state.ts";
import { waitForWorkloads } from "./workloads.ts";

/** Release, namespace and first deployment. */
export const CERT_MANAGER = "cert-manager";
/** In the state folder: what it was installed with. */
export const CERT_MANAGER_FILE = `${CERT_MANAGER}-values.yaml`;

/** The guide's `--set` values. */
export const CERT_MANAGER_VALUES = {
  installCRDs: true,
  featureGates: "ExperimentalCertificateSigningRequestControllers=true",
};

/** Whether somebody else installed cert-manager on a cluster. */
export async function hasOthersCertManager(cluster: Cluster, state: State): Promise<boolean> {
  // Written before ours is installed. CRDs alone tell nothing: the chart leaves them behind when it is uninstalled.
  if (state.read(cluster.name, CERT_MANAGER_FILE) !== undefined) return false;
  return (await cluster.get(["deployments"], { everywhereNamed: `${CERT_MANAGER}-webhook` })).length > 0;
}

/**
 * Installs cert-manager where it is missing. One that somebody else installed is left alone.
 * @throws StepError when its three deployments are not ready in time
 */
export async function ensureCertManager(
  cluster: Cluster,
  settings: Parameters<typeof certManagerChart>[0] & { INSTALL_TIMEOUT: number },
  options: { state: State; dryRun: boolean },
): Promise<void> {
  const timeoutSeconds = settings.INSTALL_TIMEOUT;
  if (await hasOthersCertManager(cluster, options.state))
    return output.already(`cert-manager is on ${cluster.name} already, installed by somebody else: left alone`);
  const chart = await fetchChart(certManagerChart(settings), options.state);
  const release = { name: CERT_MANAGER, namespace: CERT_MANAGER, chart, values: CERT_MANAGER_VALUES };
  await ensureRelease(cluster, release, { ...options, valuesFile: CERT_MANAGER_FILE, timeoutSeconds });
  if (options.dryRun) return;
  const expected = [CERT_MANAGER, `${CERT_MANAGER}-cainjector`, `${CERT_MANAGER}-webhook`];
  await waitForWorkloads(cluster, { namespace: CERT_MANAGER, expected, timeoutSeconds });
  output.done(`${expected.join(", ")} are ready on ${cluster.name}`);
}
