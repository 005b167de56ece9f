/** The frame around every script: settings, heading, timing, errors, exit codes, signals. */

import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { parseArgs } from "node:util";
import { describeSettings, envFilePath, readSettings, type SettingName, type Settings } from "./config.ts";
import { Interrupted, type Problem, SettingsError, StepError } from "./errors.ts";
import { lockOnChange } from "./lease.ts";
import * as output from "./output.ts";
import { forbidMutations, interruptChildren } from "./run.ts";
import { State } from "./state.ts";

/** What a script says of itself. */
export interface StepInfo<Needed extends SettingName> {
  /** The script's, the make target's and the step's name. */
  name: string;
  /** One line on what it does. */
  summary: string;
  /** The guide's section it carries out. */
  guide: string;
  /** The settings it can't do without. */
  needs: readonly Needed[];
  /** Further settings it heeds. */
  heeds?: readonly SettingName[];
  /** Programs it calls. */
  tools?: readonly string[];
  /** Further flags without a value, with their meaning: { json: "print JSON" } is `--json`. */
  flags?: Readonly<Record<string, string>>;
  /** Exit codes beside the usual ones, or with another meaning: { 3: "degraded" }. */
  exits?: Readonly<Record<number, string>>;
  /** What to say when it is interrupted or fails midway; default: run it again. */
  again?: string;
}

/** What a script's body is given beside the settings. */
export interface Run {
  /** Look and say, but change nothing. */
  dryRun: boolean;
  state: State;
  /** The script's own flags that were given. */
  flags: ReadonlySet<string>;
}

/** Milliseconds between an interruption and the moment we leave, whatever our children do. */
const GRACE_MS = 1000;

/**
 * Runs a script's body and ends the process with the contract's exit code: 0 done or already so, 1 failed, 2 wrong
 * settings or usage, 4 begun but not finished, 130 interrupted. A body that found the pair degraded sets
 * `process.exitCode` to 3 itself.
 */
export async function step<const Needed extends SettingName>(
  info: StepInfo<Needed>,
  body: (settings: Settings<Needed>, run: Run) => Promise<void>,
): Promise<void> {
  await frame(info, () => {
    const settings = readAll(info);
    output.hideSecrets(settings.secrets);
    const lock = { what: info.again ?? `make ${info.name}`, force: settings.FORCE_UNLOCK };
    const state = new State(settings.STATE_DIR);
    return (dryRun, flags) => {
      if (!dryRun) state.sweep();
      return lockOnChange(lock, () => body(settings, { dryRun, flags, state }));
    };
  });
}

/** As {@link step}, for a script that works on the env file itself, before the settings in it can be complete. */
export async function stepOnEnvFile(
  info: Omit<StepInfo<never>, "needs">,
  body: (envFile: string, run: Pick<Run, "dryRun">) => Promise<void>,
): Promise<void> {
  await frame({ ...info, needs: [] }, () => (dryRun) => body(envFilePath(), { dryRun }));
}

/** @param prepare what comes before the heading: finds wrong settings, and returns the body */
async function frame(
  info: StepInfo<SettingName>,
  prepare: () => (dryRun: boolean, flags: ReadonlySet<string>) => Promise<void>,
): Promise<void> {
  const again = info.again ?? `make ${info.name}`;
  // What other programs write for us, such as helm's cache, is private too.
  process.umask(0o077);
  onInterrupt(info.name, again);
  try {
    const flags = readFlags(info);
    if (!flags) return;
    const body = prepare();
    const isDryRun = flags.has("dry-run");
    if (flags.has("verbose")) output.setVerbose(true);
    if (isDryRun) forbidMutations();
    output.heading(info.name, `${info.summary} (guide: ${info.guide})`);
    const started = performance.now();
    await body(isDryRun, flags);
    output.finished(`${info.name}: ${isDryRun ? "dry run, nothing changed" : "done"} in ${since(started)} s`);
    process.exitCode ??= 0;
  } catch (error) {
    process.exitCode = report(info.name, again, error);
  }
}

function since(started: number): string {
  return ((performance.now() - started) / 1000).toFixed(1);
}

/** The flags that every script has, and their meaning. */
const FLAGS = {
  "dry-run": "look and say, but change nothing (or DRY_RUN=1)",
  verbose: "show the commands that are run",
  help: "this text",
} as const;

/** What every script's exit codes mean; in the order of their numbers, as JavaScript keeps such keys. */
const EXITS = {
  0: "done or already so",
  1: "failed",
  2: "wrong settings (nothing touched)",
  130: "interrupted",
} as const;

/** @returns the flags that were given, or undefined when help was asked for, and given */
function readFlags(info: StepInfo<SettingName>): ReadonlySet<string> | undefined {
  const names = Object.keys({ ...info.flags, ...FLAGS });
  try {
    const options = Object.fromEntries(names.map((name) => [name, { type: "boolean" as const }]));
    const { values } = parseArgs({ options, strict: true, allowPositionals: false });
    if (values.help) output.result(help(info));
    const given = names.filter((name) => values[name] === true);
    return values.help ? undefined : new Set([...given, ...(process.env.DRY_RUN === "1" ? ["dry-run"] : [])]);
  } catch (error) {
    const what = error instanceof Error ? error.message.split(". ")[0] : String(error);
    throw new SettingsError([
      { variable: "usage", what: `${what}`, mend: `see: npx tsx scripts/${info.name}.ts --help` },
    ]);
  }
}

function help(info: StepInfo<SettingName>): string {
  const rows = describeSettings(info.needs, info.heeds ?? []);
  const exits = Object.entries({ ...EXITS, ...info.exits }).map(([code, meaning]) => `${code} ${meaning}`);
  return [
    `${info.name}: ${info.summary}`,
    `guide: ${info.guide}`,
    "",
    `usage: make ${info.name}   or   npx tsx scripts/${info.name}.ts [FLAG…]`,
    "",
    "flags:",
    output.table(Object.entries({ ...info.flags, ...FLAGS }).map(([name, meaning]) => [`  --${name}`, meaning])),
    "",
    "settings (environment, over ENV_FILE, default .env):",
    output.table(rows.map(([name = "", ...meaning]) => [`  ${name}`, ...meaning])),
    "",
    `exit codes: ${exits.join(", ")}`,
  ].join("\n");
}

/** Settings and tools are checked together, so that the operator hears of everything at once. */
function readAll<Needed extends SettingName>(info: StepInfo<Needed>): Settings<Needed> {
  const missing: Problem[] = (info.tools ?? [])
    .filter((tool) => !isOnPath(tool))
    .map((tool) => ({
      variable: "PATH",
      what: `${tool} is not found`,
      mend: `install ${tool}, or add its folder to PATH`,
    }));
  try {
    const settings = readSettings(info.needs);
    if (missing.length > 0) throw new SettingsError([]);
    return settings;
  } catch (error) {
    if (error instanceof SettingsError) throw new SettingsError([...error.problems, ...missing]);
    throw error;
  }
}

/** Whether a program is to be found, without starting it. */
export function isOnPath(tool: string): boolean {
  return (process.env.PATH ?? "").split(delimiter).some((dir) => {
    try {
      accessSync(join(dir, tool), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function report(name: string, again: string, error: unknown): number {
  if (error instanceof Interrupted) return 130;
  if (error instanceof SettingsError) {
    for (const problem of error.problems) {
      output.plain(`ERROR: ${name}: ${problem.variable} ${problem.what}`);
      if (problem.from) output.plain(`  from: ${problem.from}`);
      output.plain(`  next: ${problem.mend}`);
    }
    output.plain("Nothing was touched.");
    return 2;
  }
  if (error instanceof StepError) {
    output.plain(`ERROR: ${name}: ${error.message}`);
    for (const line of error.details) output.plain(`  | ${line}`);
    output.plain(`  next: ${error.next ?? `mend the cause, then run it again: ${again}`}`);
    return error.exitCode;
  }
  output.plain(`ERROR: ${name}: ${error instanceof Error ? error.message : String(error)}`);
  output.plain("  this is a mistake in this program, not in your settings; --verbose shows where it happened");
  if (error instanceof Error) output.detail(error.stack ?? "");
  return 1;
}

function onInterrupt(name: string, again: string): void {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      output.plain(`${name}: interrupted (${signal}); nothing is lost, go on with: ${again}`);
      process.exitCode = 130;
      interruptChildren();
      setTimeout(dieOfInterrupt, GRACE_MS).unref();
    });
  }
}

/** Leaves at once. process.exit would wait for the thread pool, where keys are made; this way a shell sees 130 too. */
function dieOfInterrupt(): void {
  process.removeAllListeners("SIGINT");
  process.kill(process.pid, "SIGINT");
}
