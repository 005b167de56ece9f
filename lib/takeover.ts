/** The phases that switchover and failover share: from the promotion until everything follows the new active. */

import { apiTrouble } from "./api-health.ts";
import { readClaims } from "./claims.ts";
import { TSB_NAMESPACE } from "./cluster.ts";
import { dumpAll } from "./divergence.ts";
import { ensureRecords } from "./dns.ts";
import { recordsFor } from "./dns-records.ts";
import { addressInWords, waitForEnvoyAddress } from "./envoy.ts";
import { messageOf, StepError } from "./errors.ts";
import { readFence, unfence } from "./fencing.ts";
import { MP_RELEASE, waitForPostgresExposed } from "./management-plane.ts";
import * as output from "./output.ts";
import { type Member, readMember } from "./pair.ts";
import { readRootCa } from "./pki.ts";
import { lostSince, waitForPrimary, withRole } from "./promotion.ts";
import { readOnboarded, reconnect } from "./reconnect.ts";
import { ensureRelease } from "./release.ts";
import { type Phase, type RoleChange, save } from "./role-change.ts";
import { Ahead, becomeStandby, followNewActive } from "./standby-again.ts";
import { activeRole } from "./values.ts";
import { type Look, waitFor } from "./wait.ts";
import { ACTIVE_DEPLOYMENTS, waitForWorkloads } from "./workloads.ts";

/** The point of no return. Source: TSB's documentation, failover. */
const promote: Phase = {
  name: "promote",
  plan: ({ to }) =>
    `turn release ${MP_RELEASE} on ${to.name} from standby to active, and prove it by a write (point of no return)`,
  run: async (change) => {
    const { to, journal, settings, state, prepared } = change;
    // Written before anything is promoted: whoever reads it must never take a promoted standby for one that is not.
    journal.pointOfNoReturnPassed = true;
    await save(change);
    const values = withRole(prepared.values, activeRole());
    const wanted = { name: MP_RELEASE, namespace: TSB_NAMESPACE, chart: prepared.chart, values };
    const timeoutSeconds = settings.INSTALL_TIMEOUT;
    await ensureRelease(to.cluster, wanted, { state, dryRun: false, valuesFile: "values.yaml", timeoutSeconds });
    await waitForPrimary(to.cluster, timeoutSeconds);
    output.done(`Postgres on ${to.name} is not in recovery, and took a write`);
  },
};

/** Measured once service is back, while the old active still has its data. */
const loss: Phase = {
  name: "loss",
  guarded: true,
  plan: ({ from, to }) => `compare what ${from.name} wrote last with what ${to.name} has`,
  run: reportLoss,
};

async function reportLoss(change: RoleChange): Promise<void> {
  const { from, journal } = change;
  if (from.unreachable || journal.lsn.oldActive === undefined)
    return output.note(
      `${from.name} can't be asked; ${change.to.name} was promoted at ${journal.lsn.promotedAt ?? "an unknown LSN"}`,
    );
  const lost = await lostSince(from.cluster, change.to.cluster).catch((error: unknown) => notCompared(error, change));
  if (lost === undefined) return;
  journal.rpo = {
    bytes: lost.bytes,
    transactions: Math.max(0, lost.nextTransaction - (journal.lsn.nextTransaction ?? lost.nextTransaction)),
  };
  await sayLoss(change, journal.rpo);
}

/** @throws StepError in a switchover, at whose end the old active's data goes: not before it was compared, or kept */
function notCompared(error: unknown, { from, to, journal }: RoleChange): undefined {
  if (!(error instanceof StepError)) throw error;
  const text = `what ${from.name} wrote last can't be compared: ${error.message}`;
  if (journal.kind === "failover") {
    output.warn(text);
    return undefined;
  }
  throw new StepError(text, {
    details: [...error.details, `${to.name} serves; the data of ${from.name} stays until it was compared`],
    next: `start its Postgres, or leave it as it is: make failover TO=${to.name}, then: make rejoin MP=${from.name} FORCE=1`,
    cause: error,
  });
}

async function sayLoss(
  change: RoleChange,
  { bytes, transactions }: { bytes: number; transactions: number },
): Promise<void> {
  const { from, to, journal, state } = change;
  const last = `${to.name} has replayed all up to ${journal.lsn.oldActive}`;
  if (transactions === 0) return output.done(`RPO 0: ${last}, and no transaction was begun on ${from.name} after it`);
  // Autovacuum's transactions look like anybody's: what can't be told apart is not thrown away without a copy.
  output.warn(
    `RPO: ${last}; up to ${transactions} transactions were begun after it, Postgres's own included (${bytes} bytes of log)`,
  );
  // After a failover, rejoin keeps it aside.
  if (journal.kind === "failover") return;
  const path = await dumpAll(from.cluster, state, `${journal.id}.sql`);
  output.note(`all of ${from.name}'s data is kept in ${path} (mode 0600): compare it before you delete it`);
}

/** The service's address is known before the deployments behind it are ready: names may move meanwhile. */
const frontEnvoy: Phase = {
  name: "front-envoy",
  guarded: true,
  plan: ({ to }) => `wait for the front envoy's address on ${to.name}: <not known before>`,
  run: async ({ to, settings }) => {
    // Deployments that were scaled to 0 when this instance was fenced, once upon a time, come back with their scale.
    const { replicas } = await readFence(to.cluster);
    const down = Object.entries(replicas).filter(([, count]) => count === 0);
    if (down.length > 0)
      await unfence(to.cluster, Object.fromEntries(down.map(([name]) => [name, 1])), settings.INSTALL_TIMEOUT);
    const address = await waitForEnvoyAddress(to.cluster, settings.ADDRESS_TIMEOUT);
    output.done(`service envoy on ${to.name} is at ${addressInWords(address)}`);
  },
};

const dns: Phase = {
  name: "dns",
  guarded: true,
  plan: ({ to, settings }) =>
    `set ${to.dns} to <the front envoy's address>, and ${settings.MP_FLOAT_DNS} CNAME ${to.dns}, in one update`,
  run: async (change) => {
    const { to, settings } = change;
    const address = await waitForEnvoyAddress(to.cluster, settings.ADDRESS_TIMEOUT);
    const names = { permanent: to.dns, floating: settings.MP_FLOAT_DNS, ttl: settings.DNS_TTL };
    await ensureRecords(recordsFor(names, address), change.dns);
  },
};

const login: Phase = {
  name: "login",
  guarded: true,
  plan: ({ settings }) =>
    `wait until ${settings.MP_FLOAT_DNS}:${settings.MP_PORT} serves, and log in through it with tctl`,
  run: async (change) => {
    const { tctl, journal, settings } = change;
    await waitUntilServing(change);
    await waitFor({
      what: "the login through the floating name",
      timeoutSeconds: settings.INSTALL_TIMEOUT,
      everySeconds: 0.5,
      look: async (): Promise<Look<void>> => ({ done: await tctl.login() }),
      next: "make active-login",
    });
    journal.firstLoginAt ??= new Date().toISOString();
    output.done(`logged in through ${tctl.address}`);
  },
};

/** Asks the address that clients are given; a plain request costs less than a login, and may be repeated quickly. */
async function waitUntilServing(change: RoleChange): Promise<void> {
  const { settings, state, to } = change;
  const rootCa = readRootCa(state);
  await waitFor({
    what: `the API of ${to.name}`,
    timeoutSeconds: settings.INSTALL_TIMEOUT,
    everySeconds: 0.2,
    look: async (): Promise<Look<void>> => {
      const answer = await change.dns.clients.look(settings.MP_FLOAT_DNS);
      const [address] = answer.kind === "found" ? answer.addresses : [];
      // A host name outside the zone is followed by clients, not by the zone's own server: the login will tell.
      if (!address) return { done: undefined };
      const target = {
        address,
        port: settings.MP_PORT,
        name: settings.MP_FLOAT_DNS,
        rootCa,
        organisation: settings.TSB_ORG,
      };
      const trouble = await apiTrouble(target);
      return trouble ? { pending: trouble } : { done: undefined };
    },
    next: to.cluster.look(`get pods -n ${TSB_NAMESPACE}`),
  });
}

const controlPlanes: Phase = {
  name: "control-planes",
  guarded: true,
  plan: () =>
    "wait until every onboarded control plane is READY; restart edge, then renew its tokens, where it does not come by itself",
  run: async (change) => {
    const { tctl, journal, settings, state } = change;
    const planes = await readOnboarded(tctl, settings, state);
    if (planes.length === 0) output.note("no control planes are onboarded");
    const options = { ttlSeconds: settings.DNS_TTL, timeoutSeconds: settings.ONBOARD_TIMEOUT };
    const outcomes = await Promise.allSettled(
      planes.map(async (plane) => {
        if (!(await reconnect(plane, tctl, options))) return;
        journal.controlPlanesReadyAt[plane.name] ??= new Date().toISOString();
        output.done(`control plane ${plane.name} is READY`);
      }),
    );
    const failed = outcomes.flatMap((one) => (one.status === "rejected" ? [one.reason as unknown] : []));
    if (failed.length === 0) return;
    for (const error of failed) if (!(error instanceof StepError)) throw error;
    throw new StepError(`${failed.length} of ${planes.length} control planes are not READY`, {
      details: failed.map(messageOf),
    });
  },
};

const workloads: Phase = {
  name: "workloads",
  guarded: true,
  plan: ({ to }) => `wait until all deployments of ${to.name} are ready, and its Postgres is exposed on port 5432`,
  run: async ({ to, settings }) => {
    const timeoutSeconds = settings.INSTALL_TIMEOUT;
    await waitForWorkloads(to.cluster, { namespace: TSB_NAMESPACE, expected: ACTIVE_DEPLOYMENTS, timeoutSeconds });
    await waitForPostgresExposed(to.cluster, timeoutSeconds);
    output.done(`all deployments of ${to.name} are ready; Postgres is exposed on port 5432`);
  },
};

const followers: Phase = {
  name: "followers",
  guarded: true,
  plan: ({ others, to }) =>
    others.length > 0 ? `let ${others.map(({ name }) => name).join(", ")} follow ${to.name}` : "no further standbys",
  run: async (change) => {
    const outcomes = await Promise.allSettled(
      change.others.map(async (member) => {
        if (member.unreachable)
          return output.warn(`${member.name} can't be reached; when it is back: make rejoin MP=${member.name}`);
        const now = await readMember(member, member.cluster);
        if (now.role === "standby") await follow(now, change);
      }),
    );
    // A standby that had replayed more than the new active can't follow it. That must not hold up the others.
    for (const one of outcomes) {
      if (one.status === "fulfilled") continue;
      if (!(one.reason instanceof StepError)) throw one.reason;
      output.warn(`${one.reason.message}; next: ${one.reason.next ?? "make status"}`);
    }
  },
};

/**
 * The old active's Postgres goes on writing to its log after the promotion, and a further standby may replay that. After
 * a switchover there is no change of anybody's in it: it may be cloned anew. After a failover that is for people to say.
 */
async function follow(member: Member, { to, journal, settings, state }: RoleChange): Promise<void> {
  try {
    await followNewActive(member, to, { settings, state });
  } catch (error) {
    if (!(error instanceof Ahead) || journal.kind === "failover") throw error;
    output.note(`${error.message}: it is cloned anew`);
    await becomeStandby(member, to, await readClaims(member.cluster), { settings, state });
    output.done(`${member.name} follows ${to.name}, cloned anew`);
  }
}

/** In their order. The address is looked up by every phase that needs it, so that each can be run again alone. */
export const TAKEOVER: readonly Phase[] = [promote, frontEnvoy, dns, login, controlPlanes, workloads, loss, followers];
