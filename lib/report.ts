/** The report of a role change: JSON for comparing drills, and one HTML page that needs nothing else. */

import type { Journal } from "./journal.ts";
import type { Member } from "./pair.ts";
import type { State } from "./state.ts";

/** An instance at one moment. */
export interface InstanceLine {
  name: string;
  role: string;
  lsn: string | null;
}

/** What is kept of a role change. */
export interface Report {
  schema: 1;
  id: string;
  kind: Journal["kind"];
  from: string;
  to: string;
  startedAt: string;
  finishedAt: string;
  phases: Journal["phases"];
  /** Seconds from the fence (or, unplanned, from the start) to the first login through the floating name; null unknown. */
  rtoSeconds: number | null;
  /** What is lost; null where it can't be known, because the old active could not be asked. */
  rpo: { bytes: number; transactions: number } | null;
  lsn: Journal["lsn"];
  firstLoginAt: string | null;
  /** Seconds from the fence until each control plane was READY again. */
  controlPlanesReadySeconds: Record<string, number>;
  unfencedOldActive: boolean;
  before: InstanceLine[];
  after: InstanceLine[];
  /** The result for people. */
  summary: string[];
}

/** The report of a finished role change. */
export function reportOf(journal: Journal, before: readonly Member[], after: readonly Member[]): Report {
  const since = (time: string) => secondsBetween(journal.outageFrom ?? journal.startedAt, time);
  const ready = Object.entries(journal.controlPlanesReadyAt).map(([name, time]): [string, number] => [
    name,
    since(time),
  ]);
  const rtoSeconds = journal.firstLoginAt ? since(journal.firstLoginAt) : null;
  const facts = {
    ...{ schema: 1 as const, id: journal.id, kind: journal.kind, from: journal.from, to: journal.to },
    ...{ startedAt: journal.startedAt, finishedAt: journal.finishedAt ?? new Date().toISOString() },
    ...{ phases: journal.phases, rtoSeconds, rpo: journal.rpo ?? null, lsn: journal.lsn },
    ...{ firstLoginAt: journal.firstLoginAt ?? null, controlPlanesReadySeconds: Object.fromEntries(ready) },
    ...{ unfencedOldActive: journal.unfencedOldActive ?? false, before: before.map(lineOf), after: after.map(lineOf) },
  };
  return { ...facts, summary: summaryOf(facts) };
}

function lineOf(member: Member): InstanceLine {
  return {
    name: member.name,
    role: member.unreachable ? "unreachable" : member.role,
    lsn: member.database?.lsn ?? null,
  };
}

function secondsBetween(from: string, to: string): number {
  return Math.round(Date.parse(to) - Date.parse(from)) / 1000;
}

function lostInWords({ transactions }: { transactions: number }): string {
  return transactions === 0 ? "0, nothing lost" : `at most ${transactions} transactions, Postgres's own included`;
}

function summaryOf(report: Omit<Report, "summary">): string[] {
  const { rpo, lsn } = report;
  const unknown = `unknown: ${report.from} could not be asked; ${report.to} had replayed up to ${lsn.promotedAt ?? "?"}${
    lsn.replayAgeSeconds === undefined ? "" : `, its last change ${lsn.replayAgeSeconds.toFixed(0)} s old`
  }`;
  return [
    `${report.kind} ${report.from} -> ${report.to}: done in ${secondsBetween(report.startedAt, report.finishedAt).toFixed(1)} s`,
    `RTO (no service until the first good login): ${report.rtoSeconds === null ? "unknown" : `${report.rtoSeconds.toFixed(1)} s`}`,
    `RPO: ${rpo ? `${lostInWords(rpo)} (last LSN of ${report.from}: ${lsn.oldActive})` : unknown}`,
    ...report.phases.map(({ name, seconds }) => `  ${name.padEnd(15)} ${seconds.toFixed(1).padStart(7)} s`),
    ...Object.entries(report.controlPlanesReadySeconds).map(
      ([name, s]) => `control plane ${name} READY after ${s.toFixed(1)} s`,
    ),
  ];
}

/**
 * Keeps the report as `reports/<id>.json` and `.html` in the state folder.
 * @returns the path of the page
 */
export function writeReport(report: Report, state: State): string {
  state.write(`${JSON.stringify(report, undefined, 2)}\n`, "reports", `${report.id}.json`);
  return state.write(page([report]), "reports", `${report.id}.html`);
}

/** Keeps the reports of a drill as one page, with the figures side by side; returns its path. */
export function writeDrill(reports: readonly Report[], state: State): string {
  const id = `${reports[0]?.id.split("-")[0] ?? "empty"}-drill`;
  state.write(`${JSON.stringify({ schema: 1, id, reports }, undefined, 2)}\n`, "reports", `${id}.json`);
  return state.write(page(reports), "reports", `${id}.html`);
}

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.25rem .75rem;border-bottom:1px solid #d8dee4;text-align:left}
.time{position:relative;height:1.6rem;background:#f3f5f7;margin:.2rem 0}.bar{position:absolute;top:0;bottom:0;background:#4c8dd6;min-width:2px}
.down .bar{background:#d2604c}.label{position:absolute;left:.4rem;top:.05rem;white-space:nowrap}.num{text-align:right}`;

function page(reports: readonly Report[]): string {
  const title = reports.map((one) => `${one.kind} ${one.from} → ${one.to}`).join(", ");
  const body = reports.map(section).join("\n");
  return `<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>${escaped(title)}</title>\n<style>${STYLE}</style>\n${body}\n</html>\n`;
}

function section(report: Report): string {
  const rows: [string, string][] = [
    ["Started", report.startedAt],
    ["Finished", report.finishedAt],
    [
      "RTO",
      report.rtoSeconds === null
        ? "unknown"
        : `${report.rtoSeconds.toFixed(1)} s without service until the first good login`,
    ],
    ["RPO", report.rpo ? lostInWords(report.rpo) : "unknown: the old active could not be asked"],
    ["Last LSN of the old active", report.lsn.oldActive ?? "unknown"],
    ["Replayed when promoted", report.lsn.promotedAt ?? "unknown"],
    ["First good login", report.firstLoginAt ?? "unknown"],
    ["Old active fenced", report.unfencedOldActive ? "no: run make rejoin first when it is back" : "yes"],
    ...Object.entries(report.controlPlanesReadySeconds).map(([name, s]): [string, string] => [
      `${name} READY`,
      `after ${s.toFixed(1)} s`,
    ]),
  ];
  const facts = rows.map(([name, value]) => `<tr><th>${escaped(name)}</th><td>${escaped(value)}</td></tr>`).join("");
  return [
    `<h1>${escaped(`${report.kind} ${report.from} → ${report.to}`)}</h1>`,
    `<table>${facts}</table>`,
    `<h2>Timeline</h2>${timeline(report)}`,
    `<h2>Before and after</h2>${roles(report)}`,
  ].join("\n");
}

/** One bar for each phase, to scale; red while nothing is served. */
function timeline({ phases, startedAt, finishedAt, firstLoginAt }: Report): string {
  const whole = Math.max(secondsBetween(startedAt, finishedAt), 0.001);
  const served = firstLoginAt ? Date.parse(firstLoginAt) : Number.POSITIVE_INFINITY;
  return phases
    .map((phase) => {
      const left = (secondsBetween(startedAt, phase.startedAt) / whole) * 100;
      const width = (phase.seconds / whole) * 100;
      const isDown = Date.parse(phase.startedAt) < served;
      const bar = `<div class="bar" style="left:${left.toFixed(2)}%;width:${width.toFixed(2)}%"></div>`;
      const label = `${phase.name} · ${phase.seconds.toFixed(1)} s`;
      return `<div class="time${isDown ? " down" : ""}">${bar}<span class="label">${escaped(label)}</span></div>`;
    })
    .join("\n");
}

function roles({ before, after }: Report): string {
  const rows = before.map((one) => {
    const then = after.find(({ name }) => name === one.name);
    const cells = [one.name, one.role, one.lsn ?? "-", then?.role ?? "-", then?.lsn ?? "-"];
    return `<tr>${cells.map((cell) => `<td>${escaped(cell)}</td>`).join("")}</tr>`;
  });
  return `<table><tr><th>Instance</th><th>Role before</th><th>LSN</th><th>Role after</th><th>LSN</th></tr>${rows.join("")}</table>`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
