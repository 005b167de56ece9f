import { SettingsError } from "./settings.ts";

/** Prints a line of progress on standard error. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Runs a program of the lab: prints its error and sets the exit code, 2 for wrong settings, else 1. */
export async function runProgram(name: string, main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    say(`ERROR: ${name}: ${message}`);
    if (process.env.DEBUG && error instanceof Error) say(String(error.stack));
    process.exitCode = error instanceof SettingsError ? 2 : 1;
  }
}
