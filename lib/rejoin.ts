/** An old active that came back, with data that may have diverged, becomes the new standby. */

import { readClaims } from "./claims.ts";
import { askByName } from "./consent.ts";
import { dumpAll, type Parting, partingOf } from "./divergence.ts";
import { openLookers } from "./dns.ts";
import { describe } from "./dns-look.ts";
import { messageOf, StepError } from "./errors.ts";
import { fence, readFence } from "./fencing.ts";
import { floatHolder } from "./float.ts";
import { isUnfinished } from "./journal.ts";
import { withLocks } from "./lease.ts";
import * as output from "./output.ts";
import { isActive, type Member, readPair, showPair } from "./pair.ts";
import { type Progress, readProgress, settle, writeProgress } from "./rejoin-progress.ts";
import { describeLag, readDatabase } from "./replication.ts";
import { FENCE_TIMEOUT, type RoleSettings } from "./role-change.ts";
import { becomeStandby, roleFollowing } from "./standby-again.ts";
import type { State } from "./state.ts";

/** What a rejoin works on. */
interface Rejoin {
  settings: RoleSettings;
  state: State;
  member: Member;
  active: Member;
  progress: Progress;
}

/**
 * Makes the instance a standby of the one that is active now: fenced first, its data kept aside, its database's claims
 * deleted with the operator's consent, then the standby steps with roles swapped.
 * @throws StepError with exit code 1 when nothing was changed, 4 when it is begun but not finished
 */
export async function rejoin(settings: RoleSettings, state: State, name: string, dryRun: boolean): Promise<void> {
  const members = await readPair(settings, state);
  const { member, active, float } = await rolesIn(members, name, settings);
  showPair("before:", members, float);
  if (isFollowing(member, active)) {
    output.already(`${name} is a standby of ${active.name} already, and streams from it`);
    return dryRun ? undefined : settle(member, active);
  }
  roleFollowing(active, settings);
  if (dryRun) return plan(member, active);
  const what = `make rejoin MP=${name}`;
  await withLocks([active.cluster, member.cluster], { what, force: settings.FORCE_UNLOCK }, async () => {
    const begun = await readProgress(active, name);
    if (begun) output.note(`going on with the rejoin of ${begun.startedAt}`);
    const progress = begun ?? { instance: name, startedAt: new Date().toISOString(), claims: [] };
    try {
      await carryOut({ settings, state, member, active, progress });
    } catch (error) {
      if (!(error instanceof StepError)) throw error;
      throw new StepError(`rejoin of ${name} is begun but not finished: ${error.message}`, {
        details: error.details,
        next: error.next ?? what,
        exitCode: 4,
        cause: error,
      });
    }
  });
  showPair("after:", await readPair(settings, state), float);
}

async function carryOut(work: Rejoin): Promise<void> {
  const { settings, state, member, active, progress } = work;
  await raiseFence(member);
  if (progress.agreedAt === undefined) {
    await keepAside(work);
    const risk = `the database of ${member.name} is deleted and cloned anew from ${active.name}`;
    const { CONFIRM: given } = settings;
    await askByName({ variable: "CONFIRM", given, name: member.name, risk, exitCode: 4 });
    progress.claims = await readClaims(member.cluster);
    progress.agreedAt = new Date().toISOString();
    await writeProgress(active, progress);
  }
  const names = progress.claims.map((claim) => claim.name).join(", ") || "none: it has no volume";
  output.note(`claims that go: ${names}; nothing else is deleted`);
  const database = await becomeStandby(member, active, progress.claims, { settings, state });
  output.done(
    `${member.name} is a standby, streaming from ${active.name}: ${describeLag(await readDatabase(active.cluster), database)}`,
  );
  await settle(member, active, progress);
}

/** Which instance is which, and where the floating name leads, in words; refuses where the instance is the one that serves. */
async function rolesIn(
  members: readonly Member[],
  name: string,
  settings: RoleSettings,
): Promise<{ member: Member; active: Member; float: string }> {
  const refuse = (what: string, next: string) => new StepError(`${what}; nothing was changed`, { next });
  const member = members.find((one) => one.name === name);
  if (!member) throw refuse(`${name} has no kube context in the settings`, `set ${name.toUpperCase()}_CONTEXT`);
  if (member.unreachable)
    throw refuse(
      `${name} can't be reached: ${member.unreachable}`,
      "run this as soon as it is back, before anything else uses it",
    );
  if (member.role === "none") throw refuse(`${name} has no management plane`, `make standby STANDBY=${name} ACTIVE=…`);
  const [active, second] = members.filter((one) => one !== member && isActive(one));
  if (!active) throw refuse(`no other instance is active: ${name} has nobody to follow`, "make status");
  if (second)
    throw refuse(
      `${active.name} and ${second.name} are both active`,
      `rejoin one of them first: make rejoin MP=${second.name}`,
    );
  const { authority } = await openLookers(settings);
  const answer = await authority.look(settings.MP_FLOAT_DNS);
  const holder = await floatHolder(answer, members, authority);
  if (holder === member)
    throw refuse(
      `${settings.MP_FLOAT_DNS} leads to ${name}: clients use it as the active`,
      `keep ${member.name}: make rejoin MP=${active.name}; keep ${active.name}: make active-dns ACTIVE=${active.name} FORCE=1, then this again`,
    );
  if (isActive(member) && !holder)
    throw refuse(
      `${settings.MP_FLOAT_DNS} leads to no instance (${describe(answer)}), so it can't be told whether ${name} or ${active.name} serves`,
      `if ${active.name} is the one that clients should use: make active-dns ACTIVE=${active.name}, then this again`,
    );
  if (isUnfinished(active.journal))
    throw refuse(
      `a ${active.journal.kind} to ${active.name} is begun but not finished`,
      `make ${active.journal.kind} TO=${active.name}`,
    );
  return { member, active, float: `${settings.MP_FLOAT_DNS}: ${describe(answer)}` };
}

function isFollowing(member: Member, active: Member): boolean {
  const { database } = member;
  return (
    member.role === "standby" && database?.receiver === "streaming" && database.timeline === active.database?.timeline
  );
}

function plan(member: Member, active: Member): void {
  output.wouldDo(`fence ${member.name} (${member.role}): scale tsb and iam to 0`);
  output.wouldDo(`dump its databases into the state folder, and show where they parted from ${active.name}'s`);
  output.wouldDo(`ask by name, then delete its database's volume claims, and nothing else`);
  output.wouldDo(`install it as a standby of ${active.name}, and wait until it streams`);
}

async function raiseFence(member: Member): Promise<void> {
  if ((await readFence(member.cluster)).holds)
    return output.already(`${member.name} is fenced: neither tsb nor iam runs`);
  // An operator that restores them would make a second active of it while we dump: it starts again as a standby's.
  await fence(member.cluster, { timeoutSeconds: FENCE_TIMEOUT, stopOperator: true });
  output.done(`${member.name} is fenced: tsb and iam are scaled to 0, its operator is stopped meanwhile`);
}

/** Dumps, measures and says what is about to be lost. */
async function keepAside({ member, active, state, progress, settings }: Rejoin): Promise<void> {
  progress.parted ??= partingInWords(member, await parting(member, active), active);
  output.warn(progress.parted);
  if (progress.dump === undefined) {
    const name = `${member.name}-${progress.startedAt.replace(/[-:]|\..*/g, "")}.sql`;
    try {
      progress.dump = await dumpAll(member.cluster, state, name);
      await writeProgress(active, progress);
    } catch (error) {
      if (!(error instanceof StepError) || !settings.FORCE) throw withoutDump(error, member);
      output.warn(`its data can't be kept aside (FORCE=1): ${messageOf(error)}`);
    }
  }
  if (progress.dump) output.done(`all of its data is kept in ${progress.dump} (mode 0600; it holds passwords' hashes)`);
}

function withoutDump(error: unknown, member: Member): unknown {
  if (!(error instanceof StepError)) return error;
  return new StepError(error.message, {
    details: [...error.details, `the data of ${member.name} is not thrown away before it is kept aside`],
    next: `start its Postgres, and run this again; or give its data up: make rejoin MP=${member.name} CONFIRM=${member.name} FORCE=1`,
    cause: error,
  });
}

async function parting(member: Member, active: Member): Promise<Parting | undefined> {
  if (!member.database || member.database.inRecovery) return undefined;
  return partingOf(await readDatabase(member.cluster), active.cluster);
}

function partingInWords(member: Member, parted: Parting | undefined, active: Member): string {
  if (!parted)
    return `where the data of ${member.name} parted from that of ${active.name} can't be told (${member.trouble ?? "it is a copy"})`;
  const { timeline, lsn, bytes } = parted;
  return `${member.name} stayed on timeline ${timeline} when ${active.name} left it at ${lsn}; it wrote ${bytes} bytes of log beyond that point, which ${active.name} never had`;
}
