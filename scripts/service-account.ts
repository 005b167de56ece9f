/**
 * Creates the service account that a standby synchronises with, grants it org-reader, and keeps its key.
 * Guide: Create a service account with read permissions.
 * Writes tsb-standby-sa-b64e to the state folder and Secret tsb-standby-sa to the active. A rerun changes nothing; a
 * key that can't be found again is never replaced silently, and another one in the Secret only where TSB accepts that
 * of the state folder and not that of the Secret. Done when the grant and the Secret are read back.
 */
import { ensureGrant } from "../lib/bindings.ts";
import type { Cluster } from "../lib/cluster.ts";
import { StepError } from "../lib/errors.ts";
import { openClusters } from "../lib/identity.ts";
import { isSecretWrong } from "../lib/key-dispute.ts";
import * as output from "../lib/output.ts";
import { dataOf, readSecrets, STANDBY_SA, standbySecret } from "../lib/secrets.ts";
import * as account from "../lib/service-account.ts";
import type { State } from "../lib/state.ts";
import { step } from "../lib/step.ts";
import { Tctl } from "../lib/tctl.ts";
import { together } from "../lib/wait.ts";

await step(
  {
    name: "service-account",
    summary: `creates ${STANDBY_SA}, the account a standby synchronises with`,
    guide: "Create a service account with read permissions",
    needs: ["ACTIVE", "MP_FLOAT_DNS", "TSB_ORG", "TSB_ADMIN_PASSWORD"],
    heeds: ["MP_PORT", "REQUEST_TIMEOUT", "STATE_DIR"],
    tools: ["kubectl", "tctl"],
  },
  async (settings, { state, dryRun }) => {
    const tctl = new Tctl(settings, state);
    const [[cluster]] = await Promise.all([
      openClusters([settings.active], { state, requestTimeout: settings.REQUEST_TIMEOUT }),
      tctl.ensureLogin(),
    ]);
    const [exists, [secret]] = await Promise.all([account.accountExists(tctl), readSecrets(cluster, [STANDBY_SA])]);
    const onCluster = dataOf(secret).jwk;

    const isWrong = exists && (await isSecretWrong(tctl, state, onCluster));
    if (dryRun) return plan(exists, onCluster !== undefined && !isWrong);
    const key = exists ? await keyOfExisting(tctl, state, onCluster) : await newAccount(tctl, state);

    const fqn = `organizations/${settings.TSB_ORG}`;
    const serviceAccount = account.serviceAccountFqn(settings.TSB_ORG);
    const grant = async (): Promise<void> => {
      const granted = await ensureGrant(tctl, fqn, { role: "rbac/org-reader", serviceAccount });
      const say = granted ? output.done : output.already;
      say(`rbac/org-reader on ${fqn} is granted to ${STANDBY_SA}`);
    };
    await together([grant(), ensureSecret(cluster, key, onCluster)]);
  },
);

function plan(exists: boolean, hasSecret: boolean): void {
  if (!exists) output.wouldDo(`create ${STANDBY_SA} and keep its key in the state folder`);
  output.wouldDo(`make sure of its grant rbac/org-reader${hasSecret ? "" : `, and apply Secret ${STANDBY_SA}`}`);
}

async function newAccount(tctl: Tctl, state: State): Promise<string> {
  const stale = account.keptKey(state);
  if (stale) output.warn(`an earlier ${account.KEY_FILE} was put aside: ${state.putAside(account.KEY_FILE)}`);
  const key = await account.createAccount(tctl, state);
  output.done(`service account ${STANDBY_SA} created; its key: ${state.path(account.KEY_FILE)}`);
  return key;
}

async function keyOfExisting(tctl: Tctl, state: State, onCluster: string | undefined): Promise<string> {
  const kept = account.keptKey(state);
  const key = kept ?? onCluster;
  if (key) {
    account.describeKey(key, kept ? state.path(account.KEY_FILE) : `Secret ${STANDBY_SA}`);
    output.already(`service account ${STANDBY_SA} exists, and its key is kept`);
    return account.keepKey(key, state);
  }
  if (account.wasInterrupted(state)) {
    const made = await account.replaceLostKey(tctl, state);
    output.done(`an interrupted run created ${STANDBY_SA} without keeping its key: a new key was made for it`);
    return made;
  }
  throw new StepError(
    `service account ${STANDBY_SA} exists, but its private key is neither in the state folder nor on the active`,
    {
      details: ["The management plane keeps the public half only: the key can't be fetched again."],
      next:
        `put the key where it belongs (${state.path(account.KEY_FILE)}), or make a new one: ` +
        `tctl x sa gen-key ${STANDBY_SA} | base64 -w0 > ${state.path(account.KEY_FILE)}`,
    },
  );
}

async function ensureSecret(cluster: Cluster, key: string, onCluster: string | undefined): Promise<void> {
  if (onCluster === key) return output.already(`Secret ${STANDBY_SA} on ${cluster.name} holds the key`);
  if (onCluster !== undefined)
    output.warn(`Secret ${STANDBY_SA} on ${cluster.name} holds a key that TSB does not accept: it is replaced`);
  await cluster.apply([standbySecret(key)], `applying Secret ${STANDBY_SA} to ${cluster.name}`);
  const [after] = await readSecrets(cluster, [STANDBY_SA]);
  if (dataOf(after).jwk !== key)
    throw new StepError(`Secret ${STANDBY_SA} read back from ${cluster.name} holds another key`);
  output.done(`Secret ${STANDBY_SA} applied to ${cluster.name}`);
}
