/** Running a step, and killing it on the way. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, type FSWatcher, mkdirSync, openSync, readdirSync, readFileSync, watch } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export const ROOT = join(import.meta.dirname, "../..");

/** Folders of STATE_DIR that the steps write to. */
const FOLDERS = [".", "ca", "mp1", "mp2", "cp1", "tctl"];
/** A run that takes longer than this hangs. */
const HANGS_AFTER_MS = 300_000;

/** What is killed, and when. */
export interface Moment {
  /** The script's own process, whose programs live on; the script with all its programs; or one of them alone. */
  victim: "script" | "all" | "program";
  /** Milliseconds after its start; or just as it writes its n-th file into the state folder. */
  at: { ms: number } | { file: number };
}

/** How a run of a step ended. */
export interface Run {
  exitCode: number | null;
  seconds: number;
  /** What was killed, and when; undefined when the run ended before. */
  killed: string | undefined;
}

/**
 * Runs a step until it ends or is killed.
 * @param env its whole environment
 * @param logFile takes its output
 * @throws Error when it hangs
 */
export async function runStep(name: string, env: NodeJS.ProcessEnv, logFile: string, moment?: Moment): Promise<Run> {
  const log = openSync(logFile, "a", 0o600);
  const started = performance.now();
  // A process group of its own, as a terminal gives it.
  const child = spawn(process.execPath, [`.build/${name}.mjs`], {
    ...{ cwd: ROOT, env, detached: true, stdio: ["ignore", log, log] },
  });
  closeSync(log);
  const ended = new AbortController();
  const exit = once(child, "exit").then(([code]) => {
    ended.abort();
    return typeof code === "number" ? code : null;
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${name} could not be started`);
  const strike = moment && strikeAt(moment, pid, env.STATE_DIR ?? "", ended.signal);
  const hang = setTimeout(() => process.kill(-pid, "SIGKILL"), HANGS_AFTER_MS);
  const exitCode = await exit;
  clearTimeout(hang);
  const seconds = (performance.now() - started) / 1000;
  if (seconds * 1000 >= HANGS_AFTER_MS) throw new Error(`${name} hangs: see ${logFile}`);
  return { exitCode, seconds, killed: await strike };
}

/** @returns what was killed; undefined when the process ended before its moment came */
async function strikeAt({ victim, at }: Moment, pid: number, stateDir: string, ended: AbortSignal) {
  const started = performance.now();
  const written = "file" in at ? await fileWritten(stateDir, at.file, ended) : undefined;
  if ("ms" in at) await sleep(at.ms, undefined, { signal: ended }).catch(() => undefined);
  let programs = programsOf(pid);
  while (victim === "program" && programs.length === 0 && !ended.aborted) {
    await sleep(1);
    programs = programsOf(pid);
  }
  if (ended.aborted) return undefined;
  const [program] = programs;
  const target = victim === "script" ? pid : victim === "all" ? -pid : program?.pid;
  try {
    process.kill(target ?? Number.NaN, "SIGKILL");
  } catch {
    return undefined; // It ended just now.
  }
  const moment = written ? `as it wrote ${written}` : `at ${((performance.now() - started) / 1000).toFixed(2)} s`;
  const names = programs.map(({ words }) => words).join(" and ");
  if (victim === "program") return `${program?.words} alone, ${moment}`;
  if (names === "") return `the script, ${moment}`;
  return victim === "all" ? `the script and ${names}, ${moment}` : `the script, ${names} lives on, ${moment}`;
}

/** Waits until a file is being written for the n-th time: its temporary file is there, or was just renamed. */
async function fileWritten(stateDir: string, count: number, ended: AbortSignal): Promise<string | undefined> {
  const seen = new Set<string>();
  const watchers: FSWatcher[] = [];
  const name = await new Promise<string | undefined>((resolve) => {
    ended.addEventListener("abort", () => resolve(undefined));
    for (const folder of FOLDERS) {
      // They are there before the step makes them: a watch can't be set on what is not there yet.
      mkdirSync(join(stateDir, folder), { recursive: true, mode: 0o700 });
      const left = readdirSync(join(stateDir, folder));
      const onEvent = (_event: string, file: string | null) => {
        if (!file?.endsWith(".tmp") || left.includes(file)) return;
        seen.add(join(folder, file));
        if (seen.size === count) resolve(join(folder, file.replace(/\.[0-9a-f]{8}-\d+\.tmp$/, "")));
      };
      watchers.push(watch(join(stateDir, folder), onEvent));
    }
  });
  for (const watcher of watchers) watcher.close();
  return name;
}

/** The programs that a process has started and that still run, in words: "helm upgrade". */
function programsOf(pid: number): { pid: number; words: string }[] {
  return read(`/proc/${pid}/task/${pid}/children`)
    .split(" ")
    .filter(Boolean)
    .map((child) => ({ pid: Number(child), words: inWords(read(`/proc/${child}/cmdline`)) }));
}

/** A command line in a word or two. Between fork and exec it is still the shell's. */
function inWords(commandLine: string): string {
  const words = commandLine.replaceAll("\0", " ");
  const found = /(kubectl|helm|tctl|openssl|nsupdate)(?: --context \S+ --request-timeout=\S+)?(?: (\w+))?/.exec(words);
  return found ? found.slice(1).filter(Boolean).join(" ") : "a program that begins";
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // It ended just now.
  }
}
