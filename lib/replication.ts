/** The embedded Postgres: whether the standby streams from the active, and how far behind it is. */

import { jsonAnswer } from "./answer.ts";
import { type Cluster, type KubeObject, TSB_NAMESPACE } from "./cluster.ts";
import { StepError } from "./errors.ts";
import { at, listAt, textAt } from "./json.ts";
import { complaints, readManagementPlane, waitUntilTakenUp } from "./management-plane.ts";
import { printable } from "./parse.ts";
import { type Look, waitFor } from "./wait.ts";
import { diagnose } from "./workloads.ts";

/** The pods of the embedded Postgres, as its operator (Kubegres) labels them. */
const POSTGRES_SELECTOR = "app=tsb-postgres";

/** A database as it says itself. LSNs are Postgres's own text form, e.g. "0/3000148". */
export interface DatabaseState {
  /** True on a standby, false on a primary. */
  inRecovery: boolean;
  /** State of the standby's WAL receiver: "streaming", or undefined when there is none. */
  receiver: string | undefined;
  /** The server the standby streams from. */
  senderHost: string | undefined;
  /** What the primary has written, or the standby has replayed. */
  lsn: string;
  /** The same as a number of bytes since the beginning of the log. */
  lsnBytes: bigint;
  /** Primary: the timeline it writes; standby: the one it receives, undefined when it does not stream. */
  timeline: number | undefined;
  /** The next transaction's number: unchanged means that no transaction was begun. */
  nextTransaction: number;
  /** Standby: seconds since the last replayed transaction was committed on the primary. */
  replayAgeSeconds: number | undefined;
  /** Primary: standbys that stream from it. */
  senders: { state: string; lagBytes: number }[];
  /** Primary: replication slots, and the WAL that each keeps back. */
  slots: { name: string; active: boolean; retainedBytes: number }[];
}

// One statement, so that one kubectl exec tells everything at one moment.
const STATE_SQL = `select json_build_object(
  'inRecovery', pg_is_in_recovery(),
  'receiver', (select status from pg_stat_wal_receiver),
  'senderHost', (select sender_host from pg_stat_wal_receiver),
  'lsn', case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end,
  'timeline', case when pg_is_in_recovery() then (select received_tli from pg_stat_wal_receiver)
    else ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int end,
  'nextTransaction', txid_snapshot_xmax(txid_current_snapshot()),
  'replayAge', extract(epoch from now() - pg_last_xact_replay_timestamp()),
  'senders', (select coalesce(json_agg(json_build_object('state', state, 'lag', pg_wal_lsn_diff(sent_lsn, replay_lsn))), '[]') from pg_stat_replication),
  'slots', (select coalesce(json_agg(json_build_object('name', slot_name, 'active', active,
    'retained', case when pg_is_in_recovery() then 0 else pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) end)), '[]') from pg_replication_slots))`;

/**
 * Runs one SQL statement in the Postgres pod of a cluster, as the pod's superuser over its local socket.
 * @returns what psql prints, unaligned, without heading
 * @throws StepError when there is no running Postgres pod, or psql fails
 */
export async function query(cluster: Cluster, sql: string, doing: string): Promise<string> {
  const known = lastPods.get(cluster);
  if (known) {
    try {
      return await queryPod(cluster, known, sql, doing);
    } catch (error) {
      // Nothing ran in a pod that is not there: another one may have taken its place.
      if (!(error instanceof StepError && /pods? .* not found/.test(error.details.join("\n")))) throw error;
      lastPods.delete(cluster);
    }
  }
  const pod = await databasePod(cluster, doing);
  const answer = await queryPod(cluster, pod, sql, doing);
  lastPods.set(cluster, pod);
  return answer;
}

/** The pod that answered last, for waits: looking it up takes as long as asking it. */
const lastPods = new WeakMap<Cluster, string>();

/**
 * The name of the pod in which a cluster's Postgres runs.
 * @throws StepError when there is no running Postgres pod
 */
export async function databasePod(cluster: Cluster, doing: string): Promise<string> {
  const pods = await cluster.get(["pods"], { namespace: TSB_NAMESPACE, selector: POSTGRES_SELECTOR });
  const pod = postgresPod(pods);
  if (pod) return pod;
  throw new StepError(`${doing}: no Postgres pod is running on ${cluster.name}`, {
    next: cluster.look(`get pods -n ${TSB_NAMESPACE} -l ${POSTGRES_SELECTOR}`),
  });
}

/** The pod of the embedded Postgres that runs, if one is among them. */
export function postgresPod(pods: readonly KubeObject[]): string | undefined {
  const labels = (pod: KubeObject) => at(pod, "metadata", "labels");
  return pods.find((pod) => at(labels(pod), "app") === "tsb-postgres" && textAt(pod, "status", "phase") === "Running")
    ?.metadata.name;
}

async function queryPod(cluster: Cluster, pod: string, sql: string, doing: string): Promise<string> {
  const psql = ["psql", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", "postgres", "-c", sql];
  return (await cluster.kubectl(["exec", "-n", TSB_NAMESPACE, pod, "--", ...psql], { doing })).trim();
}

/**
 * The state of a cluster's database; see {@link DatabaseState}.
 * @param pod the name of its pod, where it is known already
 */
export async function readDatabase(cluster: Cluster, pod?: string): Promise<DatabaseState> {
  const doing = `asking Postgres on ${cluster.name}`;
  const text = await (pod ? queryPod(cluster, pod, STATE_SQL, doing) : query(cluster, STATE_SQL, doing));
  const row = jsonAnswer(text, doing);
  const lsn = textAt(row, "lsn") ?? "0/0";
  const age = at(row, "replayAge");
  const timeline = at(row, "timeline");
  return {
    inRecovery: at(row, "inRecovery") === true,
    receiver: textAt(row, "receiver"),
    senderHost: textAt(row, "senderHost"),
    lsn,
    lsnBytes: lsnToBytes(lsn),
    timeline: typeof timeline === "number" ? timeline : undefined,
    nextTransaction: Number(at(row, "nextTransaction")),
    replayAgeSeconds: typeof age === "number" ? age : undefined,
    senders: listAt(row, "senders").map((one) => ({
      state: textAt(one, "state") ?? "",
      lagBytes: Number(at(one, "lag")),
    })),
    slots: listAt(row, "slots").map((one) => ({
      name: textAt(one, "name") ?? "",
      active: at(one, "active") === true,
      retainedBytes: Number(at(one, "retained")),
    })),
  };
}

/**
 * A position in Postgres's log, "X/Y" in hexadecimal, as a number of bytes.
 * @throws StepError when it is none
 */
export function lsnToBytes(lsn: string): bigint {
  const [, high, low] = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i.exec(lsn) ?? [];
  if (high === undefined) throw new StepError(`Postgres gave "${printable(lsn)}" as a position in its log`);
  return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
}

/**
 * Looks once whether a standby streams.
 * @returns its state, or why not, with what the operator says
 */
export async function lookAtReplication(standby: Cluster): Promise<Look<DatabaseState>> {
  try {
    const database = await readDatabase(standby);
    if (database.inRecovery && database.receiver === "streaming") return { done: database };
    const what = database.inRecovery
      ? `the WAL receiver is ${database.receiver ?? "not running"}`
      : "it is not in recovery";
    return { pending: `Postgres on ${standby.name}: ${what}` };
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    const [complaint] = complaints(await readManagementPlane(standby));
    return { pending: complaint ?? error.message };
  }
}

/**
 * Waits until the standby's database streams from the active.
 * @throws StepError after timeoutSeconds, with the operator's words
 */
export async function waitForReplication(standby: Cluster, timeoutSeconds: number): Promise<DatabaseState> {
  await waitUntilTakenUp(standby, timeoutSeconds);
  return waitFor({
    what: `replication to ${standby.name}`,
    timeoutSeconds,
    look: () => lookAtReplication(standby),
    diagnose: () => diagnose(standby),
    next: `make standby-logs STANDBY=${standby.name}`,
  });
}

/** How far a standby is behind, for people: "0 bytes behind 0/3000148, last change 0.4 s ago". */
export function describeLag(active: DatabaseState, standby: DatabaseState): string {
  const bytes = active.lsnBytes > standby.lsnBytes ? active.lsnBytes - standby.lsnBytes : 0n;
  const age = standby.replayAgeSeconds;
  const last = age === undefined ? "nothing replayed since it started" : `last replayed change ${age.toFixed(1)} s old`;
  return `${bytes} bytes behind the active (${standby.lsn}; ${last})`;
}
