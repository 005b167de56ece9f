/** The floating name: which instance it leads to, and who may move it. */

import type { InstanceNames } from "./config.ts";
import { type Answer, describe, type Looker } from "./dns-look.ts";
import type { Change } from "./dns-provider.ts";
import { StepError } from "./errors.ts";

/**
 * The instance that a floating name leads to: by its CNAME, or by addresses that it shares with a permanent name.
 * @param answer what the floating name is
 * @returns undefined when it leads to none of them
 */
export async function floatHolder<T extends Pick<InstanceNames, "dns">>(
  answer: Answer,
  instances: readonly T[],
  looker: Looker,
): Promise<T | undefined> {
  if (answer.kind !== "found") return undefined;
  const named = instances.find((instance) => instance.dns === answer.cname);
  if (named || answer.addresses.length === 0) return named;
  const answers = await Promise.all(instances.map((instance) => looker.look(instance.dns)));
  return instances.find((_instance, i) => shareAddress(answer, answers[i]));
}

function shareAddress(a: Answer, b: Answer | undefined): boolean {
  return a.kind === "found" && b?.kind === "found" && a.addresses.some((address) => b.addresses.includes(address));
}

/**
 * Forbids a change that would take the floating name from another instance: moving it is a role change.
 * @param changes what is about to be changed
 * @throws StepError naming the way that it should be done
 */
export async function leaveFloatAlone(
  changes: readonly Change[],
  options: { floating: string; active: InstanceNames; instances: readonly InstanceNames[]; looker: Looker },
): Promise<void> {
  const { floating, active, instances, looker } = options;
  const change = changes.find(({ record }) => record.name === floating);
  if (!change) return;
  const holder = await floatHolder(change.seen, instances, looker);
  if (!holder || holder.name === active.name) return;
  throw new StepError(`${floating} leads to ${holder.name} now (${describe(change.seen)}), not to ${active.name}`, {
    details: [
      `${holder.name} may be the active instance that clients and control planes use; nothing was changed`,
      `if ${holder.name} is the active one, say so: ACTIVE=${holder.name}`,
    ],
    next: `to make ${active.name} the active one, use switchover or failover; to take the name all the same: FORCE=1`,
  });
}
