/** The planned role change: both sides are up. Source: TSB's documentation, failover. */

import { readClaims } from "./claims.ts";
import { StepError } from "./errors.ts";
import { fence } from "./fencing.ts";
import * as output from "./output.ts";
import { readMember } from "./pair.ts";
import { type DatabaseState, describeLag, readDatabase } from "./replication.ts";
import { FENCE_TIMEOUT, fenceHeld, type Phase, type RoleChange, save } from "./role-change.ts";
import { becomeStandby } from "./standby-again.ts";
import { TAKEOVER } from "./takeover.ts";
import { type Look, pause, waitFor } from "./wait.ts";

/** Seconds that the fence must have held before the standby is promoted: an operator that undoes it does so quickly. */
const SETTLE = 2;
/** Seconds for the standby to replay the last of it. */
const DRAIN_TIMEOUT = 120;

const raiseFence: Phase = {
  name: "fence",
  plan: ({ from }) => `fence ${from.name}: scale tsb and iam to 0, and wait until their pods are gone`,
  run: async (change) => {
    const { from, journal } = change;
    journal.outageFrom ??= new Date().toISOString();
    // What was scaled down by a run that was killed before it could note it, had one replica, as the charts have it.
    if (Object.keys(journal.replicas).length === 0) journal.replicas = { tsb: 1, iam: 1 };
    const scaled = await fence(from.cluster, { timeoutSeconds: FENCE_TIMEOUT });
    journal.replicas = { ...journal.replicas, ...scaled };
    output.done(`${from.name} is fenced: tsb and iam are scaled to 0, and have no pods left`);
  },
};

/** RPO 0 is required, not hoped for. */
const drain: Phase = {
  name: "drain",
  plan: ({ from, to }) => `note the last LSN of ${from.name}, and require ${to.name} to have replayed it (RPO 0)`,
  run: async (change) => {
    const fencedAt = Date.now();
    for (let round = 1; ; round += 1) {
      await replayAll(change);
      await pause(Math.max(0, SETTLE - (Date.now() - fencedAt) / 1000));
      const [held, old, standby] = await Promise.all([
        fenceHeld(change),
        readDatabase(change.from.cluster),
        readDatabase(change.to.cluster),
      ]);
      if (held && standby.lsnBytes >= old.lsnBytes) return noteDrained(change, old, standby.lsn);
      if (round === 5) throw stillWriting(change);
    }
  },
};

function noteDrained({ from, to, journal }: RoleChange, old: DatabaseState, promotedAt: string): void {
  journal.lsn = { oldActive: old.lsn, nextTransaction: old.nextTransaction, promotedAt };
  output.done(`${to.name} has replayed everything that ${from.name} wrote, up to ${old.lsn} (RPO 0)`);
}

function stillWriting({ from, to }: RoleChange): StepError {
  return new StepError(
    `something goes on writing to Postgres on ${from.name}, or undoes its fence: ${to.name} never has it all`,
    {
      next: from.cluster.look("get deployments -n tsb"),
    },
  );
}

async function replayAll({ from, to }: RoleChange): Promise<void> {
  const old = await readDatabase(from.cluster);
  await waitFor({
    what: `replay of ${old.lsn} on ${to.name}`,
    timeoutSeconds: DRAIN_TIMEOUT,
    everySeconds: 0.2,
    look: async (): Promise<Look<true>> => {
      const now = await readDatabase(to.cluster);
      return now.lsnBytes >= old.lsnBytes ? { done: true } : { pending: describeLag(old, now) };
    },
    next: to.cluster.look("logs -n tsb -l name=tsb-operator --tail=50"),
  });
}

/** Its data has not diverged (it was fenced before, and everything was replayed): its volumes may go without asking. */
const oldActive: Phase = {
  name: "old-active",
  plan: ({ from, to }) =>
    `turn ${from.name} into a standby of ${to.name}: delete its database's volume claims, and clone anew`,
  run: async (change) => {
    const { from, to, journal, settings, state } = change;
    if (journal.claims.length === 0) {
      journal.claims = await readClaims(from.cluster);
      await save(change);
    }
    const database = await becomeStandby(await readMember(from, from.cluster), to, journal.claims, { settings, state });
    const active = await readDatabase(to.cluster);
    output.done(`${from.name} is a standby, streaming from ${to.name}: ${describeLag(active, database)}`);
  },
};

/** In their order. */
export const SWITCHOVER: readonly Phase[] = [raiseFence, drain, ...TAKEOVER, oldActive];
