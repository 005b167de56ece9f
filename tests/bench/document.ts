/** `make bench-docs`: puts the figures of a bench run (OUT) into docs/performance.md, and draws docs/performance.svg. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../torture/killed-run.ts";
import { barChart } from "./chart.ts";
import { figures, phasesOf } from "./figures.ts";
import type { Measured } from "./measure.ts";
import { median, medianSeconds, type Results, readResults } from "./results.ts";

/** Runs that the text shows, in its words. */
const SHOWN: [kind: keyof Results["runs"], words: string][] = [
  ["guide", "the guide's commands in bash"],
  ["oneByOne", "`make active standby`"],
  ["ours", "`make -j4 active standby`"],
  ["again", "the same, second run"],
  ["status", "`make status`"],
  ["opensslPki", "certificates with openssl in bash"],
  ["pki", "`make pki`"],
  ["rootKey", "the root's key alone (`openssl genrsa 4096`)"],
  ["onboardOne", "`make onboard`, one cluster"],
  ["onboardMany", "`make onboard`, many clusters at once"],
];

const results = readResults(process.env.OUT || ".build/bench.json");
const page = join(ROOT, "docs/performance.md");
const begin = "<!-- figures: begin -->";
const end = "<!-- figures: end -->";
const text = readFileSync(page, "utf8");
const [before, rest] = text.split(begin);
const [, after] = rest?.split(end) ?? [];
if (before === undefined || after === undefined) throw new Error(`${page} has no ${begin} … ${end}`);
writeFileSync(page, [before, begin, "\n", sections(results), "\n", end, after].join(""));
writeFileSync(
  join(ROOT, "docs/performance.svg"),
  barChart("Active + standby on an empty lab, median seconds", bars(results)),
);

function sections(found: Results): string {
  const { machine, settings } = found;
  return [
    `Measured ${found.at.slice(0, 10)} on ${machine.processors} processors, Node ${machine.node}; rounds: ${settings.rounds};`,
    `the lab at pace ${settings.pace}. Medians.`,
    "",
    "### Figures",
    "",
    ...rows(["figure", "measured", "wanted", "", "of"], figures(found).map(figureRow)),
    "",
    "### What was measured",
    "",
    ...rows(["what", "runs", "median", "least to most", "processor seconds", "processors busy"], SHOWN.flatMap(runRow)),
    "",
    "### Where the time goes",
    "",
    "Median seconds of each step, or section of the guide. With `-j4` steps overlap: their sum is more than the whole.",
    "",
    ...rows(["the guide in bash", "seconds"], phasesOf(found.runs.guide).map(phaseRow)),
    "",
    ...rows(["`make -j4 active standby`", "first run", "second run"], stepRows(found)),
  ].join("\n");
}

function figureRow({ what, measured, unit, atMost, of, isReached }: ReturnType<typeof figures>[number]): string[] {
  return [what, `${measured} ${unit}`.trim(), `≤ ${atMost}`, isReached ? "reached" : "**not reached**", of];
}

function runRow([kind, words]: (typeof SHOWN)[number]): string[][] {
  const runs = results.runs[kind];
  if (runs.length === 0) return [];
  const seconds = runs.map((run) => run.seconds);
  const of = (pick: (run: Measured) => number): number => median(runs.map(pick));
  const range = `${Math.min(...seconds).toFixed(2)} to ${Math.max(...seconds).toFixed(2)} s`;
  const busy = `${Math.round(100 * of((run) => run.busy))} %`;
  return [
    [
      words,
      `${runs.length}`,
      `${of((run) => run.seconds).toFixed(2)} s`,
      range,
      of((run) => run.cpuSeconds).toFixed(2),
      busy,
    ],
  ];
}

function phaseRow([name, seconds]: [string, number]): string[] {
  return [name, seconds.toFixed(1)];
}

function stepRows({ runs }: Results): string[][] {
  const again = new Map(phasesOf(runs.again));
  return phasesOf(runs.ours).map(([name, seconds]) => [
    `\`${name}\``,
    seconds.toFixed(1),
    (again.get(name) ?? 0).toFixed(1),
  ]);
}

function rows(heading: readonly string[], body: readonly (readonly string[])[]): string[] {
  return [heading, heading.map(() => "---"), ...body].map((cells) => `| ${cells.join(" | ")} |`);
}

function bars({ runs }: Results): [string, number][] {
  return [
    ["the guide in bash", medianSeconds(runs.guide)],
    ["make active standby", medianSeconds(runs.oneByOne)],
    ["make -j4 active standby", medianSeconds(runs.ours)],
    ["the same, second run", medianSeconds(runs.again)],
    ["make status", medianSeconds(runs.status)],
  ];
}
