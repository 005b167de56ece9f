/** Asking the operator to name what is about to be put at risk. */

import { createInterface } from "node:readline/promises";
import { StepError } from "./errors.ts";
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
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const typed = await terminal.question(`  ? ${risk}\n    type ${name} to go on: `, { signal: interruptSignal() });
    if (typed.trim() !== name) throw refuse(`"${typed.trim()}" was typed, not ${name}`);
  } catch (error) {
    if (error instanceof StepError || isInterrupted()) throw error;
    throw refuse("nothing was typed");
  } finally {
    terminal.close();
  }
}
