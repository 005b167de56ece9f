import { describe } from "./dns-look.ts";
import type { Change, DnsProvider, Removal } from "./dns-provider.ts";
import { zoneLine } from "./dns-records.ts";
import * as output from "./output.ts";

/** DNS_PROVIDER=manual: a person makes the records; they are printed for pasting, and then waited for. */
export const manualProvider: DnsProvider = {
  ifMissing: "make the records printed above where your names are kept, then run this again",
  change: async (changes) => {
    output.result(instructions(changes));
    output.note("make these records now, where your names are kept; this goes on as soon as they resolve");
  },
  remove: async (removals) => {
    output.result(removalInstructions(removals));
    output.note("remove these names now, where they are kept; this goes on as soon as they are gone");
  },
};

/** What a person should take away, one comment line for each name. */
function removalInstructions(removals: readonly Removal[]): string {
  return removals.map(({ name, seen }) => `; ${name} is now ${describe(seen)}: remove all its records`).join("\n");
}

/** The records to make as lines of a zone file; what they replace stands in comments above them. */
export function instructions(changes: readonly Change[]): string {
  return changes
    .flatMap(({ record, seen }) =>
      seen.kind === "found"
        ? [`; ${record.name} is now ${describe(seen)}: replace all its A, AAAA and CNAME records`, zoneLine(record)]
        : [zoneLine(record)],
    )
    .join("\n");
}
