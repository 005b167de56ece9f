import { setTimeout as sleep } from "node:timers/promises";
import { Interrupted, StepError } from "./errors.ts";
import { Progress } from "./output.ts";
import { interruptSignal, isInterrupted } from "./run.ts";

/** What one look at a condition found: it holds, with a value; or not yet, with the state to show. */
export type Look<T> = { done: T } | { pending: string };

export interface Wait<T> {
  /** What is waited for: "the deployments of mp1". */
  what: string;
  timeoutSeconds: number;
  /** Seconds between looks; default: a twentieth of what was waited so far, or what a look takes, from 0.25 to 1. */
  everySeconds?: number;
  look: () => Promise<Look<T>>;
  /** Lines that show why it did not come true: pods, events, logs. */
  diagnose?: () => Promise<string[]>;
  /** What to try when time is up. */
  next: string;
}

/**
 * Looks until the condition holds, showing progress. A look that fails (a server that is down for a moment) counts as
 * not yet; its message is shown, and is the last state seen when time is up.
 * @throws StepError when it does not hold in time, with the last state and what `diagnose` finds
 */
export async function waitFor<T>(wait: Wait<T>): Promise<T> {
  const began = Date.now();
  const deadline = began + wait.timeoutSeconds * 1000;
  const progress = new Progress();
  let last = "nothing seen yet";
  try {
    for (;;) {
      const looking = Date.now();
      const look = await lookOnce(wait.look);
      if ("done" in look) return look.done;
      last = look.pending;
      const remaining = (deadline - Date.now()) / 1000;
      if (remaining <= 0) break;
      progress.show(last, remaining);
      const now = Date.now();
      await pause(Math.min(wait.everySeconds ?? nextLook((now - began) / 1000, (now - looking) / 1000), remaining));
    }
  } finally {
    progress.end();
  }
  throw new StepError(`${wait.what}: not so after ${wait.timeoutSeconds} s; last seen: ${last}`, {
    details: (await wait.diagnose?.().catch(() => [])) ?? [],
    next: wait.next,
  });
}

/** Often at first, seldom later; and seldom where everything is slow: looking must not be what makes it so. */
function nextLook(waitedSeconds: number, lookSeconds: number): number {
  return Math.min(1, Math.max(0.25, lookSeconds, waitedSeconds / 20));
}

async function lookOnce<T>(look: () => Promise<Look<T>>): Promise<Look<T>> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof StepError && error.exitCode === 1 && !error.isFinal)
      return { pending: [error.message, ...error.details.slice(0, 1)].join(": ") };
    throw error;
  }
}

/** As Promise.all, but nothing goes on behind the back of a failure: it is thrown when everything has ended. */
export async function together(work: readonly Promise<unknown>[]): Promise<void> {
  for (const outcome of await Promise.allSettled(work)) if (outcome.status === "rejected") throw outcome.reason;
}

/** Waits, but not longer than until an interruption. */
export async function pause(seconds: number): Promise<void> {
  await sleep(seconds * 1000, undefined, { signal: interruptSignal() }).catch(() => undefined);
  if (isInterrupted()) throw new Interrupted();
}
