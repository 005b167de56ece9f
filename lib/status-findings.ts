/** What `status` finds fault with, and what it concludes. */

import type { InstanceFacts, NameFacts, StatusFacts } from "./status-facts.ts";

/** "broken": nothing is served, or data is at risk now. "degraded": to be mended soon. "info": worth knowing. */
export type Severity = "broken" | "degraded" | "info";

export interface Finding {
  /** Stable; docs/status.md lists them all. */
  code: string;
  severity: Severity;
  /** An instance, a control plane, "floating" or "pair". */
  about: string;
  text: string;
  /** What mends it, as it is typed. */
  mend: string;
}

/** What the facts come to: the JSON that `status` prints. docs/status.md describes it. */
export interface StatusReport extends StatusFacts {
  /** Raised when a field changes its meaning or goes; new fields may come at any time. */
  schemaVersion: 1;
  verdict: "ready" | "degraded" | "broken";
  /** The active's name; null where there is none, or more than one. */
  active: string | null;
  /** Whether users and control planes are served. */
  isServing: boolean;
  failover: Failover;
  findings: Finding[];
}

/** The answer to: could I fail over now? */
export interface Failover {
  isPossible: boolean;
  /** The instance that would become active. */
  to: string | null;
  /** What it would be short of: bytes of log, where both databases can be read. */
  lossBytes: number | null;
  /** Where nothing tells the bytes: the age of the last change that it has. */
  lossSeconds: number | null;
  /** Why it is not possible; or what would be lost. */
  because: string[];
}

/** The instances by what they are. */
export interface Pair {
  facts: StatusFacts;
  failWithinDays: number;
  reachable: InstanceFacts[];
  unreachable: InstanceFacts[];
  /** Those that run as an active; of these, those that were fenced. */
  actives: InstanceFacts[];
  fenced: InstanceFacts[];
  standbys: InstanceFacts[];
  /** The one active. */
  active: InstanceFacts | undefined;
  /** The instance that the floating name leads to. */
  floatHolder: InstanceFacts | undefined;
}

/** @param failWithinDays certificates that end sooner are a finding */
export function pairOf(facts: StatusFacts, failWithinDays: number): Pair {
  const { instances } = facts;
  const reachable = instances.filter((one) => one.unreachable === null);
  const leading = reachable.filter(({ role }) => role === "active" || role === "single");
  const actives = leading.filter((one) => !one.isFenced);
  const [first, second] = actives;
  return {
    ...{ facts, failWithinDays, reachable, actives },
    unreachable: instances.filter((one) => one.unreachable !== null),
    fenced: leading.filter((one) => one.isFenced),
    standbys: reachable.filter(({ role }) => role === "standby"),
    active: second ? undefined : first,
    floatHolder: holderOf(facts.floating, instances),
  };
}

/** By its CNAME, or by an address that it shares with a permanent name. */
function holderOf({ authority }: NameFacts, instances: readonly InstanceFacts[]): InstanceFacts | undefined {
  const named = instances.find(({ dns }) => dns === authority.cname);
  if (named) return named;
  return instances.find(({ permanentName }) =>
    permanentName.authority.addresses.some((address) => authority.addresses.includes(address)),
  );
}

/** Users are served, by an instance whose cluster can't be asked: no ground for a failover. */
export function isServedUnseen({ actives, unreachable, facts }: Pair): boolean {
  return actives.length === 0 && unreachable.length > 0 && hasAnswered(facts);
}

/** TSB answered through the floating name, be it late. */
export function hasAnswered({ tsb }: StatusFacts): boolean {
  return tsb.login === "ok" || tsb.login === "late";
}

/** What mends slowness. */
export const ONCE_IDLE = "make status, once TSB and this machine have less to do";

/** The database had no answer within our bounds, but TSB, which is nothing without it, had: slow is not gone. */
export function isSlow({ database, databaseError }: InstanceFacts, facts: StatusFacts): boolean {
  return database === null && /did not answer within/.test(databaseError ?? "") && hasAnswered(facts);
}

/** A finding, if it is one. */
export function when(isSo: boolean, finding: Finding): Finding[] {
  return isSo ? [finding] : [];
}

/** "1 byte", "12 bytes", "3.4 MiB". */
export function bytes(count: number): string {
  if (count === 1) return "1 byte";
  if (count < 10_240) return `${count} bytes`;
  if (count < 1024 * 1024) return `${(count / 1024).toFixed(1)} KiB`;
  if (count < 1024 ** 3) return `${(count / 1024 ** 2).toFixed(1)} MiB`;
  return `${(count / 1024 ** 3).toFixed(1)} GiB`;
}

/** The target that installs an instance in the role it has: waits, and shows what is in the way. */
export function installTarget(instance: InstanceFacts): string {
  return instance.role === "standby"
    ? `make standby STANDBY=${instance.name}`
    : `make active-install ACTIVE=${instance.name}`;
}
