/** Driver for lock.bats: the lock against a Lease that is kept here, where somebody else may be at work, too. */

import { Cluster, type KubeObject } from "../../lib/cluster.ts";
import { StepError } from "../../lib/errors.ts";
import { isObject, textAt } from "../../lib/json.ts";
import { identity, withLocks } from "../../lib/lease.ts";
import * as output from "../../lib/output.ts";
import { step } from "../../lib/step.ts";
import { waitFor } from "../../lib/wait.ts";

const AGO = "2001-02-03T04:05:06.000000Z";
let stored: { holder: string; version: number; renewed: string } | undefined;

function write(holder: string, renewed: string): void {
  stored = { holder, renewed, version: (stored?.version ?? 0) + 1 };
}

function lease(): KubeObject[] {
  if (!stored) return [];
  const { holder: holderIdentity, renewed: renewTime, version } = stored;
  const annotations = { "tsb-active-standby/what": "make switchover TO=mp2" };
  const metadata = { name: "tsb-active-standby", annotations, resourceVersion: String(version) };
  return [{ apiVersion: "v1", kind: "Lease", metadata, spec: { holderIdentity, renewTime, acquireTime: AGO } }];
}

/** As the API server does: a Lease that somebody wrote meanwhile is not replaced. */
async function change(_args: readonly string[], { input }: { input?: string }): Promise<string> {
  const sent: unknown = JSON.parse(input ?? "");
  const version = textAt(sent, "metadata", "resourceVersion");
  if (version !== (stored && String(stored.version)))
    throw new StepError("taking the lock on mp1 failed", { details: ["Error from server (Conflict)"] });
  if (!isObject(sent)) throw new TypeError("no object");
  write(textAt(sent, "spec", "holderIdentity") ?? "", textAt(sent, "spec", "renewTime") ?? "");
  return JSON.stringify(lease()[0]);
}

const cluster: Cluster = Object.assign(Object.create(Cluster.prototype), {
  ...{ name: "mp1", context: "mp1", change },
  get: async () => lease(),
});

function locked(body: (assertHeld: () => void) => Promise<void>): Promise<void> {
  return withLocks([cluster], { what: "make failover TO=mp2", force: process.env.FORCE_UNLOCK === "1" }, body);
}

async function untilWritten(): Promise<void> {
  const { version } = stored ?? { version: 0 };
  const look = async () => (stored?.version === version ? { pending: "not yet" } : { done: undefined });
  await waitFor({ what: "a renewal", timeoutSeconds: 15, everySeconds: 0.1, look, next: "" });
}

const cases: Record<string, () => Promise<void>> = {
  async "somebody lives whose clock is wrong"() {
    write("somebody@elsewhere/1", AGO);
    const renewing = setInterval(() => write("somebody@elsewhere/1", AGO), 1000);
    await locked(async () => output.done("taken")).finally(() => clearInterval(renewing));
  },
  async "somebody died elsewhere"() {
    write("somebody@elsewhere/1", AGO);
    await locked(async () => output.done("taken"));
  },
  async "held for long"() {
    await locked(async (assertHeld) => {
      output.done(`held by us: ${stored?.holder === identity()}`);
      await untilWritten();
      assertHeld();
      output.done(`renewed: ${stored?.holder === identity() && Date.parse(stored.renewed) > Date.now() - 2000}`);
    });
    output.done(`free: ${stored?.holder === ""}`);
  },
  async "taken from us"() {
    await locked(async (assertHeld) => {
      write("somebody@elsewhere/1", new Date().toISOString());
      const look = async () => {
        assertHeld();
        return { pending: "we still believe to hold it" };
      };
      // The next renewal finds out.
      await waitFor({ what: "the loss", timeoutSeconds: 15, everySeconds: 0.1, look, next: "" });
    }).finally(() => output.done(`theirs: ${stored?.holder}`));
  },
  async "both at the same moment"() {
    write("", AGO);
    const get = async () => {
      const before = lease();
      write("somebody@elsewhere/1", new Date().toISOString());
      return before;
    };
    Object.assign(cluster, { get });
    await locked(async () => output.done("taken"));
  },
};

await step({ name: "lock", summary: "a test", guide: "none", needs: [] }, async () => {
  await cases[process.env.CASE ?? ""]?.();
});
