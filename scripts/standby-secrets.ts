/**
 * Carries iam-signing-key and tsb-standby-sa from the active to the standby.
 * Guide: Import the Secrets.
 * The Secrets pass through memory only. EXPORT=file writes them (mode 0600) instead of importing them, and IMPORT=file
 * reads them back, for when the two clusters can't be reached from one place. A rerun changes nothing. A different
 * iam-signing-key on a standby that runs already is not overwritten unless FORCE=1.
 */
import { openClusters, rememberCluster } from "../lib/identity.ts";
import * as output from "../lib/output.ts";
import type { PortableSecret } from "../lib/secrets.ts";
import { exportSecrets, importSecrets, readSecretsFile, takeSecrets } from "../lib/secrets-transfer.ts";
import { step } from "../lib/step.ts";

await step(
  {
    name: "standby-secrets",
    summary: "carries the active's operational secrets to the standby",
    guide: "Import the Secrets",
    needs: ["ACTIVE", "STANDBY"],
    heeds: ["EXPORT", "IMPORT", "FORCE", "REQUEST_TIMEOUT", "STATE_DIR"],
    tools: ["kubectl"],
  },
  async (settings, { state, dryRun }) => {
    const { active, standby, EXPORT, IMPORT, FORCE } = settings;
    const options = { state, requestTimeout: settings.REQUEST_TIMEOUT };

    if (EXPORT) {
      const [source] = await openClusters([active], options);
      const secrets = await takeSecrets(source);
      if (dryRun) return output.wouldDo(`write ${names(secrets)} to ${EXPORT}`);
      exportSecrets(secrets, EXPORT);
      output.done(`${names(secrets)} of ${active.name} written to ${EXPORT} (mode 0600)`);
      return output.warn(
        "the file holds the key that signs TSB's tokens: carry it safely, and remove it after IMPORT=",
      );
    }

    if (IMPORT) {
      const secrets = readSecretsFile(IMPORT);
      const [target] = await openClusters([standby], options);
      await importSecrets(target, secrets, { dryRun, force: FORCE });
      return dryRun ? undefined : rememberCluster(target, state);
    }

    const [source, target] = await openClusters([active, standby], options);
    await importSecrets(target, await takeSecrets(source), { dryRun, force: FORCE });
    if (!dryRun) await rememberCluster(target, state);
  },
);

function names(secrets: readonly PortableSecret[]): string {
  return secrets.map((secret) => secret.metadata.name).join(" and ");
}
