/** Turning an instance into a standby of another one: an old active, or a standby whose active has changed. */

import { ensureCertManager } from "./cert-manager.ts";
import { deleteClaims } from "./claims.ts";
import type { Cluster } from "./cluster.ts";
import { StepError } from "./errors.ts";
import { OPERATOR, unfence } from "./fencing.ts";
import type { ClaimRecord } from "./journal.ts";
import { type JsonObject, textAt } from "./json.ts";
import * as output from "./output.ts";
import type { Member } from "./pair.ts";
import { changeRole, partedAt } from "./promotion.ts";
import { type DatabaseState, lsnToBytes, readDatabase } from "./replication.ts";
import type { RoleSettings } from "./role-change.ts";
import { hasSameData, OPERATIONAL_SECRETS, readSecrets, STANDBY_SA } from "./secrets.ts";
import { importSecrets, takeSecrets } from "./secrets-transfer.ts";
import type { State } from "./state.ts";
import { manualStandbyRole, standbyRole } from "./values.ts";
import { type Look, waitFor } from "./wait.ts";
import { diagnose } from "./workloads.ts";

/** A standby has replayed more than the new active had when it was promoted: only a new clone can follow it. */
export class Ahead extends StepError {}

interface Options {
  settings: RoleSettings;
  state: State;
}

/**
 * `spec.highAvailability` of a standby of that instance. Guide: Deploy the Standby instance; Additional notes.
 * @throws StepError when REPLICATION_SETTINGS are those of a standby of another instance
 */
export function roleFollowing(active: Pick<Member, "name" | "dns">, settings: RoleSettings): JsonObject {
  const file = settings.REPLICATION_SETTINGS;
  if (!file) return standbyRole(active.dns, settings.MP_PORT);
  const role = manualStandbyRole(file);
  const host = textAt(role, "standby", "embeddedPostgresReplicationSettings", "host");
  const other = settings.instances.find(({ dns }) => dns === host && dns !== active.dns);
  if (!other) return role;
  throw new StepError(`REPLICATION_SETTINGS (${file}) lead to ${other.name}, but ${active.name} is to be followed`, {
    next: `give those of a standby of ${active.name}, or leave them out`,
  });
}

/**
 * The standby steps with roles swapped, for a fenced old active: secrets, cert-manager, the release as a standby, and
 * the database cloned anew. Can be run again at any point.
 * @param claims the database's volume claims that may go
 * @throws StepError when it does not stream in time
 */
export async function becomeStandby(
  member: Member,
  active: Member,
  claims: readonly ClaimRecord[],
  options: Options,
): Promise<DatabaseState> {
  const { settings, state } = options;
  const { cluster } = member;
  await Promise.all([
    ensureSecrets(cluster, active.cluster),
    ensureCertManager(cluster, settings, { state, dryRun: false }),
  ]);
  const role = roleFollowing(active, settings);
  const isGuarded = await changeRole(cluster, role, options).then(() => false, unlessGuarded(member));
  // Otherwise only now: an operator that was stopped would have served again as long as the resource said so.
  await unfence(cluster, { [OPERATOR]: 1 }, settings.INSTALL_TIMEOUT);
  if (isGuarded) await changeGuardedRole(member, role, options);
  await deleteClaims(cluster, claims, settings.INSTALL_TIMEOUT);
  return waitUntilFollowing(member, active, settings.REPLICATION_TIMEOUT);
}

/**
 * A webhook guards the ManagementPlane, and it is the operator that answers: stopped, it lets nothing be changed.
 * @throws the error, unless it is that
 */
function unlessGuarded({ name }: Member): (error: unknown) => true {
  return (error) => {
    if (!(error instanceof StepError) || !/failed calling webhook/.test(error.details.join("\n"))) throw error;
    output.warn(`a webhook that does not answer guards the ManagementPlane of ${name}: its operator is started first`);
    return true;
  };
}

/** The webhook answers a moment after its operator is ready; what that scales up meanwhile goes with the role. */
async function changeGuardedRole({ name, cluster }: Member, role: JsonObject, options: Options): Promise<void> {
  await waitFor({
    what: `the webhook that guards the ManagementPlane of ${name}`,
    timeoutSeconds: options.settings.INSTALL_TIMEOUT,
    look: async (): Promise<Look<boolean>> => ({ done: await changeRole(cluster, role, options) }),
    diagnose: () => diagnose(cluster),
    next: cluster.look("get validatingwebhookconfigurations"),
  });
}

/** The active's secrets where they differ: a rebuilt cluster has none, the old active has all of them. */
async function ensureSecrets(target: Cluster, source: Cluster): Promise<void> {
  const names = [...OPERATIONAL_SECRETS];
  const [here, there] = await Promise.all([readSecrets(target, names), readSecrets(source, names)]);
  if (there.every((secret, i) => secret !== undefined && hasSameData(secret, here[i])))
    return output.already(`Secret ${names.join(" and ")} on ${target.name} are the active's`);
  await importSecrets(target, await takeSecrets(source), { dryRun: false, force: true, isFenced: true });
}

/**
 * A standby that runs already follows another active.
 * @throws Ahead when it never will; StepError when it does not stream from it in time
 */
export async function followNewActive(member: Member, active: Member, options: Options): Promise<void> {
  const { settings } = options;
  if (member.follows !== active.dns) await changeRole(member.cluster, roleFollowing(active, settings), options);
  const database = await waitUntilFollowing(member, active, settings.REPLICATION_TIMEOUT);
  output.done(`${member.name} follows ${active.name}, at ${database.lsn} on timeline ${database.timeline}`);
}

async function waitUntilFollowing(member: Member, active: Member, timeoutSeconds: number): Promise<DatabaseState> {
  return waitFor({
    what: `replication from ${active.name} to ${member.name}`,
    timeoutSeconds,
    look: async (): Promise<Look<DatabaseState>> => {
      const [here, there] = await Promise.all([readDatabase(member.cluster), readDatabase(active.cluster)]);
      if (!here.inRecovery) return { pending: `Postgres on ${member.name} is a primary still` };
      if (here.receiver !== "streaming")
        return { pending: `Postgres on ${member.name}: the WAL receiver is ${here.receiver ?? "not running"}` };
      // The old active's Postgres may still run, and stream: only the new timeline is the new active's.
      if (here.timeline !== there.timeline) {
        await refuseWhenAhead(member, active, here);
        return { pending: `Postgres on ${member.name} is on timeline ${here.timeline}, not ${there.timeline} yet` };
      }
      return { done: here };
    },
    diagnose: () => diagnose(member.cluster),
    next: `make rejoin MP=${member.name}`,
  });
}

async function refuseWhenAhead(member: Member, active: Member, here: DatabaseState): Promise<void> {
  if (here.timeline === undefined) return;
  const parting = await partedAt(active.cluster, here.timeline);
  if (parting === undefined || here.lsnBytes <= lsnToBytes(parting)) return;
  throw new Ahead(
    `Postgres on ${member.name} has replayed the log up to ${here.lsn}, but ${active.name} left timeline ${here.timeline} at ${parting}`,
    { isFinal: true, next: `make rejoin MP=${member.name}` },
  );
}

/**
 * Whether the old active can become a standby without help.
 * @throws StepError when its copy of the service account's key is missing: the guide leaves it there for this purpose
 */
export async function requireStandbyAccount(member: Member): Promise<void> {
  const [secret] = await readSecrets(member.cluster, [STANDBY_SA]);
  if (secret) return;
  throw new StepError(`${member.name} has no Secret ${STANDBY_SA}, with which it would synchronise as a standby`, {
    next: `make service-account ACTIVE=${member.name}`,
  });
}
