/** What other programs answer, read without trusting it. Their words are not shown: they may hold keys and passwords. */

import { parse } from "yaml";
import { StepError } from "./errors.ts";

/**
 * An answer in JSON.
 * @param doing what we were doing: "reading release mp on mp1"
 * @throws StepError when it is something else
 */
export function jsonAnswer(text: string, doing: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw unreadable(text, "JSON", doing, cause);
  }
}

/** As {@link jsonAnswer}, for YAML. */
export function yamlAnswer(text: string, doing: string): unknown {
  try {
    return parse(text, { logLevel: "error" });
  } catch (cause) {
    throw unreadable(text, "YAML", doing, cause);
  }
}

function unreadable(text: string, form: string, doing: string, cause: unknown): StepError {
  return new StepError(`${doing}: the answer is not ${form} (${text.length} characters)`, {
    cause,
    next: "run this again with --verbose, and look at what the last command shown prints",
  });
}
