/**
 * Installs cert-manager on the standby's cluster.
 * Guide: Install cert-manager.
 * Writes release `cert-manager` in the namespace of that name, with its CRDs. One that is there already, installed by
 * whomever, is left alone. A rerun changes nothing. Done when its three deployments are ready.
 */
import { ensureCertManager } from "../lib/cert-manager.ts";
import { openClusters, rememberCluster } from "../lib/identity.ts";
import { step } from "../lib/step.ts";

await step(
  {
    name: "standby-cert-manager",
    summary: "installs cert-manager on the standby's cluster",
    guide: "Install cert-manager",
    needs: ["STANDBY"],
    heeds: ["CERT_MANAGER_VERSION", "CERT_MANAGER_CHART_REPO", "CERT_MANAGER_CHART", "INSTALL_TIMEOUT", "STATE_DIR"],
    tools: ["kubectl", "helm"],
  },
  async (settings, { state, dryRun }) => {
    const [cluster] = await openClusters([settings.standby], { state, requestTimeout: settings.REQUEST_TIMEOUT });
    await ensureCertManager(cluster, settings, { state, dryRun });
    if (!dryRun) await rememberCluster(cluster, state);
  },
);
