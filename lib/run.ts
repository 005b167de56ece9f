/** The one place that starts other programs. */

import { setMaxListeners } from "node:events";
import { createInterface } from "node:readline";
import { $ } from "zx/core";
import { SECRET_NAMES } from "./config.ts";
import { Interrupted, StepError } from "./errors.ts";
import * as output from "./output.ts";

// Each command replaces the shell that zx starts it with: one process, and signals reach the tool itself.
$.prefix = "exec ";
$.quiet = true;

export interface RunOptions {
  /** What we are doing, for the error message: "installing release mp on mp1". */
  doing: string;
  /** Standard input; the way for secrets. */
  input?: string;
  /** Added to the environment of this one process. */
  env?: Record<string, string>;
  /** Seconds after which the process is ended and the call fails. */
  timeoutSeconds: number;
  /** What to try when it fails. */
  next?: string;
  /** A file descriptor that takes standard output, for more than fits into memory. */
  outputTo?: number;
  /** The call changes something outside: refused under --dry-run, as a second safeguard. */
  mutates?: boolean;
}

export interface Finished {
  exitCode: number;
  /** What ended it, where it did not end by itself: "SIGKILL". */
  signal?: string;
  stdout: string;
  stderr: string;
}

const interruption = new AbortController();
// Any number of programs may run side by side, and each listens.
setMaxListeners(0, interruption.signal);
let isDryRun = false;

/** Makes every later call with `mutates` an error. */
export function forbidMutations(): void {
  isDryRun = true;
}

/** Ends all running children, and makes every later call throw {@link Interrupted}. */
export function interruptChildren(): void {
  interruption.abort();
}

/** True once SIGINT or SIGTERM arrived. */
export function isInterrupted(): boolean {
  return interruption.signal.aborted;
}

/** The signal that {@link interruptChildren} raises, for waits that are not processes. */
export function interruptSignal(): AbortSignal {
  return interruption.signal;
}

/** Our environment without the passwords that may stand in it: other programs get what they need by other ways. */
function environment(added: Record<string, string> = {}): NodeJS.ProcessEnv {
  // The shell that zx starts takes our socket for a network login, as under cron, and reads ~/.bashrc, unless another
  // shell is above it.
  const SHLVL = String(Math.max(1, Number(process.env.SHLVL) || 1));
  // kubectl and helm end before it pays to collect garbage as often as Go does by itself: an eighth of all their work.
  const env: NodeJS.ProcessEnv = { GOGC: "400", ...process.env, SHLVL, ...added };
  for (const name of SECRET_NAMES) delete env[name];
  return env;
}

/**
 * Runs a program and returns how it ended, whatever its exit code.
 * @throws StepError when it could not be started or ran into its time-out
 */
export async function attempt(tool: string, args: readonly string[], options: RunOptions): Promise<Finished> {
  if (isInterrupted()) throw new Interrupted();
  if (isDryRun && options.mutates) throw new Error(`--dry-run must not be ${options.doing}`);
  output.detail(`$ ${[tool, ...args].join(" ")}`);
  let isLate = false;
  const child = $({
    nothrow: true,
    env: environment(options.env),
    signal: interruption.signal,
    ...(options.input === undefined
      ? { stdio: ["ignore", options.outputTo ?? "pipe", "pipe"] as const }
      : { input: options.input }),
  })`${tool} ${args}`;
  // A program may end without having read all of its input: its exit code and words tell more than our broken pipe.
  if (options.input !== undefined) child.stdin.on("error", () => undefined);
  const timer = setTimeout(() => {
    isLate = true;
    void child.kill("SIGKILL");
  }, options.timeoutSeconds * 1000);
  const ended = await child;
  clearTimeout(timer);
  if (isInterrupted()) throw new Interrupted();
  if (isLate)
    throw new StepError(`${options.doing}: ${tool} did not answer within ${options.timeoutSeconds} s`, {
      details: wordsOf(ended.stderr),
      next: options.next ?? "check that the cluster or server can be reached, and run this again",
    });
  const { exitCode, signal, stdout, stderr } = ended;
  return { exitCode: exitCode ?? 1, ...(signal === null ? {} : { signal }), stdout, stderr };
}

/**
 * Runs a program that must succeed.
 * @returns its standard output
 * @throws StepError with what we were doing and the program's own words
 */
export async function run(tool: string, args: readonly string[], options: RunOptions): Promise<string> {
  const ended = await attempt(tool, args, options);
  if (ended.exitCode !== 0) throw failure(tool, args, ended, options);
  return ended.stdout;
}

/** The error for a program that ended with an exit code it should not have, or that somebody killed. */
export function failure(
  tool: string,
  args: readonly string[],
  ended: Finished,
  options: Pick<RunOptions, "doing" | "next">,
): StepError {
  const how =
    ended.signal === undefined ? `${tool} exit code ${ended.exitCode}` : `${tool} was ended by ${ended.signal}`;
  return new StepError(`${options.doing} failed (${how})`, {
    details: [...wordsOf(ended.stderr || ended.stdout), `command: ${[tool, ...args].join(" ")}`],
    ...(options.next === undefined ? {} : { next: options.next }),
  });
}

function wordsOf(text: string): string[] {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return lines.length > 12 ? [...lines.slice(0, 2), "…", ...lines.slice(-9)] : lines;
}

/**
 * Runs a program and hands on its output line by line, until it ends or `stop` is called.
 * @returns how it ended, and a function that ends it
 */
export function follow(
  tool: string,
  args: readonly string[],
  onLine: (line: string) => void,
): { ended: Promise<Finished>; stop: () => void } {
  output.detail(`$ ${[tool, ...args].join(" ")}`);
  const child = $({
    nothrow: true,
    env: environment(),
    signal: interruption.signal,
    stdio: ["ignore", "pipe", "pipe"],
  })`${tool} ${args}`;
  const lines = createInterface({ input: child.stdout });
  lines.on("line", onLine);
  const ended = (async () => {
    const { exitCode, stdout, stderr } = await child;
    return { exitCode: exitCode ?? 1, stdout, stderr };
  })();
  return { ended, stop: () => void child.kill("SIGTERM") };
}
