/** A role change as a list of phases, each of which can be run again; timed, and journaled on the cluster that survives. */

import type { Chart } from "./chart.ts";
import type { SettingName, Settings } from "./config.ts";
import type { Dns } from "./dns.ts";
import { Interrupted, messageOf, StepError } from "./errors.ts";
import { fence as raiseFence, readFence } from "./fencing.ts";
import { type Journal, writeJournal } from "./journal.ts";
import * as output from "./output.ts";
import type { Member } from "./pair.ts";
import type { State } from "./state.ts";
import type { Tctl } from "./tctl.ts";

/** The settings that every role change needs. */
export type RoleSettings = Settings<"MP_FLOAT_DNS" | "TSB_ORG" | "TSB_VERSION" | "TSB_ADMIN_PASSWORD">;

/** The settings that every role change heeds beside them. */
export const ROLE_HEEDS = [
  ...(["FORCE_UNLOCK", "MP_PORT", "MP_CHART", "TSB_CHART_REPO", "REPLICATION_SETTINGS"] as const),
  ...(["DNS_PROVIDER", "DNS_TTL", "DNS_RESOLVER", "DNS_TIMEOUT", "ADDRESS_TIMEOUT", "INSTALL_TIMEOUT"] as const),
  ...(["ONBOARD_TIMEOUT", "REPLICATION_TIMEOUT", "REQUEST_TIMEOUT", "STATE_DIR"] as const),
] satisfies readonly SettingName[];

/** What the phases work on. */
export interface RoleChange {
  settings: RoleSettings;
  state: State;
  dns: Dns;
  tctl: Tctl;
  /** The old active, as it was found; `unreachable` when it is dead. */
  from: Member;
  /** The standby that becomes the active. */
  to: Member;
  /** Further standbys, which follow the new active. */
  others: readonly Member[];
  /** The values of the release on `to`, and its chart, read before the outage begins. */
  prepared: { values: unknown; chart: Chart };
  journal: Journal;
  /** Throws when somebody forced the lock from us. */
  assertHeld: () => void;
}

/** One phase: looks whether it is done already, acts, verifies. */
export interface Phase {
  name: string;
  /** For the plan of a dry run; what is not known yet stands in <angle brackets>. */
  plan: (change: Pick<RoleChange, "settings" | "from" | "to" | "others">) => string;
  run: (change: RoleChange) => Promise<void>;
  /** The old active must stay fenced meanwhile: looked after, side by side with the phase. */
  guarded?: true;
}

/** Seconds for the pods of `tsb` and `iam` to end. */
export const FENCE_TIMEOUT = 90;

/**
 * Carries out the phases that the journal does not call done, and keeps the journal.
 * @param again the command that goes on after a failure: "make switchover TO=mp2"
 * @throws StepError with exit code 4: begun, but not finished
 */
export async function runPhases(change: RoleChange, phases: readonly Phase[], again: string): Promise<void> {
  const { journal } = change;
  for (const phase of phases) {
    if (journal.phases.some(({ name }) => name === phase.name)) {
      output.already(`${phase.name}: done by an earlier run`);
      continue;
    }
    try {
      await runPhase(change, phase);
    } catch (error) {
      throw unfinished(error, change, again);
    }
  }
}

async function runPhase(change: RoleChange, phase: Phase): Promise<void> {
  const { journal } = change;
  change.assertHeld();
  journal.phase = phase.name;
  const startedAt = new Date();
  // The journal's news need not hold up the outage, but a phase is not done before they are written.
  const [seconds] = await allOf([
    phase.run(change).then(() => (Date.now() - startedAt.getTime()) / 1000),
    save(change),
    phase.guarded ? guardFence(change) : undefined,
  ]);
  journal.phases.push({ name: phase.name, startedAt: startedAt.toISOString(), seconds: round(seconds) });
  output.note(`${phase.name}: ${seconds.toFixed(1)} s`);
}

/** As Promise.all, but waits for all: nothing goes on behind the back of an error. */
async function allOf<T>(tasks: readonly [Promise<T>, ...(Promise<void> | undefined)[]]): Promise<[T]> {
  const [first, ...rest] = tasks;
  const [outcome, ...others] = await Promise.allSettled([first, ...rest]);
  for (const one of [outcome, ...others]) if (one.status === "rejected") throw one.reason;
  if (outcome.status === "rejected") throw outcome.reason;
  return [outcome.value];
}

/** The write under way, by journal: an older state must never land on top of a newer one. */
const writing = new WeakMap<Journal, Promise<void>>();

/** Writes the journal to the cluster that survives. */
export async function save({ to, journal }: Pick<RoleChange, "to" | "journal">): Promise<void> {
  const before = writing.get(journal) ?? Promise.resolve();
  const write = before.catch(() => undefined).then(() => writeJournal(to.cluster, journal));
  writing.set(journal, write);
  await write;
}

/** Closes the journal. */
export async function finish(change: Pick<RoleChange, "to" | "journal">, outcome: "done" | "undone"): Promise<void> {
  change.journal.finishedAt = new Date().toISOString();
  change.journal.outcome = outcome;
  await save(change);
}

/**
 * Makes sure that the old active is still fenced: its operator may have scaled `tsb` and `iam` up again. Then they are
 * scaled down once more, and the operator with them.
 * @returns whether the fence had held
 */
export async function guardFence(change: RoleChange): Promise<void> {
  await fenceHeld(change);
}

/** As {@link guardFence}; tells whether the fence had held. */
export async function fenceHeld(change: RoleChange): Promise<boolean> {
  const { from, journal } = change;
  if (from.unreachable) return true;
  const { holds, gaps, serves } = await readFence(from.cluster);
  // What is left of one that was half dead before the failover is known, and serves nobody.
  if (holds || (journal.unfencedOldActive && !serves)) return true;
  output.warn(`the fence around ${from.name} was undone (${gaps.join("; ")}): its operator is stopped, too`);
  const scaled = await raiseFence(from.cluster, { timeoutSeconds: FENCE_TIMEOUT, stopOperator: true });
  journal.replicas = { ...scaled, ...journal.replicas };
  return false;
}

function unfinished(error: unknown, change: RoleChange, again: string): unknown {
  const { journal, from } = change;
  if (error instanceof Interrupted) return error;
  const isUndoable = !journal.pointOfNoReturnPassed;
  const undo = isUndoable ? `; or go back, which lets ${from.name} serve again: ${again} UNDO=1` : "";
  const isPlanned = journal.kind === "switchover";
  const other = isPlanned ? `; or, if ${from.name} is gone for good: make failover TO=${journal.to}` : "";
  const details = error instanceof StepError ? error.details : [];
  const where = isUndoable ? "before the point of no return" : "past the point of no return";
  return new StepError(`phase ${journal.phase} (${where}): ${messageOf(error)}`, {
    details: [...details, ...(error instanceof StepError && error.next ? [`next: ${error.next}`] : [])],
    next: `the ${journal.kind} is begun but not finished; run it again: ${again}${undo}${other}`,
    exitCode: 4,
    cause: error,
  });
}

function round(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
