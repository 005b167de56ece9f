/** One screen of the report, for people. Pure. */

import { table } from "./output.ts";
import type { CertificateFacts, ControlPlaneFacts, DatabaseFacts, InstanceFacts, NameFacts } from "./status-facts.ts";
import { bytes, type Finding, type Severity, type StatusReport } from "./status-findings.ts";

const MARKS: Record<Severity, string> = { broken: "✗", degraded: "!", info: "·" };
const COLOURS = { broken: 31, degraded: 33, ready: 32 } as const;

/**
 * The report as text: verdict and findings first, the facts below.
 * @param options.colour with terminal colours
 */
export function render(report: StatusReport, options: { colour: boolean }): string {
  const paint = (code: number, text: string) => (options.colour ? `\u001b[${code}m${text}\u001b[0m` : text);
  const { verdict, floating, at } = report;
  return [
    `${paint(COLOURS[verdict], paint(1, verdict.toUpperCase()))}  ${floating.name}  ${at.slice(0, 19).replace("T", " ")} UTC`,
    `  serving: ${report.isServing ? `yes, ${report.active ?? "by an instance whose cluster can't be asked"}` : "NO"}`,
    `  could I fail over now: ${failoverInWords(report)}`,
    ...report.findings.flatMap((finding) => findingLines(finding, paint)),
    "",
    table([["", ...report.instances.map(({ name }) => name)], ...rows(report)]),
    "",
    ...nameLines("floating name", floating),
    ...tsbLine(report),
    ...report.controlPlanes.map(controlPlaneLine),
  ].join("\n");
}

function failoverInWords({ failover, active }: StatusReport): string {
  const because = failover.because.join("; ");
  if (!failover.isPossible) return `NO: ${because}`;
  const target = `make ${active ? "switchover" : "failover"} TO=${failover.to}`;
  return `yes, to ${failover.to} (${target}): ${because}`;
}

function findingLines({ severity, text, mend }: Finding, paint: (code: number, text: string) => string): string[] {
  const mark = severity === "info" ? MARKS.info : paint(COLOURS[severity], MARKS[severity]);
  return [`  ${mark} ${text}`, `      mend: ${mend}`];
}

/** One row for each fact, one column for each instance; rows that say nothing of any instance are left out. */
function rows({ instances }: StatusReport): string[][] {
  const all: [string, (one: InstanceFacts) => string][] = [
    ["reachable", reachability],
    ["role", roleInWords],
    ["release", ({ release }) => (release ? `${release.chartVersion} ${release.status} (${release.revision})` : "-")],
    ["version", ({ version }) => version ?? "-"],
    ["workloads", workloadsInWords],
    ["front envoy", ({ address, exposesPostgres }) => (address ? `${address}${exposesPostgres ? ", 5432" : ""}` : "-")],
    ["permanent name", ({ permanentName }) => permanentName.authority.text],
    [
      "database",
      ({ database, databaseError }) => (database ? databaseInWords(database) : databaseError ? "no answer" : "-"),
    ],
    ["log position", ({ database }) => database?.lsn ?? "-"],
    ["slots", ({ database }) => slotsInWords(database)],
    [
      "signing key",
      ({ keys }) => (keys.signing ? `${short(keys.signing.kids[0])} sha256 ${keys.signing.sha256}` : "-"),
    ],
    ["jwks", ({ keys }) => (keys.jwks ? `sha256 ${keys.jwks.sha256}` : "-")],
    ["tsb-standby-sa", ({ keys }) => (keys.standbyAccount ? `sha256 ${keys.standbyAccount.sha256}` : "-")],
    ["tsb-certs", (one) => certificateInWords(one, "tsb-certs")],
    ["xcp-central-cert", (one) => certificateInWords(one, "xcp-central-cert")],
    ["root CA", (one) => certificateInWords(one, "root")],
    ["role change", ({ roleChange }) => (roleChange ? `${roleChange.kind} ${roleChange.startedAt.slice(0, 16)}` : "-")],
  ];
  const built = all.map(([label, cell]) => [
    `  ${label}`,
    ...instances.map((one) => (one.unreachable ? "?" : cell(one))),
  ]);
  const [first, ...rest] = built;
  const reach = ["  reachable", ...instances.map(reachability)];
  return [first ? reach : [], ...rest.filter((row) => row.slice(1).some((cell) => cell !== "-" && cell !== "?"))];
}

function reachability({ unreachable }: InstanceFacts): string {
  if (!unreachable) return "yes";
  return unreachable.lastSeenAt ? `NO, last seen ${unreachable.lastSeenAt.slice(0, 19)}Z` : "NO";
}

function roleInWords({ role, follows, isFenced }: InstanceFacts): string {
  if (role === "none") return "no management plane";
  if (role === "standby") return `standby of ${follows === "manual" ? "(manual)" : follows}`;
  return `${role === "single" ? "active (single)" : role}${isFenced ? ", FENCED" : ""}`;
}

function workloadsInWords({ workloads }: InstanceFacts): string {
  const ready = workloads.filter(({ isReady, wanted }) => isReady && wanted > 0).length;
  return workloads.length > 0 ? `${ready} of ${workloads.length} ready` : "-";
}

function databaseInWords(database: DatabaseFacts): string {
  if (!database.inRecovery) return "primary";
  const lag = database.lagBytes === null ? "" : `, ${bytes(database.lagBytes)}`;
  const seconds = database.lagSeconds === null ? "" : `${lag ? " /" : ","} ${database.lagSeconds.toFixed(1)} s`;
  return `${database.receiver ?? "NOT STREAMING"}${lag}${seconds}${lag || seconds ? " behind" : ""}`;
}

function slotsInWords(database: DatabaseFacts | null): string {
  const slots = database?.slots ?? [];
  const words = slots.map(
    (slot) => `${slot.name} ${slot.active ? "read" : "IDLE"}, keeps ${bytes(slot.retainedBytes)}`,
  );
  return words.join("; ") || "-";
}

function certificateInWords({ certificates }: InstanceFacts, name: string): string {
  const found: CertificateFacts | undefined = certificates.find((one) => one.name === name);
  if (!found) return "-";
  if (found.daysLeft === null) return "MISSING";
  return `${found.daysLeft} days left${name === "root" ? `, sha256 ${found.sha256}` : ""}`;
}

function short(kid: string | undefined): string {
  return kid === undefined ? "kid -" : `kid ${kid.length > 12 ? `${kid.slice(0, 12)}…` : kid}`;
}

function nameLines(label: string, { name, authority, resolver, system }: NameFacts): string[] {
  const ttl = authority.ttlSeconds === null ? "" : `, TTL ${authority.ttlSeconds} s`;
  const others = [resolver, system].filter(
    (one, i, all) => one.server !== authority.server && all.findIndex(({ server }) => server === one.server) === i,
  );
  return [
    `${label}: ${name} → ${authority.text}${ttl} (${authority.server})`,
    ...others.map((one) => `  ${one.server}: ${one.text}`),
  ];
}

function tsbLine({ tsb }: StatusReport): string[] {
  const say = (value: boolean | null) => (value === null ? "?" : value ? "yes" : "NO");
  if (tsb.login === "late") return ["TSB's API: answers, but too late to be asked"];
  if (tsb.login !== "ok") return [`TSB's API: ${tsb.login}`];
  const { accountExists, grantInForce, keyAccepted } = tsb;
  return [
    "TSB's API: login through the floating name ok",
    `tsb-standby-sa: exists ${say(accountExists)}, org-reader ${say(grantInForce)}, key accepted ${say(keyAccepted)}`,
  ];
}

function controlPlaneLine(one: ControlPlaneFacts): string {
  const dials = one.host ? `dials ${one.host}${one.port === null ? "" : `:${one.port}`}` : "dials ? (no kube context)";
  const edge = one.edgeReady === null ? "" : `, edge ${one.edgeReady ? "ready" : "NOT READY"}`;
  return `control plane ${one.name}: ${one.status ?? "? (TSB can't be asked)"}, ${one.reachable === false ? "its cluster can't be reached" : dials}${edge}`;
}
