/** Asking the operator to name what is about to be put at risk. */

import { once } from "node:events";
import { createInterface } from "node:readline/promises";
import { Interrupted, StepError } from "./errors.ts";
import { interruptSignal, isInterrupted } from "./run.ts";

/** What is asked for. */
export interface Consent {
  /** The variable that answers where there is no terminal: "ALLOW_DATA_LOSS". */
  variable: string;
  /** Its value. */
  given: string | undefined;
  /** The instance that must be named. */
  name: string;
  /** What is agreed to: "changes that mp2 has not replayed are lost". */
  risk: string;
  /** Exit code of a refusal: 1 where nothing was changed, 4 where something was. */
  exitCode: number;
}

/**
 * Goes on only when the instance is named: by the variable, else typed on the terminal.
 * @throws StepError when it is not
 * @throws Interrupted at Ctrl-C
 */
export async function askByName(consent: Consent): Promise<void> {
  const { variable, given, name, risk, exitCode } = consent;
  if (given === name) return;
  const refuse = (what: string) =>
    new StepError(`${what}: ${risk}`, {
      next: `to agree, on a terminal type the name; elsewhere: ${variable}=${name}`,
      exitCode,
    });
  if (given !== undefined) throw refuse(`${variable} names ${given}, not ${name}`);
  if (!process.stdin.isTTY) throw refuse("not agreed to");
  const typed = await typedOnTerminal(`  ? ${risk}\n    type ${name} to go on: `);
  if (typed === undefined) throw refuse("nothing was typed");
  if (typed !== name) throw refuse(`"${typed}" was typed, not ${name}`);
}

/**
 * One line from the terminal, without blanks around it; undefined where it was closed (Ctrl-D).
 * @throws Interrupted at Ctrl-C, and when a signal arrives meanwhile
 */
async function typedOnTerminal(prompt: string): Promise<string | undefined> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  // While a line is read, the terminal hands Ctrl-C on as a character instead of a signal.
  terminal.once("SIGINT", () => process.kill(process.pid, "SIGINT"));
  const closed = once(terminal, "close").then(() => undefined);
  try {
    // Releases of Node differ in whether a question ends, by an error, with its terminal.
    const typed = await Promise.race([terminal.question(prompt, { signal: interruptSignal() }), closed]);
    return typed?.trim();
  } catch (error) {
    if (isInterrupted()) throw new Interrupted();
    if (error instanceof Error && error.name === "AbortError") return undefined;
    throw error;
  } finally {
    terminal.close();
  }
}
