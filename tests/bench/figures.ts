/** The figures that are promised, from what was measured. */
import { table } from "../../lib/output.ts";
import { median, medianSeconds, type Results } from "./results.ts";

export interface Figure {
  what: string;
  measured: number;
  /** "" for a ratio. */
  unit: "" | "s" | "MiB" | "requests";
  /** What it should be at most. */
  atMost: number;
  /** The medians that a ratio is made of. */
  of: string;
  isReached: boolean;
}

/** @returns one for each figure that was measured */
export function figures({ runs, settings, writesOfSecondRun }: Results): Figure[] {
  const figure = (what: string, measured: number, unit: Figure["unit"], atMost: number, of = ""): Figure => ({
    ...{ what, measured: Math.round(measured * 100) / 100, unit, atMost, of },
    isReached: measured <= atMost,
  });
  const ratio = (what: string, kind: keyof Results["runs"], to: keyof Results["runs"], atMost: number): Figure => {
    const [ours, theirs] = [medianSeconds(runs[kind]), medianSeconds(runs[to])];
    return figure(what, ours / theirs, "", atMost, `${ours.toFixed(2)} s / ${theirs.toFixed(2)} s`);
  };
  const all = Object.values(runs).flat();
  return [
    ratio("make -j4 active standby / the guide in bash", "ours", "guide", 1),
    ratio("make active standby / the guide in bash", "oneByOne", "guide", 1),
    ratio("second run / first run", "again", "ours", 0.25),
    figure("mutating requests of the second run", writesOfSecondRun, "requests", 0),
    figure("make status, two instances", medianSeconds(runs.status), "s", 1),
    ratio("make pki / openssl in bash", "pki", "opensslPki", 0.5),
    ...(runs.onboardMany.length > 0
      ? [ratio(`make onboard of ${settings.clusters} clusters / of one`, "onboardMany", "onboardOne", 2)]
      : []),
    figure("peak memory of a script", Math.max(...all.map(({ peakMiB }) => peakMiB)), "MiB", 150),
  ];
}

/** The figures for people, a line for each. */
export function figuresTable(results: Results): string {
  const rows = figures(results).map(({ what, measured, unit, atMost, of, isReached }) => [
    ...[what, `${measured} ${unit}`.trim(), `≤ ${atMost}`, isReached ? "reached" : "NOT REACHED", of],
  ]);
  return table([["figure", "measured", "wanted", "", "medians"], ...rows]);
}

/** The median seconds of each phase of runs of one kind, in the order in which they began. */
export function phasesOf(runs: Results["runs"][keyof Results["runs"]]): [name: string, seconds: number][] {
  const names = [...new Set(runs.flatMap(({ phases }) => Object.keys(phases)))];
  return names.map((name) => [name, median(runs.map(({ phases }) => phases[name] ?? 0))]);
}
