/**
 * `make bench`: our targets side by side with the guide's commands in bash, in turns within one run.
 *
 *   ROUNDS=3        how often each is measured
 *   CLUSTERS=10     how many control planes are onboarded at once (0: none)
 *   OUT=file.json   where the figures are written; default .build/bench.json
 *   LAB_PACE=1      as in docs/lab.md
 *
 * The labs are its own, one after the other; one that LAB_DIR names is left alone.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "../torture/killed-run.ts";
import { call, endLab, freshLab } from "../torture/lab.ts";
import { figures, figuresTable } from "./figures.ts";
import { type Measured, measure } from "./measure.ts";
import type { Results } from "./results.ts";

const rounds = Number(process.env.ROUNDS || 3);
const clusters = Number(process.env.CLUSTERS || 10);
const out = process.env.OUT || ".build/bench.json";
const dir = `/tmp/tsb-bench-${process.pid}`;
const pace = process.env.LAB_PACE || "1";

const PAIR = "mp1 mp2";
const TARGETS = ["active", "standby"];

const results: Results = {
  at: new Date().toISOString(),
  machine: { processors: availableParallelism(), node: process.version },
  settings: { rounds, clusters, pace: Number(pace) },
  runs: {
    ...{ guide: [], ours: [], oneByOne: [], again: [], status: [] },
    ...{ opensslPki: [], pki: [], rootKey: [], onboardOne: [], onboardMany: [] },
  },
  writesOfSecondRun: 0,
};

function tell(what: string, { seconds, busy }: Measured): void {
  process.stdout.write(`${what}: ${seconds.toFixed(2)} s (processors ${Math.round(100 * busy)} % busy)\n`);
}

async function note(kind: keyof Results["runs"], run: Promise<Measured>): Promise<Measured> {
  const measured = await run;
  results.runs[kind].push(measured);
  tell(kind, measured);
  return measured;
}

async function labOf(clusterNames: string): Promise<NodeJS.ProcessEnv> {
  return freshLab(dir, { LAB_CLUSTERS: clusterNames, LAB_PACE: pace });
}

function make(...targets: string[]): string[] {
  return ["make", "-s", ...targets];
}

/** @throws Error unless `status` calls the pair ready within a minute; at once is too much to ask of a busy machine */
async function judged(env: NodeJS.ProcessEnv): Promise<void> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    try {
      await call(env, "make", "-s", "status");
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}

/** The guide's commands on an empty lab. The same judge as for ours says that the pair is whole: `status`. */
async function guide(): Promise<void> {
  const env = await labOf(PAIR);
  const STATE_DIR = join(dir, "by-hand");
  mkdirSync(STATE_DIR, { mode: 0o700 });
  await note("guide", measure([join(ROOT, "tests/bench/guide.sh")], env, STATE_DIR));
  await judged({ ...env, STATE_DIR });
}

/** Our targets as README has them, one after the other, on an empty lab. */
async function oneByOne(): Promise<void> {
  const env = await labOf(PAIR);
  await note("oneByOne", measure(make(...TARGETS), env));
  await judged(env);
}

/** The same side by side, then once more, and `status`. */
async function ours(): Promise<void> {
  const env = await labOf(PAIR);
  await note("ours", measure(make("-j4", ...TARGETS), env));
  await judged(env);
  const mark = (await audit(env, "mark")).trim();
  await note("again", measure(make("-j4", ...TARGETS), env));
  const writes = Number.parseInt(await audit(env, "since", mark), 10);
  results.writesOfSecondRun = Math.max(results.writesOfSecondRun, writes);
  for (let i = 0; i < 3; i += 1) await note("status", measure(make("status"), env));
}

function audit(env: NodeJS.ProcessEnv, ...args: string[]): Promise<string> {
  return call(env, process.execPath, ".build/lab/audit.mjs", ...args);
}

/** The certificates alone, which need no lab: two roots of chance, so that they are made often. */
async function certificates(): Promise<void> {
  const names = {
    MP1_DNS: "mp1.tsb.example.com",
    MP2_DNS: "mp2.tsb.example.com",
    MP_FLOAT_DNS: "active.tsb.example.com",
  };
  const { PATH, HOME } = process.env;
  const env = { PATH, HOME, ENV_FILE: "/dev/null", ...names };
  const instances = [`mp1=${names.MP1_DNS}`, `mp2=${names.MP2_DNS}`];
  const folder = mkdtempSync(join(tmpdir(), "tsb-bench-pki-"));
  try {
    for (let i = 0; i < 5 * rounds; i += 1) {
      const STATE_DIR = join(folder, String(i));
      const byHand = mkdtempSync(join(folder, "by-hand-"));
      await note("opensslPki", measure([join(ROOT, "tests/bench/pki.sh"), ...instances], env, byHand));
      await note("pki", measure(make("pki"), { ...env, STATE_DIR }));
      await note("rootKey", measure(["openssl", "genrsa", "-out", join(byHand, "root.key"), "4096"], env));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One control plane; many at once; and one more, so that both ends of the run are seen. */
async function onboarding(): Promise<void> {
  const names = Array.from({ length: clusters + 2 }, (_, i) => `cp${i + 1}`);
  const env = await labOf(["mp1", ...names].join(" "));
  await call(env, "make", "-s", "active");
  const onboard = (some: readonly string[]) => measure(make("onboard"), { ...env, CLUSTER_NAME: some.join(",") });
  await note("onboardOne", onboard(names.slice(0, 1)));
  await note("onboardMany", onboard(names.slice(1, -1)));
  await note("onboardOne", onboard(names.slice(-1)));
}

for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => void endLab(dir).finally(() => process.exit(130)));
try {
  await certificates();
  for (let i = 0; i < rounds; i += 1) {
    const turns = [guide, ours, oneByOne];
    // Whoever goes first does not always go first.
    for (const turn of i % 2 === 0 ? turns : turns.reverse()) await turn();
  }
  if (clusters > 0) await onboarding();
} finally {
  await endLab(dir);
}

writeFileSync(out, `${JSON.stringify({ figures: figures(results), ...results }, undefined, 1)}\n`);
process.stdout.write(`\n${figuresTable(results)}\n\nfigures: ${out}\n`);
