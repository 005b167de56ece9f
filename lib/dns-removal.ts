/** Taking the names of an instance out of the DNS. */

import { randomBytes } from "node:crypto";
import { ask, type Dns } from "./dns.ts";
import { describe } from "./dns-look.ts";
import type { Removal } from "./dns-provider.ts";
import * as output from "./output.ts";
import { type Look, waitFor } from "./wait.ts";

/**
 * Those of the names that have records, with what they are. A name that answers just as any other beside it would is
 * taken for the zone's wildcard: that is not ours to remove, and would go on answering.
 */
export async function namesToRemove(names: readonly string[], dns: Dns): Promise<Removal[]> {
  const others = names.map((name) => name.replace(/^[^.]*/, `none-${randomBytes(6).toString("hex")}`));
  const answers = await ask([...names, ...others], dns.authority);
  return names.flatMap((name, i) => {
    const [seen, other] = [answers[i], answers[names.length + i]];
    if (seen?.kind !== "found") return [];
    return other?.kind === "found" && describe(other) === describe(seen) ? [] : [{ name, seen }];
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
