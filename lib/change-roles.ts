/** A whole role change: look, check, lock, phases, report. Switchover, failover and drill are built from it. */

import { askByName } from "./consent.ts";
import { openDns } from "./dns.ts";
import { describe } from "./dns-look.ts";
import { StepError } from "./errors.ts";
import { FAILOVER } from "./failover.ts";
import { readFence } from "./fencing.ts";
import { isUnfinished, type Journal, newJournal } from "./journal.ts";
import { withLocks } from "./lease.ts";
import * as output from "./output.ts";
import { isActive, isPromoted, type Member, memberNamed, readAgain, readMember, readPair, showPair } from "./pair.ts";
import { deployedRelease } from "./promotion.ts";
import { type Report, reportOf, writeReport } from "./report.ts";
import { finish, type Phase, type RoleChange, type RoleSettings, runPhases, save } from "./role-change.ts";
import { ageInWords, type Candidate, failoverFindings, showFindings, switchoverFindings } from "./role-checks.ts";
import type { State } from "./state.ts";
import { SWITCHOVER } from "./switchover.ts";
import { Tctl } from "./tctl.ts";

/** Which role change is wanted. */
export interface Wanted {
  kind: Journal["kind"];
  /** The instance that is to become the active. */
  to: string;
  dryRun: boolean;
  /** The command that goes on after a failure. */
  again: string;
}

const PHASES: Readonly<Record<Journal["kind"], readonly Phase[]>> = { switchover: SWITCHOVER, failover: FAILOVER };

/**
 * Carries a role change out, or goes on with one that was begun.
 * @returns the report, or undefined when there was nothing to do or it was a dry run
 * @throws StepError with exit code 1 when nothing was changed, with 4 when it is begun but not finished
 */
export async function changeRoles(settings: RoleSettings, state: State, wanted: Wanted): Promise<Report | undefined> {
  const members = await readPair(settings, state);
  const to = memberNamed(members, wanted.to);
  const isStopped = isActive(to) && (await readFence(to.cluster)).holds;
  if (isAlreadyDone(to, members) && !isStopped) return sayAlready(to, members);
  const from = oldActiveOf(members, to, wanted);
  const dns = await openDns(settings);
  const tctl = new Tctl(settings, state);
  const float = await floatInWords(settings, dns.authority);
  showPair("before:", members, float);
  const candidate: Candidate = { settings, state, members, from, to, isStopped, authority: dns.authority };
  const resumed = resumable(to, members, wanted);
  if (resumed) sayResumed(resumed);
  const risks = resumed ? [] : await check(candidate, tctl, wanted);
  const others = members.filter((member) => member !== from && member !== to && member.role === "standby");
  const looked = { settings, state, dns, tctl, from, to, others };
  if (wanted.dryRun) return showPlan(looked, wanted, resumed);
  if (wanted.kind === "failover" && !(resumed && isPromoted(to))) await agreeToLoss(looked, settings, risks);
  const base = { ...looked, from: await lookAgain(from, settings, state) };
  const locked = base.from.unreachable ? [to.cluster] : [to.cluster, from.cluster];
  return withLocks(locked, { what: wanted.again, force: settings.FORCE_UNLOCK }, async (assertHeld) => {
    await refuseIfOvertaken(to, resumed);
    const change = await begin({ ...base, assertHeld }, wanted, resumed);
    await runPhases(change, PHASES[wanted.kind], wanted.again);
    await finish(change, "done");
    return conclude(change, members);
  });
}

/**
 * Shows what the checks find.
 * @returns what must be agreed to by name before going on
 * @throws StepError when one of them forbids the role change
 */
async function check(candidate: Candidate, tctl: Tctl, { kind, again }: Wanted): Promise<string[]> {
  const findings = await (kind === "switchover"
    ? switchoverFindings(candidate, { tctl })
    : failoverFindings(candidate));
  showFindings(findings, again);
  return [...new Set(findings.flatMap(({ risk }) => risk ?? []))];
}

/** `to` is the active already, no other one is, and nothing is left to finish. */
function isAlreadyDone(to: Member, members: readonly Member[]): boolean {
  const isAlone = members.every((one) => one === to || one.role === "standby" || one.role === "none");
  return isActive(to) && isAlone && !isUnfinished(to.journal);
}

/** While somebody made up their mind, one that was away may have come back: then it is fenced, as any other. */
async function lookAgain(from: Member, settings: RoleSettings, state: State): Promise<Member> {
  if (!from.unreachable) return from;
  const now = await readAgain(from, settings, state);
  if (!now.unreachable) output.warn(`${now.name} can be reached again: it is fenced first`);
  return now;
}

function sayAlready(to: Member, members: readonly Member[]): undefined {
  output.already(`${to.name} is the active already`);
  const away = members.filter((one) => one.unreachable && one !== to).map((one) => one.name);
  if (away.length > 0) output.warn(`${away.join(", ")} can't be reached; when it is back: make rejoin MP=${away[0]}`);
}

/** The old active: as the journal has it, else the one that is active, else the one that the standby follows. */
function oldActiveOf(members: readonly Member[], to: Member, wanted: Wanted): Member {
  const named = isUnfinished(to.journal) ? to.journal.from : undefined;
  const byJournal = members.find((one) => one.name === named);
  const active = members.find((one) => one !== to && isActive(one));
  const followed = members.find((one) => one !== to && one.dns === to.follows);
  // A fenced active waits for a successor; one that died before it served leaves nobody else to serve.
  const successor = isActive(to) ? members.find((one) => one !== to && one.unreachable) : undefined;
  const found = byJournal ?? active ?? followed ?? successor;
  if (found) return found;
  const why = to.unreachable
    ? `${to.name} can't be reached: ${to.unreachable}`
    : isActive(to)
      ? `${to.name} is the active, but fenced: tsb and iam are scaled to 0`
      : `${to.name} is no standby of any instance`;
  throw new StepError(`${wanted.again}: nothing was changed: ${why}`, { next: "make status" });
}

/**
 * The journal to go on with; none when a later role change has overtaken it. A failover takes over from a switchover whose
 * old active died: past the promotion it goes on with the very same phases, before it it begins anew. What was done ahead
 * of a promotion that never was is done again: since then an operator may have let the old active serve, and it wrote.
 */
function resumable(to: Member, members: readonly Member[], wanted: Wanted): Journal | undefined {
  const found = to.journal;
  if (!isUnfinished(found)) return undefined;
  if (members.some((one) => one.journal && one.journal.startedAt > found.startedAt)) return undefined;
  const journal = isPromoted(to) ? found : { ...found, phases: [] };
  if (journal.kind === wanted.kind) return journal;
  if (wanted.kind === "failover") return journal.pointOfNoReturnPassed ? { ...journal, kind: "failover" } : undefined;
  throw new StepError(`a ${journal.kind} to ${to.name} is begun but not finished (phase ${journal.phase})`, {
    next: `make ${journal.kind} TO=${to.name}`,
    exitCode: 4,
  });
}

function sayResumed(journal: Journal): void {
  const where = journal.pointOfNoReturnPassed ? "past" : "before";
  output.note(
    `going on with the ${journal.kind} of ${journal.startedAt}: it stopped in phase ${journal.phase}, ${where} the point of no return`,
  );
}

async function floatInWords(
  settings: RoleSettings,
  looker: { look(name: string): ReturnType<Candidate["authority"]["look"]> },
): Promise<string> {
  return `${settings.MP_FLOAT_DNS}: ${describe(await looker.look(settings.MP_FLOAT_DNS))}`;
}

function showPlan(
  base: Pick<RoleChange, "settings" | "from" | "to" | "others">,
  wanted: Wanted,
  resumed: Journal | undefined,
): undefined {
  output.result("plan:");
  PHASES[wanted.kind].forEach((phase, i) => {
    const isDone = resumed?.phases.some(({ name }) => name === phase.name);
    output.result(`  ${i + 1}. ${phase.name}: ${isDone ? "done by an earlier run" : phase.plan(base)}`);
  });
}

/** What will be lost, and the consent to it by name. @param risks what the checks found beside it */
async function agreeToLoss(
  { from, to }: Pick<RoleChange, "from" | "to">,
  settings: RoleSettings,
  risks: readonly string[],
): Promise<void> {
  const { ALLOW_TOKEN_LOSS, ALLOW_DATA_LOSS } = settings;
  for (const risk of risks)
    await askByName({ variable: "ALLOW_TOKEN_LOSS", given: ALLOW_TOKEN_LOSS, name: to.name, risk, exitCode: 1 });
  const lsn = to.database?.lsn ?? "nothing";
  output.warn(`${to.name} has replayed up to ${lsn}${ageInWords(to)}`);
  output.warn(`whatever ${from.name} wrote and ${to.name} did not receive is lost for good`);
  const risk = `changes that ${to.name} has not received are lost`;
  await askByName({ variable: "ALLOW_DATA_LOSS", given: ALLOW_DATA_LOSS, name: to.name, risk, exitCode: 1 });
}

/** Between our look and our lock somebody else may have begun, or finished. */
async function refuseIfOvertaken(to: Member, resumed: Journal | undefined): Promise<void> {
  const now = await readMember(to, to.cluster);
  const isSame =
    now.journal?.id === to.journal?.id && now.role === to.role && now.journal?.finishedAt === to.journal?.finishedAt;
  if (isSame || (resumed && now.journal?.id === resumed.id && isUnfinished(now.journal))) return;
  throw new StepError(`${to.name} was changed by somebody else meanwhile: it is ${now.role} now`, {
    next: "make status",
  });
}

async function begin(
  base: Omit<RoleChange, "journal" | "prepared">,
  wanted: Wanted,
  resumed: Journal | undefined,
): Promise<RoleChange> {
  const { from, to, settings, state } = base;
  const [{ release, chart }, fence] = await Promise.all([
    deployedRelease(to.cluster, settings, state),
    from.unreachable ? undefined : readFence(from.cluster),
  ]);
  const journal = resumed ?? newJournal(wanted.kind, from.name, to.name);
  if (!resumed) {
    // What a switchover that stopped halfway had noted of the old active still holds.
    if (isUnfinished(to.journal)) Object.assign(journal, { replicas: to.journal.replicas, lsn: to.journal.lsn });
    else journal.replicas = servingReplicas(fence?.replicas ?? {});
  }
  const change = { ...base, prepared: { values: release.values, chart }, journal };
  await save(change);
  return change;
}

function servingReplicas(replicas: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(["tsb", "iam"].map((name) => [name, replicas[name] || 1]));
}

/** Shows the pair as it is now, and keeps the report. */
async function conclude(change: RoleChange, before: readonly Member[]): Promise<Report> {
  const { settings, state, dns, journal, from } = change;
  const after = await readPair(settings, state);
  showPair("after:", after, await floatInWords(settings, dns.authority));
  const report = reportOf(journal, before, after);
  const path = writeReport(report, state);
  output.result(report.summary.join("\n"));
  output.done(`report: ${path}`);
  if (journal.unfencedOldActive)
    output.warn(`${from.name} is not fenced; when it is back, run this first: make rejoin MP=${from.name}`);
  else if (journal.kind === "failover")
    output.note(`to make ${from.name} a standby again: make rejoin MP=${from.name}`);
  return report;
}
