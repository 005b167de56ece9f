/** Taking the names of an instance out of the DNS. */

import { ask, type Dns } from "./dns.ts";
import { describe } from "./dns-look.ts";
import type { Removal } from "./dns-provider.ts";
import * as output from "./output.ts";
import { type Look, waitFor } from "./wait.ts";

/** Those of the names that have records, with what they are. */
export async function namesToRemove(names: readonly string[], dns: Dns): Promise<Removal[]> {
  const answers = await ask(names, dns.authority);
  return names.flatMap((name, i) => {
    const seen = answers[i];
    return seen?.kind === "found" ? [{ name, seen }] : [];
  });
}

/**
 * Removes names, and waits until the zone's server no longer knows them as they were. A resolver may for a while.
 * @throws StepError when the change is refused, or they stay
 */
export async function removeNames(removals: readonly Removal[], dns: Dns): Promise<void> {
  if (removals.length === 0) return;
  await dns.provider.remove(removals);
  await waitFor({
    what: "removal of the names",
    timeoutSeconds: dns.timeoutSeconds,
    look: async (): Promise<Look<void>> => {
      // A wildcard may give the name another answer, which is not ours to change.
      const answers = await ask(
        removals.map(({ name }) => name),
        dns.authority,
      );
      const left = removals.find(({ seen }, i) => {
        const now = answers[i];
        return now !== undefined && describe(now) === describe(seen);
      });
      return left ? { pending: `${left.name} is still ${describe(left.seen)}` } : { done: undefined };
    },
    next: "remove the records where your names are kept, then run this again",
  });
  for (const { name, seen } of removals) output.done(`${name} removed from the DNS (was: ${describe(seen)})`);
}
