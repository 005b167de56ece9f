/** What must hold before roles are changed; every finding at once, nothing is changed. */

import { daysLeft, parseCertificate } from "./certificate.ts";
import { TSB_NAMESPACE } from "./cluster.ts";
import { checkProvider } from "./dns.ts";
import { describe, type Looker } from "./dns-look.ts";
import { StepError } from "./errors.ts";
import { OPERATOR } from "./fencing.ts";
import { floatHolder } from "./float.ts";
import { isUnfinished } from "./journal.ts";
import { countAt, textAt } from "./json.ts";
import * as output from "./output.ts";
import { isActive, type Member } from "./pair.ts";
import { readRootCa } from "./pki.ts";
import { checked, type Finding } from "./preflight.ts";
import { deployedRelease } from "./promotion.ts";
import { describeLag } from "./replication.ts";
import type { RoleChange, RoleSettings } from "./role-change.ts";
import { hasSameData, OPERATIONAL_SECRETS, readSecrets, SIGNING_KEY } from "./secrets.ts";
import { requireStandbyAccount, roleFollowing } from "./standby-again.ts";
import type { State } from "./state.ts";
import { tokenFindings } from "./token-signer.ts";

/** What the checks look at. */
export interface Candidate {
  settings: RoleSettings;
  state: State;
  members: readonly Member[];
  from: Member;
  to: Member;
  /** `to` is an active already, but fenced: its successor died before it served. */
  isStopped?: boolean;
  authority: Looker;
}

const bad = (text: string, mend: string): Finding => ({ level: "bad", text, mend });
const ok = (text: string): Finding => ({ level: "ok", text });

/** A role change that was begun towards another instance must be finished or undone first. */
export function otherUnfinished(members: readonly Member[], to: string): Finding[] {
  return members.flatMap(({ journal }) => {
    if (!isUnfinished(journal) || journal.to === to) return [];
    const command = `make ${journal.kind} TO=${journal.to}`;
    return [bad(`a ${journal.kind} to ${journal.to} is begun but not finished (phase ${journal.phase})`, command)];
  });
}

/** The roles: exactly one active, and `to` a standby of it. */
export function checkRoles(candidate: Pick<Candidate, "members" | "from" | "to" | "isStopped">): Finding[] {
  const { members, from, to, isStopped } = candidate;
  const actives = members.filter(isActive);
  const findings: Finding[] = [];
  if (to.unreachable) return [bad(`${to.name} can't be reached: ${to.unreachable}`, "see its cluster and context")];
  if (to.role !== "standby" && !isStopped)
    findings.push(
      bad(`${to.name} is ${inWords(to)}, not a standby`, `install it as a standby: make standby STANDBY=${to.name}`),
    );
  const third = actives.filter((member) => member.name !== from.name && member.name !== to.name);
  for (const member of third)
    findings.push(bad(`${member.name} is an active, too: there would be two`, `make rejoin MP=${member.name}`));
  if (to.role === "standby" && to.follows !== undefined && to.follows !== from.dns)
    findings.push(bad(`${to.name} follows ${to.follows}, not ${from.name} (${from.dns})`, "make status"));
  if (findings.length > 0) return findings;
  if (isStopped) return [ok(`${to.name} is an active that was fenced; ${from.name}, which was to replace it, is away`)];
  return [ok(`${to.name} is a standby${from.unreachable ? "" : `, ${from.name} is the active`}`)];
}

function inWords({ role }: Member): string {
  return role === "none"
    ? "without a management plane"
    : role === "single"
      ? "an active without highAvailability"
      : role === "active"
        ? "an active"
        : "a standby";
}

/** The standby's database: a copy that replays; for a planned change also one that streams now. */
export function checkDatabase(candidate: Pick<Candidate, "from" | "to" | "isStopped">, isPlanned: boolean): Finding[] {
  const { from, to, isStopped } = candidate;
  const { database } = to;
  const never = `make standby STANDBY=${to.name}`;
  if (!database)
    return [bad(`${to.name} was never synchronised: ${to.trouble ?? "its Postgres does not answer"}`, never)];
  if (!database.inRecovery && isStopped) return [ok(`Postgres on ${to.name} is a primary, at ${database.lsn}`)];
  if (!database.inRecovery) return [bad(`Postgres on ${to.name} is a primary, not a standby's copy`, "make status")];
  if (database.lsnBytes === 0n) return [bad(`${to.name} was never synchronised: it has replayed nothing`, never)];
  if (!isPlanned) return [ok(`Postgres on ${to.name} has replayed up to ${database.lsn}${ageInWords(to)}`)];
  if (database.receiver !== "streaming" || !from.database)
    return [
      bad(
        `Postgres on ${to.name} does not stream from ${from.name} (${database.receiver ?? "no WAL receiver"})`,
        `make standby-logs STANDBY=${to.name}`,
      ),
    ];
  return [ok(`Postgres on ${to.name} streams: ${describeLag(from.database, database)}`)];
}

/** ", its last change 3.2 s old", or nothing. */
export function ageInWords({ database }: Member): string {
  const age = database?.replayAgeSeconds;
  return age === undefined
    ? "; how old that is can't be told: nothing was replayed since its Postgres started"
    : `; the last change that it knows was made ${age.toFixed(0)} s ago`;
}

/** The standby's operator, which promotes it: without one the outage would last until it is back. */
async function checkOperator({ to }: Pick<Candidate, "to">, level: "warn" | "bad"): Promise<Finding[]> {
  const [operator] = await to.cluster.get([`deployment/${OPERATOR}`], { namespace: TSB_NAMESPACE });
  if (!operator || countAt(operator, "status", "readyReplicas") > 0) return [];
  const text = `the operator of ${to.name}, which would promote it, is not ready`;
  return [{ level, text, mend: to.cluster.look(`describe deployment ${OPERATOR} -n ${TSB_NAMESPACE}`) }];
}

/** With what the old active, and further standbys, are to follow the new one. */
async function checkFollowing({ to, settings }: Pick<Candidate, "to" | "settings">): Promise<Finding[]> {
  roleFollowing(to, settings);
  return [];
}

/** Another standby that has replayed more would have to be thrown away. */
export function checkFurthest({ members, to }: Pick<Candidate, "members" | "to">): Finding[] {
  const ours = to.database?.lsnBytes ?? 0n;
  return members.flatMap((member) => {
    const ahead = member.role === "standby" && member.name !== to.name ? (member.database?.lsnBytes ?? 0n) - ours : 0n;
    if (ahead <= 0n) return [];
    const text = `${member.name} has replayed ${ahead} bytes more than ${to.name}: it could not follow, and would have to rejoin`;
    return [{ level: "warn" as const, text, mend: `TO=${member.name} would lose less` }];
  });
}

/** The keys that sign TSB's tokens must be alike: else every token of the old active is worth nothing on the new one. */
export async function checkSecrets(
  { from, to, settings, state }: Pick<Candidate, "from" | "to" | "settings" | "state">,
  isPlanned: boolean,
): Promise<Finding[]> {
  const [ours, theirs] = await Promise.all([
    readSecrets(to.cluster, [SIGNING_KEY]),
    from.unreachable ? [] : readSecrets(from.cluster, [SIGNING_KEY]),
  ]);
  const mend = `make standby-secrets ACTIVE=${from.name} STANDBY=${to.name}`;
  if (!ours[0])
    return [bad(`${to.name} has no Secret ${SIGNING_KEY}: clients and control planes would be turned away`, mend)];
  if (theirs[0] && !hasSameData(ours[0], theirs[0]))
    return [bad(`${SIGNING_KEY} of ${to.name} is not that of ${from.name}`, `${mend} FORCE=1`)];
  if (isPlanned) await requireStandbyAccount(from);
  if (from.unreachable) return tokenFindings({ settings, state, signingKey: ours[0], from: from.name, to: to.name });
  return [ok(`${OPERATIONAL_SECRETS.join(" and ")} are in place`)];
}

/** The release can be turned, its chart is at hand, and the certificate it holds is good for the floating name. */
export async function checkRelease(candidate: Candidate, member: Member): Promise<Finding[]> {
  const { settings, state } = candidate;
  const { release } = await deployedRelease(member.cluster, settings, state);
  const findings: Finding[] = [];
  if (release.status !== "deployed")
    findings.push({ level: "warn", text: `release mp on ${member.name} is ${release.status}: it will be freed first` });
  const cert = parseCertificate(textAt(release.values, "secrets", "tsb", "cert") ?? "");
  const names = [settings.MP_FLOAT_DNS, member.dns];
  const lacking = cert ? names.filter((name) => !cert.checkHost(name)) : names;
  const mend = `make pki, then: make standby-install STANDBY=${member.name}`;
  if (lacking.length > 0) findings.push(bad(`tsb_certs of ${member.name} lacks ${lacking.join(", ")}`, mend));
  if (cert && daysLeft(cert) < 0) findings.push(bad(`tsb_certs of ${member.name} is past its end`, "make renew"));
  if (findings.length > 0) return findings;
  return [
    ok(
      `release mp (${release.chartVersion}) on ${member.name} is deployed, its chart is at hand, its certificate has the names`,
    ),
  ];
}

/** The names can be changed, and the floating one leads where it should. */
export async function checkNames(candidate: Candidate): Promise<Finding[]> {
  const { settings, from, to, authority, members } = candidate;
  readRootCa(candidate.state);
  const findings = await checkProvider(settings);
  const answer = await authority.look(settings.MP_FLOAT_DNS);
  const holder = await floatHolder(answer, members, authority);
  const where = `${settings.MP_FLOAT_DNS} leads to ${holder?.name ?? describe(answer)}`;
  if (holder && holder.name !== from.name && holder.name !== to.name)
    return [...findings, bad(`${where}, not to ${from.name}`, "make status")];
  return [
    ...findings,
    holder?.name === from.name ? ok(where) : { level: "warn", text: `${where}, not to ${from.name}` },
  ];
}

/** A login through the floating name as it is now: proves password, CA and tctl before they are needed. */
export async function checkLogin(change: Pick<RoleChange, "tctl">): Promise<Finding[]> {
  await change.tctl.ensureLogin();
  return [ok(`tctl is logged in to ${change.tctl.address}`)];
}

/**
 * Shows the findings.
 * @throws StepError (exit 1) when one of them forbids the role change
 */
export function showFindings(findings: readonly Finding[], command: string): void {
  for (const { level, text, mend } of findings) {
    const line = mend && level !== "ok" ? `${text}; next: ${mend}` : text;
    if (level === "ok") output.already(line);
    else if (level === "warn") output.warn(line);
    else output.bad(line);
  }
  const forbidding = findings.filter(({ level }) => level === "bad");
  if (forbidding.length === 0) return;
  throw new StepError(
    `${command}: ${forbidding.length} ${forbidding.length === 1 ? "check forbids" : "checks forbid"} it; nothing was changed`,
    {
      details: forbidding.map(({ text }) => text),
      next: forbidding[0]?.mend ?? "make status",
    },
  );
}

/** All checks of a planned role change, side by side. */
export async function switchoverFindings(candidate: Candidate, change: Pick<RoleChange, "tctl">): Promise<Finding[]> {
  const { from, to } = candidate;
  const roles = [...otherUnfinished(candidate.members, to.name), ...checkRoles(candidate)];
  if (from.unreachable)
    roles.push(bad(`${from.name} can't be reached: ${from.unreachable}`, `make failover TO=${to.name}`));
  if (roles.some(({ level }) => level === "bad")) return roles;
  const rest = await Promise.all([
    checked(async () => [...checkDatabase(candidate, true), ...checkFurthest(candidate)]),
    checked(() => checkOperator(candidate, "bad")),
    checked(() => checkFollowing(candidate)),
    checked(() => checkSecrets(candidate, true)),
    checked(() => checkRelease(candidate, to)),
    checked(() => checkRelease(candidate, from)),
    checked(() => checkNames(candidate)),
    checked(() => checkLogin(change)),
  ]);
  return [...roles, ...rest.flat()];
}

/** All checks of an unplanned one: what only a living active could answer is not asked. */
export async function failoverFindings(candidate: Candidate): Promise<Finding[]> {
  const { to, from } = candidate;
  const roles = [...otherUnfinished(candidate.members, to.name), ...checkRoles(candidate)];
  if (roles.some(({ level }) => level === "bad")) return roles;
  if (!from.unreachable)
    roles.push({
      level: "warn",
      text: `${from.name} can be reached: if it serves, a switchover loses nothing`,
      mend: `make switchover TO=${to.name}`,
    });
  const rest = await Promise.all([
    checked(async () => [...checkDatabase(candidate, false), ...checkFurthest(candidate)]),
    checked(() => checkOperator(candidate, "warn"), "warn"),
    checked(() => checkSecrets(candidate, false)),
    checked(() => checkRelease(candidate, to)),
    // A name server that is down for the moment must not keep a standby from being promoted: the names can follow.
    checked(() => checkNames(candidate), "warn"),
  ]);
  return [...roles, ...rest.flat()];
}
