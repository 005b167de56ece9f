/** Each instance by itself: release, workloads, certificates. */

import type { CertificateFacts, InstanceFacts } from "./status-facts.ts";
import { type Finding, installTarget, type Pair, type Severity, when } from "./status-findings.ts";

/** Without these an active serves nobody; source: TSB's documentation. */
const VITAL = ["tsb", "iam", "envoy", "central"];

/** Findings about what runs on the instances. */
export function judgeInstances(pair: Pair): Finding[] {
  const installed = pair.reachable.filter(({ role }) => role !== "none");
  return [
    ...installed.flatMap((one) => [
      ...workloads(one),
      ...complaints(one),
      ...release(one),
      ...one.certificates.flatMap((certificate) => judgeCertificate(certificate, one, pair)),
    ]),
    ...versions(installed),
    ...roots(installed),
  ];
}

/** Whether the instance runs all that an active needs. */
export function isUp(one: InstanceFacts): boolean {
  return VITAL.every((name) => one.workloads.some((workload) => workload.name === name && isServed(workload)));
}

function isServed({ ready, wanted }: { ready: number; wanted: number }): boolean {
  return ready > 0 && wanted > 0;
}

function workloads(one: InstanceFacts): Finding[] {
  // What a fence took away is no fault of its own; the fence is a finding already.
  const waiting = one.workloads.filter(({ name, isReady }) => !isReady && !(one.isFenced && VITAL.includes(name)));
  const stopped = one.isFenced ? [] : one.workloads.filter(({ name, wanted }) => wanted === 0 && VITAL.includes(name));
  const names = [...new Set([...waiting, ...stopped].map(({ name }) => name))];
  const isActive = one.role === "active" || one.role === "single";
  const isDown = isActive && !one.isFenced && !isUp(one);
  return when(names.length > 0, {
    code: "workloads-not-ready",
    severity: isDown ? "broken" : "degraded",
    about: one.name,
    text: `${one.name}: not ready: ${names.join(", ")}`,
    mend: `${installTarget(one)} (waits for them, and shows what is in the way)`,
  });
}

function complaints(one: InstanceFacts): Finding[] {
  return when(one.complaints.length > 0 && !one.isFenced, {
    code: "operator-complains",
    severity: "degraded",
    about: one.name,
    text: `the operator on ${one.name}: ${one.complaints.join("; ")}`,
    mend: one.role === "standby" ? `make standby-logs STANDBY=${one.name}` : installTarget(one),
  });
}

function release(one: InstanceFacts): Finding[] {
  if (!one.release) {
    const text = `${one.name} has a ManagementPlane, but its helm release mp can't be read`;
    return [{ code: "release-missing", severity: "degraded", about: one.name, text, mend: installTarget(one) }];
  }
  return when(one.release.status !== "deployed", {
    code: "release-not-deployed",
    severity: "degraded",
    about: one.name,
    text: `release mp on ${one.name} is ${one.release.status} (revision ${one.release.revision})`,
    mend: installTarget(one),
  });
}

function versions(installed: readonly InstanceFacts[]): Finding[] {
  const seen = installed.map(({ name, version, release: found }) => {
    const chart = found?.chartVersion;
    return { name, version: [chart && `chart ${chart}`, version && `operator ${version}`].filter(Boolean).join(", ") };
  });
  const known = seen.filter(({ version }) => version !== "");
  return when(new Set(known.map(({ version }) => version)).size > 1, {
    code: "versions-differ",
    severity: "degraded",
    about: "pair",
    text: `versions differ: ${known.map(({ name, version }) => `${name} ${version}`).join("; ")}`,
    mend: "make upgrade",
  });
}

function roots(installed: readonly InstanceFacts[]): Finding[] {
  const found = installed.flatMap(({ name, certificates }) => {
    const sha256 = certificates.find((one) => one.name === "root")?.sha256;
    return sha256 ? [{ name, sha256 }] : [];
  });
  return when(new Set(found.map(({ sha256 }) => sha256)).size > 1, {
    code: "roots-differ",
    severity: "degraded",
    about: "pair",
    text: `root CAs differ, clients could not fail over: ${found.map((one) => `${one.name} ${one.sha256}`).join(", ")}`,
    mend: "make rotate-root",
  });
}

function judgeCertificate(one: CertificateFacts, instance: InstanceFacts, pair: Pair): Finding[] {
  const { name, daysLeft } = one;
  const about = instance.name;
  const label = `${name === "root" ? "the root CA" : name} on ${about}`;
  const mend = name === "root" ? "make rotate-root" : "make renew";
  const fault = (isSo: boolean, code: string, severity: Severity, text: string, by = mend) =>
    when(isSo, { code, severity, about, text: `${label} ${text}`, mend: by });
  if (daysLeft === null) return fault(true, "certificate-missing", "degraded", "is missing or can't be read");
  const expired: Severity = pair.active === instance ? "broken" : "degraded";
  return [
    ...fault(daysLeft < 0, "certificate-expired", expired, `expired on ${one.notAfter?.slice(0, 10)}`),
    ...fault(
      daysLeft >= 0 && daysLeft < pair.failWithinDays,
      "certificate-ends",
      "degraded",
      `ends in ${daysLeft} days, on ${one.notAfter?.slice(0, 10)} (FAIL_WITHIN=${pair.failWithinDays})`,
    ),
    ...fault(one.coversOwn === false, "certificate-names", "degraded", `lacks the name ${instance.dns}`),
    ...fault(
      one.coversFloating === false,
      "certificate-names",
      pair.active === instance ? "broken" : "degraded",
      `lacks the floating name ${pair.facts.floating.name}`,
    ),
    ...fault(one.isSignedByRoot === false, "certificate-root", "degraded", "was not signed by the root beside it"),
    ...fault(one.isKeyItsOwn === false, "certificate-key", "degraded", "does not fit its key"),
  ];
}
