/**
 * The lock of scripts that change something: a Kubernetes Lease in namespace tsb of every cluster that they change.
 * Scripts that only look never take it.
 */

import { readlinkSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import { jsonAnswer } from "./answer.ts";
import { type Cluster, guardChanges, TSB_NAMESPACE } from "./cluster.ts";
import { StepError } from "./errors.ts";
import { at, textAt } from "./json.ts";
import * as output from "./output.ts";
import { isAlive } from "./processes.ts";
import { isInterrupted } from "./run.ts";
import { pause } from "./wait.ts";

const NAME = "tsb-active-standby";
const RESOURCE = `leases.coordination.k8s.io/${NAME}`;
/** What the holder is doing, for those who are refused. */
const WHAT = "tsb-active-standby/what";
/** Where the holder's process number counts: containers may share a host's name, but not its processes. */
const PROCESSES = "tsb-active-standby/processes";
/** Seconds without a renewal after which a holder counts as dead. */
const DURATION = 20;
/** Seconds between renewals. */
const RENEW_EVERY = 5;

/** A lock as it stands on the cluster. */
interface Held {
  holder: string;
  processes: string;
  what: string;
  since: string;
  renewedMs: number;
  resourceVersion: string;
  transitions: number;
}

/** Who we are: "user@host/pid". */
export function identity(): string {
  return `${userName()}@${hostname()}/${process.pid}`;
}

/**
 * Runs a body while holding the lock of every cluster given; renews them in the background, and releases them at the end.
 * @param options.what for those who are refused: "make failover TO=mp2"
 * @param options.force takes a lock that somebody else holds (FORCE_UNLOCK=1)
 * @throws StepError when somebody else holds one: who, since when, doing what
 */
export async function withLocks<T>(
  clusters: readonly Cluster[],
  options: { what: string; force: boolean },
  body: (assertHeld: () => void) => Promise<T>,
): Promise<T> {
  const locks: Lock[] = [];
  try {
    // One after the other, in the order given: two runs that both took one of the other's would refuse each other.
    for (const cluster of clusters) locks.push(await lockOnce(cluster, options));
    return await body(() => {
      for (const lock of locks) lock.assertHeld();
    });
  } finally {
    for (const cluster of clusters) held.delete(cluster.context);
    await Promise.all(locks.map((lock) => lock.release()));
  }
}

/** The locks of this process, by kube context. */
const held = new Map<string, Promise<Lock>>();

/**
 * Runs a body whose first change to a management plane's cluster takes that cluster's lock. A body that changes nothing
 * takes none, and so sends no mutating request.
 * @param options as for {@link withLocks}
 */
export async function lockOnChange<T>(options: { what: string; force: boolean }, body: () => Promise<T>): Promise<T> {
  guardChanges(async (cluster) => {
    // Control planes are not what two runs could disagree about: their roles do not change.
    if (/^mp\d+$/.test(cluster.name)) (await lockOnce(cluster, options)).assertHeld();
  });
  try {
    return await body();
  } finally {
    guardChanges(undefined);
    const outcomes = await Promise.allSettled(held.values());
    held.clear();
    await Promise.all(outcomes.map((one) => (one.status === "fulfilled" ? one.value.release() : undefined)));
  }
}

function lockOnce(cluster: Cluster, options: { what: string; force: boolean }): Promise<Lock> {
  const known = held.get(cluster.context);
  if (known) return known;
  const lock = Lock.take(cluster, options);
  held.set(cluster.context, lock);
  return lock;
}

class Lock {
  readonly #cluster: Cluster;
  readonly #what: string;
  readonly #since = microTime();
  #version: string | undefined;
  #transitions = 0;
  #lostTo: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #renewing: Promise<void> = Promise.resolve();

  private constructor(cluster: Cluster, what: string) {
    this.#cluster = cluster;
    this.#what = what;
  }

  static async take(cluster: Cluster, options: { what: string; force: boolean }): Promise<Lock> {
    const lock = new Lock(cluster, options.what);
    const found = await readLease(cluster);
    if (found && found.holder !== "") await allowTaking(cluster, found, options.force);
    lock.#version = found?.resourceVersion;
    lock.#transitions = found ? found.transitions + 1 : 0;
    if (!(await lock.#write())) throw refusal(cluster, await readLease(cluster));
    lock.#timer = setInterval(() => {
      lock.#renewing = lock.#renewing.then(() => lock.#renew());
    }, RENEW_EVERY * 1000);
    lock.#timer.unref();
    return lock;
  }

  /** @throws StepError (exit 4) when somebody forced the lock from us */
  assertHeld(): void {
    if (this.#lostTo === undefined) return;
    throw new StepError(`the lock on ${this.#cluster.name} was taken from us by ${this.#lostTo}`, {
      next: "see what they are doing; when they are done, run this again",
      exitCode: 4,
    });
  }

  /** Lets go. A cluster that can't be reached any more forgets us by itself, after {@link DURATION} seconds. */
  async release(): Promise<void> {
    clearInterval(this.#timer);
    await this.#renewing;
    if (this.#lostTo === undefined && !isInterrupted()) await this.#write("").catch(() => false);
  }

  async #renew(): Promise<void> {
    if (this.#lostTo !== undefined || isInterrupted()) return;
    try {
      if (await this.#write()) return;
      const found = await readLease(this.#cluster);
      if (found?.holder === identity()) this.#version = found.resourceVersion;
      else this.#lostTo = found?.holder || "somebody who released it again";
    } catch {
      // A cluster that is away for a moment: the next renewal tells whether we still hold it.
    }
  }

  /**
   * Creates or replaces the Lease; the resource version makes sure that nobody did so since we looked.
   * @returns false when somebody did
   */
  async #write(holder = identity()): Promise<boolean> {
    const lease = {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: {
        name: NAME,
        namespace: TSB_NAMESPACE,
        annotations: { [WHAT]: this.#what, [PROCESSES]: processNamespace() },
        ...(this.#version === undefined ? {} : { resourceVersion: this.#version }),
      },
      spec: {
        holderIdentity: holder,
        leaseDurationSeconds: DURATION,
        acquireTime: this.#since,
        renewTime: microTime(),
        leaseTransitions: this.#transitions,
      },
    };
    const verb = this.#version === undefined ? "create" : "replace";
    const doing = `taking the lock on ${this.#cluster.name}`;
    const call = { doing, input: JSON.stringify(lease), isUnguarded: true } as const;
    try {
      const stored = jsonAnswer(await this.#cluster.change([verb, "-f", "-", "-o", "json"], call), doing);
      this.#version = textAt(stored, "metadata", "resourceVersion");
      return true;
    } catch (error) {
      const words = error instanceof StepError ? error.details.join("\n") : "";
      if (/AlreadyExists|Conflict|object has been modified/.test(words)) return false;
      if (verb !== "create" || !/namespaces? "tsb" not found/.test(words)) throw error;
      await this.#cluster.change(["create", "namespace", TSB_NAMESPACE], { doing, isUnguarded: true });
      return this.#write(holder);
    }
  }
}

async function readLease(cluster: Cluster): Promise<Held | undefined> {
  const [lease] = await cluster.get([RESOURCE], { namespace: TSB_NAMESPACE });
  if (!lease) return undefined;
  return {
    holder: textAt(lease, "spec", "holderIdentity") ?? "",
    processes: textAt(lease.metadata, "annotations", PROCESSES) ?? "",
    what: textAt(lease.metadata, "annotations", WHAT) ?? "something",
    since: textAt(lease, "spec", "acquireTime") ?? "",
    renewedMs: Date.parse(textAt(lease, "spec", "renewTime") ?? "") || 0,
    resourceVersion: textAt(lease, "metadata", "resourceVersion") ?? "",
    transitions: Number(at(lease, "spec", "leaseTransitions") ?? 0),
  };
}

/** @throws StepError unless the holder is dead, or the lock is forced */
async function allowTaking(cluster: Cluster, found: Held, force: boolean): Promise<void> {
  if (force) return output.warn(`the lock on ${cluster.name} is taken from ${found.holder} (FORCE_UNLOCK=1)`);
  if (isDeadHere(found)) return;
  if (Math.abs(Date.now() - found.renewedMs) < DURATION * 1000) throw refusal(cluster, found);
  // Clocks may differ by hours: a holder that lives renews within these seconds, whatever its clock says.
  await pause(RENEW_EVERY + 2);
  if ((await readLease(cluster))?.resourceVersion !== found.resourceVersion) throw refusal(cluster, found);
  output.note(`the lock on ${cluster.name} was left behind by ${found.holder}, who renews it no more`);
}

/** Whether the holder was a process of this machine that has ended: then there is nothing to wait for. */
function isDeadHere({ holder, processes }: Held): boolean {
  const [, host, pid] = /^[^@]*@(.*)\/(\d+)$/.exec(holder) ?? [];
  const isHere = host === hostname() && processes === processNamespace();
  return isHere && pid !== undefined && !isAlive(Number(pid));
}

/** Linux's name for it, "pid:[4026531836]"; elsewhere a machine has only one. */
function processNamespace(): string {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    return "";
  }
}

function refusal(cluster: Cluster, found: Held | undefined): StepError {
  const holder = found?.holder || "somebody else";
  const since = found?.since.replace(/\.\d+Z$/, "Z") || "just now";
  return new StepError(`${holder} holds the lock on ${cluster.name} since ${since}: ${found?.what ?? "something"}`, {
    details: ["two runs against the same pair at once could each undo what the other does; nothing was changed"],
    next: `wait until it is done; a holder that died is forgotten after ${DURATION} s; to take the lock all the same: FORCE_UNLOCK=1`,
  });
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? "unknown");
  }
}

/** Kubernetes wants six digits of fraction here. */
function microTime(): string {
  return new Date().toISOString().replace("Z", "000Z");
}
