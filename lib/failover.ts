/** The unplanned role change: the active is dead or can't be reached. Source: TSB's documentation, failover. */

import { messageOf, StepError } from "./errors.ts";
import { fence, readFence } from "./fencing.ts";
import * as output from "./output.ts";
import { type Member, readAgain } from "./pair.ts";
import { describeLag, readDatabase } from "./replication.ts";
import { FENCE_TIMEOUT, type Phase, type RoleChange } from "./role-change.ts";
import { TAKEOVER } from "./takeover.ts";
import { type Look, waitFor } from "./wait.ts";

/** Seconds that a fenced old active's last changes are given to arrive. */
const CATCH_UP = 20;

const raiseFence: Phase = {
  name: "fence",
  plan: ({ from }) =>
    from.unreachable
      ? `${from.name} can't be reached, so it can't be fenced: record that on the new active`
      : `fence ${from.name}: scale tsb and iam to 0, and wait until their pods are gone`,
  run: async (change) => {
    const { from, journal } = change;
    journal.outageFrom ??= journal.startedAt;
    if (from.unreachable) return noteUnfenced(change, `its API server can't be reached (${from.unreachable})`);
    const scaled = await fence(from.cluster, { timeoutSeconds: FENCE_TIMEOUT }).catch(unlessHalfDead(from));
    if (!scaled) return noteUnfenced(change, "its pods never ended, but none of them is ready");
    journal.replicas = { ...scaled, ...journal.replicas };
    journal.unfencedOldActive = false;
    output.done(`${from.name} is fenced: tsb and iam are scaled to 0, and have no pods left`);
  },
};

/**
 * Takes a fence that can't be completed for one that is not there: the nodes are gone, or the API server since.
 * @throws the error, where the old active still serves: there would be two actives
 */
function unlessHalfDead({ cluster }: Member): (error: unknown) => Promise<undefined> {
  return async (error) => {
    if (!(error instanceof StepError)) throw error;
    const fence = await readFence(cluster).catch((gone: unknown) => {
      if (!(gone instanceof StepError)) throw gone;
    });
    if (fence?.serves) throw error;
    output.warn(messageOf(error));
    return undefined;
  };
}

/** Says precisely what keeps the old active from being used, and what does not. */
function noteUnfenced({ from, to, journal, settings }: RoleChange, why: string): void {
  journal.unfencedOldActive = true;
  output.warn(`${from.name} is NOT fenced: ${why}`);
  output.note(
    `nothing on ${from.name} itself keeps it from coming back as a second active: its ManagementPlane says "active"`,
  );
  output.note(
    `what keeps clients away from it: ${settings.MP_FLOAT_DNS} will lead to ${to.name}; resolvers forget the old answer within ${settings.DNS_TTL} s`,
  );
  output.note(
    `what does not: anyone who dials ${from.dns} itself, or keeps a connection open, would write to a copy that is thrown away`,
  );
  output.note(`when it comes back, run this first: make rejoin MP=${from.name}`);
  output.note(
    `recorded on ${to.name} (unfencedOldActive in ConfigMap tsb-active-standby-role-change); make status shows it`,
  );
}

/** What can still be had of the old active's last changes is had; what can't is said before the promotion. */
const drain: Phase = {
  name: "drain",
  plan: ({ from, to }) =>
    from.unreachable
      ? `take ${to.name} as it is: what it has not replayed is lost`
      : `let ${to.name} replay what ${from.name} wrote last, as far as it can still be had`,
  run: async (change) => {
    const { from, to, journal } = change;
    const standby = await readDatabase(to.cluster);
    journal.lsn.promotedAt = standby.lsn;
    if (standby.replayAgeSeconds !== undefined) journal.lsn.replayAgeSeconds = standby.replayAgeSeconds;
    if (from.unreachable) return output.note(`${to.name} has replayed up to ${standby.lsn}; what came later is lost`);
    try {
      await catchUp(change);
    } catch (error) {
      if (!(error instanceof StepError)) throw error;
      output.warn(`${to.name} could not catch up with ${from.name}: ${messageOf(error)}`);
    }
  },
};

async function catchUp({ from, to, journal }: RoleChange): Promise<void> {
  const old = await readDatabase(from.cluster);
  journal.lsn = { ...journal.lsn, oldActive: old.lsn, nextTransaction: old.nextTransaction };
  const standby = await waitFor({
    what: `replay of ${old.lsn} on ${to.name}`,
    timeoutSeconds: CATCH_UP,
    everySeconds: 0.3,
    look: async (): Promise<Look<Awaited<ReturnType<typeof readDatabase>>>> => {
      const now = await readDatabase(to.cluster);
      return now.lsnBytes >= old.lsnBytes ? { done: now } : { pending: describeLag(old, now) };
    },
    next: "",
  });
  journal.lsn.promotedAt = standby.lsn;
  output.done(`${to.name} has replayed everything that ${from.name} wrote, up to ${old.lsn} (RPO 0)`);
}

/** One that came back meanwhile came back as an active. */
const fenceAgain: Phase = {
  name: "fence-again",
  plan: ({ from }) => `fence ${from.name} if it came back meanwhile`,
  run: async (change) => {
    const { from, to, journal, settings, state } = change;
    if ((await readAgain(from, settings, state)).unreachable) return output.note(`${from.name} is still away`);
    const stopOperator = journal.unfencedOldActive === true;
    const scaled = await fence(from.cluster, { timeoutSeconds: FENCE_TIMEOUT, stopOperator }).catch(
      unlessHalfDead(from),
    );
    if (!scaled)
      return output.warn(`${from.name} is still not fenced: make rejoin MP=${from.name}, once its nodes are back`);
    journal.unfencedOldActive = false;
    output.done(`${from.name} is fenced: it can't serve beside ${to.name}`);
  },
};

/** In their order. The old active becomes a standby by `make rejoin`, once it is back. */
export const FAILOVER: readonly Phase[] = [raiseFence, drain, ...TAKEOVER, fenceAgain];
