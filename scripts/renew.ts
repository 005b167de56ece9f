/**
 * Renews the certificates of every installed instance that end soon, and rolls them out.
 * After the guide; docs/certificates.md.
 * RENEW_BEFORE days before its end a certificate is due; FORCE=1: all are. Reissued by the root in the state folder,
 * never a new root. The releases get the new certificates and nothing else: standbys first, the active last. A rerun
 * changes nothing; one after an interruption rolls out what was issued. Done when the front envoy serves the new
 * certificate at the permanent and the floating name, the standbys stream and every control plane is READY.
 */

import { rollOutCertificates, verifyServed } from "../lib/certificate-rollout.ts";
import { INSTALL_SETTINGS } from "../lib/config.ts";
import { lookAtHealth, waitUntilHealthy } from "../lib/health.ts";
import { issue } from "../lib/issue.ts";
import { withLocks } from "../lib/lease.ts";
import * as output from "../lib/output.ts";
import { readInstancePems, verifyPki } from "../lib/pki.ts";
import { instancesOf, lookAtRenewal, tellDifferences } from "../lib/renewal.ts";
import { waitForReplication } from "../lib/replication.ts";
import { refuseDuringRotation } from "../lib/root-rotation.ts";
import { step } from "../lib/step.ts";
import { Tctl } from "../lib/tctl.ts";

await step(
  {
    name: "renew",
    summary: "renews certificates that end soon, and rolls them out",
    guide: "after it: docs/certificates.md",
    needs: [...INSTALL_SETTINGS],
    heeds: [
      "RENEW_BEFORE",
      "FORCE",
      "FORCE_UNLOCK",
      "LEAF_DAYS",
      "MP_CHART",
      "MP_VALUES",
      "DNS_RESOLVER",
      "INSTALL_TIMEOUT",
    ],
    tools: ["kubectl", "helm", "tctl", "openssl"],
  },
  async (settings, { state, dryRun }) => {
    refuseDuringRotation(state, "no certificate is renewed");
    const found = await lookAtRenewal(settings, state);
    tellDifferences(found.installation.inOrder, settings);
    for (const { instance, name, reason } of found.due) output.note(`${instance.name} ${name} is due: ${reason}`);
    if (found.due.length === 0) output.already(`no certificate ends within ${settings.RENEW_BEFORE} days`);
    const isWork = found.due.length > 0 || found.waiting.length > 0;
    if (dryRun) return isWork ? output.wouldDo("issue what is due, and roll it out, standbys first") : undefined;

    const clusters = isWork ? found.installation.inOrder.map(({ cluster }) => cluster) : [];
    await withLocks(clusters, { what: "make renew", force: settings.FORCE_UNLOCK }, async () => {
      // Whoever held the lock before us may have changed something.
      const { installation, plan, due } = isWork ? await lookAtRenewal(settings, state) : found;
      const { inOrder, active } = installation;
      const tctl = new Tctl(settings, state);
      const before = await lookAtHealth(installation, tctl);
      for (const fault of before.faults) output.warn(`before the renewal: ${fault}`);
      if (due.length > 0) {
        await issue(state, plan, settings);
        await verifyPki(state, { ...settings, instances: instancesOf(installation, settings) });
        output.done(`${due.length} certificates issued by the root in use, verified with openssl`);
      }

      for (const instance of inOrder) {
        const pems = readInstancePems(state, instance.name, [instance.dns, settings.MP_FLOAT_DNS]);
        await rollOutCertificates(instance, pems, { state, dryRun, settings });
        // A standby that stopped streaming ends the run before the active is touched.
        if (before.streaming.includes(instance.name))
          await waitForReplication(instance.cluster, settings.REPLICATION_TIMEOUT);
      }
      const { tsbCert, rootCa } = readInstancePems(state, active.name);
      await verifyServed(active, tsbCert, rootCa, settings);
      await waitUntilHealthy(installation, tctl, { isChanged: isWork, settings });
    });
  },
);
