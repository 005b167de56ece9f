/** Judges the facts: findings, whether a failover is possible, and a verdict. Pure. */

import type { InstanceFacts, StatusFacts } from "./status-facts.ts";
import {
  bytes,
  type Failover,
  type Finding,
  hasAnswered,
  isServedUnseen,
  isSlow,
  type Pair,
  pairOf,
  type Severity,
  type StatusReport,
} from "./status-findings.ts";
import { isForeign, judgeData } from "./status-judge-data.ts";
import { isUp, judgeInstances } from "./status-judge-instance.ts";
import { judgeOutside } from "./status-judge-outside.ts";
import { judgeRoles } from "./status-judge-roles.ts";

const ORDER: readonly Severity[] = ["broken", "degraded", "info"];

/**
 * What the facts come to.
 * @param options.failWithinDays certificates that end sooner are a finding
 * Source: TSB's documentation, failover
 */
export function judge(facts: StatusFacts, options: { failWithinDays: number }): StatusReport {
  const pair = pairOf(facts, options.failWithinDays);
  const unsorted = [...judgeRoles(pair), ...judgeInstances(pair), ...judgeData(pair), ...judgeOutside(pair)];
  const findings = ORDER.flatMap((severity) => unsorted.filter((finding) => finding.severity === severity));
  return {
    schemaVersion: 1,
    verdict: verdictOf(findings),
    active: pair.active?.name ?? null,
    isServing: isServing(pair),
    failover: assess(pair),
    findings,
    ...facts,
  };
}

function verdictOf(findings: readonly Finding[]): StatusReport["verdict"] {
  if (findings.some(({ severity }) => severity === "broken")) return "broken";
  return findings.some(({ severity }) => severity === "degraded") ? "degraded" : "ready";
}

/** An active that runs, whose database takes writes, and that is reached through the floating name. */
function isServing(pair: Pair): boolean {
  const { active, floatHolder, facts } = pair;
  if (isServedUnseen(pair)) return true;
  if (!active || !isUp(active)) return false;
  if (active.database?.inRecovery !== false && !isSlow(active, facts)) return false;
  return hasAnswered(facts) || (facts.tsb.login === "not asked" && floatHolder === active);
}

/** The standby that would lose least, if any could take over. */
function assess(pair: Pair): Failover {
  const candidates = pair.standbys.map((one) => ({ one, obstacles: obstaclesOf(one, pair) }));
  const able = candidates.filter(({ obstacles }) => obstacles.length === 0).map(({ one }) => one);
  const best = able.sort((a, b) => (a.database?.lagBytes ?? 0) - (b.database?.lagBytes ?? 0))[0];
  if (!best) {
    const because = candidates.flatMap(({ obstacles }) => obstacles);
    const none = pair.unreachable.length > 0 ? "no standby can be reached" : "there is no standby";
    const nothing = { isPossible: false, to: null, lossBytes: null, lossSeconds: null };
    return { ...nothing, because: because.length > 0 ? because : [none] };
  }
  const { lagBytes = null, replayAgeSeconds = null } = best.database ?? {};
  const seconds = lagBytes === 0 ? 0 : replayAgeSeconds;
  const loss = { lossBytes: lagBytes, lossSeconds: seconds };
  return { isPossible: true, to: best.name, ...loss, because: [lossInWords(best, lagBytes, seconds)] };
}

function lossInWords(one: InstanceFacts, lagBytes: number | null, seconds: number | null): string {
  if (lagBytes === 0) return `${one.name} has everything`;
  if (lagBytes !== null) return `${one.name} is ${bytes(lagBytes)} behind`;
  const age = seconds === null ? "" : `, ${seconds.toFixed(0)} s old`;
  return `${one.name} has everything up to ${one.database?.lsn}${age}; what came after is lost`;
}

/** Why a standby could not take over. */
function obstaclesOf(one: InstanceFacts, pair: Pair): string[] {
  const { name, database, keys, certificates } = one;
  const signing = pair.active?.keys.signing;
  const isOtherKey = signing ? keys.signing?.sha256 !== signing.sha256 : isForeign(keys.signing, pair);
  const operator = one.workloads.find((workload) => workload.name === "tsb-operator-management-plane");
  const leaves = certificates.filter((certificate) => certificate.name !== "root");
  const isUsable = (leaf: (typeof leaves)[number]) => (leaf.daysLeft ?? -1) >= 0 && leaf.coversFloating === true;
  const obstacles: [boolean, string][] = [
    [database === null, "its database can't be asked"],
    [database?.inRecovery === false, "its database is no standby"],
    [keys.signing === null, "iam-signing-key is missing"],
    [keys.signing !== null && isOtherKey, "its iam-signing-key is not the active's"],
    [!operator?.isReady, "its operator is not ready"],
    [leaves.length === 0 || !leaves.every(isUsable), "its certificates are not good for the floating name"],
  ];
  return obstacles.flatMap(([isSo, text]) => (isSo ? [`${name}: ${text}`] : []));
}
