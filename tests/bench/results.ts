/** What a bench run measured, as it is written to its JSON file. */
import { readFileSync } from "node:fs";
import type { Measured } from "./measure.ts";

export interface Results {
  /** ISO 8601. */
  at: string;
  machine: { processors: number; node: string };
  settings: { rounds: number; clusters: number; pace: number };
  runs: {
    /** The guide's commands in bash: active, then standby. */
    guide: Measured[];
    /** `make -j4 active standby`, and the same once more. */
    ours: Measured[];
    again: Measured[];
    /** `make active standby`. */
    oneByOne: Measured[];
    status: Measured[];
    /** The certificates of two instances, by openssl and by `make pki`; and a root key of the same size alone. */
    opensslPki: Measured[];
    pki: Measured[];
    rootKey: Measured[];
    /** `make onboard` of one control plane, and of many at once; none where that was not asked for. */
    onboardOne: Measured[];
    onboardMany: Measured[];
  };
  /** Mutating requests of the second run: the most of all rounds. */
  writesOfSecondRun: number;
}

/** Reads a file that `make bench` wrote. */
export function readResults(file: string): Results {
  // Our own file of a moment ago, and nobody else's.
  return JSON.parse(readFileSync(file, "utf8")) as Results;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low = Number.NaN, high = Number.NaN] = [sorted[middle - 1], sorted[middle]];
  return sorted.length % 2 === 1 ? high : (low + high) / 2;
}

/** The median of what runs of one kind took. */
export function medianSeconds(runs: readonly Measured[]): number {
  return median(runs.map(({ seconds }) => seconds));
}
