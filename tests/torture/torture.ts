/**
 * `make torture`: kills the whole install (active, onboard, standby) with SIGKILL at random moments, finishes it each time by
 * running it again, and compares where it ends with an install that was never killed.
 *
 *   SEED=1       the same seed kills the same at the same moments, as far as the machine's load lets it
 *   ROUNDS=100   how often it is killed, at least
 *   LAB_DIR      where the lab is made, anew for each install
 *   REFERENCE    an installed lab to compare with; default: one is made first, in LAB_DIR
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Describer } from "./described.ts";
import { differences, endState } from "./end-state.ts";
import { type Moment, runStep } from "./killed-run.ts";
import { asSteps, call, endLab, freshLab, labEnvironment, permitSteps } from "./lab.ts";
import { checkWhole, Kept } from "./state-files.ts";

/** The steps in the guide's order; how long each takes on a quiet machine, and how many files it writes. */
const STEPS = [
  { name: "preflight", seconds: 1.6, files: 0 },
  { name: "pki", seconds: 1.5, files: 10 },
  { name: "active-install", seconds: 7, files: 2 },
  { name: "active-dns", seconds: 0.8, files: 0 },
  { name: "active-login", seconds: 1.5, files: 2 },
  { name: "service-account", seconds: 2.5, files: 2 },
  { name: "onboard", seconds: 6, files: 3 },
  { name: "standby-secrets", seconds: 1.2, files: 1 },
  { name: "standby-cert-manager", seconds: 3, files: 1 },
  { name: "standby-install", seconds: 6, files: 2 },
  { name: "standby-logs", seconds: 1, files: 0 },
] as const;
type Step = (typeof STEPS)[number];

/** Kills in one install at most: the more, the faster, but each wants its own share of the way. */
const KILLS_PER_INSTALL = 16;
const VICTIMS = ["script", "all", "program"] as const;

const seed = Number(process.env.SEED || 1);
const rounds = Number(process.env.ROUNDS || 100);
const dir = process.env.LAB_DIR || `/tmp/tsb-torture-${process.getuid?.() ?? 0}`;

/** Numbers from 0 to 1 that depend on the seed alone (mulberry32). */
function randomFrom(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Which steps are to be killed, a name for each kill: long ones more often. */
function drawSteps(count: number, random: () => number): string[] {
  const shares = STEPS.flatMap(({ name, seconds }) => Array<string>(Math.ceil(1 + seconds)).fill(name));
  return Array.from({ length: count }, () => shares[Math.floor(random() * shares.length)] ?? "");
}

/** @param pace how much slower than a quiet machine this one is */
function drawMoment({ seconds, files }: Step, pace: number, random: () => number): Moment {
  const victim = VICTIMS[Math.floor(random() * VICTIMS.length)] ?? "all";
  // Between two files there are milliseconds only: nobody would hit that by chance.
  if (files > 0 && random() < 0.25)
    return { victim: victim === "all" ? "all" : "script", at: { file: 1 + Math.floor(random() * files) } };
  // Not near the end: a run that is quicker than usual would have ended by then.
  return { victim, at: { ms: random() * 0.8 * seconds * pace * 1000 } };
}

/**
 * One install with the permissions of docs/rbac, killed so often; a kill whose step ended before goes to the next one.
 * @returns the kills
 */
async function install(
  env: NodeJS.ProcessEnv,
  planned: number,
  installSeed: number,
  firstRound: number,
): Promise<number> {
  const random = randomFrom(installSeed);
  const stateDir = env.STATE_DIR ?? "";
  const logFile = join(dir, "torture.log");
  const kept = new Kept();
  const due = drawSteps(planned, random);
  await permitSteps(env);
  const stepEnv = asSteps(env);
  const pace = (await runStep("dns-plan", stepEnv, logFile)).seconds / 0.25;
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  let kills = 0;
  let late = 0;
  for (const step of STEPS) {
    let left = due.filter((name) => name === step.name).length + late;
    for (late = 0; ; left -= 1) {
      const moment = left > 0 ? drawMoment(step, pace, random) : undefined;
      const run = await runStep(step.name, stepEnv, logFile, moment);
      kept.check(stateDir);
      checkWhole(stateDir, new Describer(env));
      if (run.killed === undefined && run.exitCode !== 0)
        throw new Error(`${step.name} ended with ${run.exitCode}: see ${logFile}`);
      if (run.killed === undefined) break;
      kills += 1;
      print(`round ${firstRound + kills}, seed ${installSeed}: ${step.name}: killed ${run.killed}`);
    }
    late = Math.max(0, left);
  }
  return kills;
}

/** @throws Error with the lines that differ, or the requests of a further run */
async function checkEnd(env: NodeJS.ProcessEnv, expected: readonly string[]): Promise<void> {
  const lines = differences(expected, await settled(env, expected));
  if (lines.length > 0)
    throw new Error(`it ends otherwise than an install that was never killed:\n${lines.join("\n")}`);
  const mark = (await call(env, process.execPath, ".build/lab/audit.mjs", "mark")).trim();
  await call(asSteps(env), "make", "-s", "active", "onboard", "standby");
  const since = await call(env, process.execPath, ".build/lab/audit.mjs", "since", mark);
  if (!since.startsWith("0 mutating requests")) throw new Error(`a further run changes something:\n${since}`);
}

/** The operators go on by themselves for a moment after the last step. */
async function settled(env: NodeJS.ProcessEnv, expected: readonly string[]): Promise<string[]> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const lines = await endState(env);
    if (Date.now() > deadline || differences(expected, lines).length === 0) return lines;
  }
}

async function reference(): Promise<string[]> {
  const installed = process.env.REFERENCE;
  const env = installed ? await labEnvironment(installed) : await freshLab(dir);
  if (!installed) await install(env, 0, seed, 0);
  const lines = await endState(env);
  print(
    `an install that was never killed: ${lines.length} lines of files, objects, secrets, releases, grants and records`,
  );
  return lines;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

const expected = await reference();
let kills = 0;
for (let i = 0; kills < rounds; i += 1) {
  // More than are wanted: some come too late.
  const planned = Math.min(KILLS_PER_INSTALL, Math.ceil((rounds - kills) * 1.5));
  const env = await freshLab(dir);
  try {
    const killed = await install(env, planned, seed + i, kills);
    await checkEnd(env, expected);
    kills += killed;
    print(`  after ${killed} kills it ended as if there had been none, and a further run made 0 mutating requests`);
  } catch (error) {
    print(`FAILED: ${error instanceof Error ? error.message : error}`);
    print(
      `  again: make torture SEED=${seed + i} ROUNDS=${rounds - kills}   (the lab is left: LAB_DIR=${dir} make lab-down)`,
    );
    process.exit(1);
  }
}
await endLab(dir);
print(`${kills} kills, ${kills} converged`);
