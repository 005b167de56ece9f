/** Editing an env file: single values are filled in, every other byte stays. */

import { parse } from "dotenv";
import { StepError } from "./errors.ts";

/**
 * Gives the variables that are empty or missing in an env file a value.
 * @param text the file as dotenv reads it
 * @param makeValue letters and digits only, so that neither dotenv nor a shell reads anything into it
 * @returns the new text, and the names that were filled, in the order given
 * @throws StepError when a line is written so that it can't be filled without harm to another
 */
export function fillEmpty(
  text: string,
  names: readonly string[],
  makeValue: () => string,
): { text: string; filled: string[] } {
  const filled = names.filter((name) => !parse(text)[name]);
  let edited = text;
  for (const name of filled) {
    const value = makeValue();
    const before = parse(edited);
    edited = fill(edited, name, value);
    // The reader of the file has the last word on what the edit meant.
    if (JSON.stringify(sorted(parse(edited))) !== JSON.stringify(sorted({ ...before, [name]: value })))
      throw new StepError(`can't fill ${name}: its line is written in an unusual way`, {
        next: `write it as a line ${name}= of its own, and run this again`,
      });
  }
  return { text: edited, filled };
}

/** Fills the last line that sets the name, for that one counts, or adds one at the end. */
function fill(text: string, name: string, value: string): string {
  const line = new RegExp(
    `^(\\uFEFF?[ \\t]*(?:export[ \\t]+)?${name}[ \\t]*=)([ \\t]*)(?:""|''|\`\`)?([ \\t]*(?:#.*)?\\r?)$`,
    "gm",
  );
  const last = [...text.matchAll(line)].at(-1);
  const newline = text.includes("\r\n") ? "\r\n" : "\n";
  if (!last) return `${text}${text === "" || text.endsWith("\n") ? "" : newline}${name}=${value}${newline}`;
  const [whole, start = "", blanks = "", rest = ""] = last;
  // A comment keeps its distance; blanks before it may have been the only ones.
  const gap = rest.startsWith("#") ? blanks || " " : "";
  return `${text.slice(0, last.index)}${start}${value}${gap}${rest}${text.slice(last.index + whole.length)}`;
}

function sorted(values: Record<string, string>): [string, string][] {
  return Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1));
}
