/** One instance as its own cluster and database describe it. */

import { jsonAnswer } from "./answer.ts";
import { Cluster, find, type KubeObject, TSB_NAMESPACE } from "./cluster.ts";
import type { InstanceNames } from "./config.ts";
import { addressInWords, addressOf } from "./envoy.ts";
import { StepError } from "./errors.ts";
import { JOURNAL } from "./journal.ts";
import { at, countAt, listAt, textAt } from "./json.ts";
import { complaints, MANAGEMENT_PLANE, MP_RELEASE, roleOf } from "./management-plane.ts";
import { type DatabaseState, postgresPod, readDatabase } from "./replication.ts";
import { SIGNING_KEY, STANDBY_SA } from "./secrets.ts";
import type { State } from "./state.ts";
import { CERTIFICATE_SECRETS, certificateFacts, rootPem } from "./status-certificates.ts";
import type {
  DatabaseFacts,
  InstanceFacts,
  NameFacts,
  ReleaseFacts,
  RoleChangeFacts,
  WorkloadFacts,
} from "./status-facts.ts";
import { keyFacts, type PublicKey, publicKeyIn } from "./status-keys.ts";
import { ACTIVE_DEPLOYMENTS, isReady } from "./workloads.ts";

const JWKS = "tsb-iam-jwks";
const OPERATOR = "tsb-operator-management-plane";
/** Without these nothing is served; source: TSB's documentation, failover. */
export const SERVING = ["tsb", "iam"] as const;

/** An instance's facts, and what further questions need of it. */
export interface InstanceLook {
  /** Without what other instances and name servers say. */
  facts: Omit<InstanceFacts, "permanentName">;
  database: DatabaseState | undefined;
  /** The public half of the key in Secret tsb-standby-sa. */
  accountKey: PublicKey | undefined;
  rootPem: string | undefined;
}

export interface LookOptions {
  state: State;
  /** The floating FQDN. */
  floating: string;
  /** Seconds for everything asked of one cluster; one that is gone costs as much. */
  callSeconds: number;
  now: Date;
}

/** Looks at an instance, everything side by side. Does not throw where the cluster can't be reached: that is a fact. */
export async function lookAtInstance(instance: InstanceNames, options: LookOptions): Promise<InstanceLook> {
  const { name, context } = instance;
  if (!context) return unreachableLook(instance, options, `${name.toUpperCase()}_CONTEXT is not set`);
  const deadline = performance.now() + options.callSeconds * 1000;
  // Each call may take what is left of the whole: a slow cluster is slow, not gone.
  const open = () => boundCluster({ name, context }, options.state, (deadline - performance.now()) / 1000);
  const cluster = open();
  const running = cluster.get(["deployments,statefulsets,pods"], { namespace: TSB_NAMESPACE });
  const [named, workloads, release, database] = await Promise.allSettled([
    readNamed(cluster),
    running,
    readReleaseFacts(cluster),
    running.then(async (objects) => databaseOf(open(), objects)),
  ]);
  if (named.status === "rejected") return unreachableLook(instance, options, reasonOf(named.reason));
  if (workloads.status === "rejected") return unreachableLook(instance, options, reasonOf(workloads.reason));
  const look = lookAt([...named.value, ...workloads.value], instance, options);
  look.facts.release = release.status === "fulfilled" ? release.value : null;
  if (database.status === "fulfilled") look.database = database.value;
  else look.facts.databaseError = wordsOf(database.reason);
  return look;
}

/** kubectl and helm for a cluster, of which no call lasts longer than that. @param seconds at least 2 are given */
export function boundCluster(named: { name: string; context: string }, state: State, seconds: number): Cluster {
  const requestTimeout = Math.max(1, Math.floor(seconds) - 1);
  return new Cluster(named.name, named.context, { requestTimeout, graceSeconds: 1, state });
}

async function databaseOf(cluster: Cluster, objects: readonly KubeObject[]): Promise<DatabaseState> {
  const pod = postgresPod(objects);
  if (!pod) throw new StepError(`no Postgres pod is running on ${cluster.name}`);
  return readDatabase(cluster, pod);
}

function unreachableLook(instance: InstanceNames, options: LookOptions, because: string): InstanceLook {
  const lastSeenAt = options.state.read(instance.name, "last-seen")?.trim() ?? null;
  const look = emptyLook(instance, options);
  return { ...look, facts: { ...look.facts, unreachable: { because, lastSeenAt } } };
}

/** What failed, in one line. @throws what is not a StepError: a mistake of ours, or an interruption */
export function wordsOf(error: unknown): string {
  if (!(error instanceof StepError)) throw error;
  const [first] = error.details.filter((line) => !line.startsWith("command:"));
  return first ? `${error.message}: ${first.trim()}` : error.message;
}

/** Why a cluster can't be reached, in kubectl's last words. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof StepError)) throw error;
  const late = /kubectl did not answer within \d+ s$/.exec(error.message);
  if (late) return late[0];
  return error.details.filter((line) => !line.startsWith("command:")).at(-1) ?? error.message;
}

/** Single objects by name: less than this, and fewer permissions, will not do. */
async function readNamed(cluster: Cluster): Promise<KubeObject[]> {
  const secrets = [...CERTIFICATE_SECRETS, SIGNING_KEY, JWKS, STANDBY_SA].map((name) => `secret/${name}`);
  const core = ["namespace/kube-system", "service/envoy", `configmap/${JOURNAL}`, ...secrets];
  const options = { namespace: TSB_NAMESPACE };
  const objects = await cluster.get([...core, `${MANAGEMENT_PLANE}/managementplane`], options);
  // Where TSB was never installed its kind is unknown, and the whole question is refused.
  return find(objects, "Namespace", "kube-system") ? objects : cluster.get(core, options);
}

async function readReleaseFacts(cluster: Cluster): Promise<ReleaseFacts | null> {
  const doing = `reading release ${MP_RELEASE} on ${cluster.name}`;
  const args = ["get", "metadata", MP_RELEASE, "-n", TSB_NAMESPACE, "-o", "json"];
  const ended = await cluster.helm(args, { doing, mutates: false });
  if (ended.exitCode !== 0) return null;
  const metadata = jsonAnswer(ended.stdout, doing);
  return {
    name: MP_RELEASE,
    status: textAt(metadata, "status") ?? "unknown",
    revision: countAt(metadata, "revision"),
    chartVersion: textAt(metadata, "version") ?? "unknown",
  };
}

function emptyLook(instance: InstanceNames, { state }: LookOptions): InstanceLook {
  const { name, dns, context } = instance;
  const knownUid = state.read(name, "cluster-uid")?.trim() ?? null;
  const facts = {
    ...{ name, dns, context: context ?? null, unreachable: null, clusterUid: null, knownUid, role: null },
    ...{ follows: null, complaints: [], release: null, version: null, workloads: [], isFenced: false },
    ...{ address: null, exposesPostgres: false, database: null, databaseError: null, certificates: [] },
    ...{ keys: { signing: null, jwks: null, standbyAccount: null }, roleChange: null },
  };
  return { facts, database: undefined, accountKey: undefined, rootPem: undefined };
}

/** What the cluster's objects say. */
function lookAt(objects: readonly KubeObject[], instance: InstanceNames, options: LookOptions): InstanceLook {
  const look = emptyLook(instance, options);
  const secretOf = (name: string) => find(objects, "Secret", name);
  const resource = find(objects, "ManagementPlane", "managementplane");
  const service = find(objects, "Service", "envoy");
  const address = addressOf(service);
  const role = roleOf(resource);
  const names = { dns: instance.dns, floating: options.floating };
  const facts: InstanceLook["facts"] = {
    ...look.facts,
    clusterUid: textAt(find(objects, "Namespace", "kube-system"), "metadata", "uid") ?? null,
    role,
    follows: followedBy(resource),
    complaints: complaints(resource),
    version: versionOf(objects),
    workloads: workloadFacts(objects, role === "active" || role === "single"),
    isFenced: SERVING.every((name) => at(find(objects, "Deployment", name), "spec", "replicas") === 0),
    address: address ? addressInWords(address) : null,
    exposesPostgres: listAt(service, "spec", "ports").some((port) => at(port, "port") === 5432),
    keys: {
      signing: keyFacts(secretOf(SIGNING_KEY)),
      jwks: keyFacts(secretOf(JWKS)),
      standbyAccount: keyFacts(secretOf(STANDBY_SA)),
    },
    certificates: resource ? certificateFacts(secretOf, names, options.now) : [],
    roleChange: roleChangeFacts(find(objects, "ConfigMap", JOURNAL)),
  };
  return { ...look, facts, accountKey: publicKeyIn(secretOf(STANDBY_SA)), rootPem: rootPem(secretOf) };
}

function followedBy(resource: KubeObject | undefined): string | null {
  const standby = at(resource, "spec", "highAvailability", "standby");
  if (standby === undefined) return null;
  return textAt(standby, "activeMpSynchronizationEndpoint", "host") ?? "manual";
}

function versionOf(objects: readonly KubeObject[]): string | null {
  const [container] = listAt(find(objects, "Deployment", OPERATOR), "spec", "template", "spec", "containers");
  return /:([^:/@]+)(@|$)/.exec(textAt(container, "image") ?? "")?.[1] ?? null;
}

function workloadFacts(objects: readonly KubeObject[], isActive: boolean): WorkloadFacts[] {
  const workloads = objects.filter(({ kind }) => kind === "Deployment" || kind === "StatefulSet");
  const present = workloads.map((workload) => ({
    name: workload.metadata.name,
    ready: countAt(workload, "status", "readyReplicas"),
    wanted: Number(at(workload, "spec", "replicas") ?? 1),
    isReady: isReady(workload),
  }));
  const missing = isActive ? ACTIVE_DEPLOYMENTS.filter((name) => !present.some((one) => one.name === name)) : [];
  const all = [...present, ...missing.map((name) => ({ name, ready: 0, wanted: 1, isReady: false }))];
  return all.sort((a, b) => a.name.localeCompare(b.name));
}

/** Read leniently: whatever another release of ours wrote there must not keep `status` from answering. */
function roleChangeFacts(map: KubeObject | undefined): RoleChangeFacts | null {
  let journal: unknown;
  try {
    journal = JSON.parse(textAt(map, "data", "journal") ?? "");
  } catch {
    return null;
  }
  const text = (key: string) => textAt(journal, key) ?? null;
  return {
    id: text("id") ?? "unknown",
    kind: text("kind") === "switchover" ? "switchover" : "failover",
    from: text("from") ?? "unknown",
    to: text("to") ?? "unknown",
    phase: text("phase") ?? "unknown",
    startedAt: text("startedAt") ?? "unknown",
    finishedAt: text("finishedAt"),
    outcome: text("outcome"),
    unfencedOldActive: at(journal, "unfencedOldActive") === true,
  };
}

/**
 * A database's facts.
 * @param active the active's database, where it is another one and can be read
 */
export function databaseFacts(state: DatabaseState, active: DatabaseState | undefined): DatabaseFacts {
  const lag = state.inRecovery && active ? Number(active.lsnBytes - state.lsnBytes) : undefined;
  // The two were asked one after the other: the standby may already have more than the active had then.
  const lagBytes = lag === undefined ? null : Math.max(0, lag);
  const replayAgeSeconds = state.inRecovery ? (state.replayAgeSeconds ?? null) : null;
  return {
    inRecovery: state.inRecovery,
    receiver: state.receiver ?? null,
    senderHost: state.senderHost ?? null,
    lsn: state.lsn,
    lagBytes,
    lagSeconds: lagBytes === 0 ? 0 : replayAgeSeconds,
    replayAgeSeconds,
    senders: state.senders,
    slots: state.slots,
  };
}

/** The instance's facts with what the others know. */
export function completed(
  look: InstanceLook,
  permanentName: NameFacts,
  active: DatabaseState | undefined,
): InstanceFacts {
  const database = look.database ? databaseFacts(look.database, active) : null;
  return { ...look.facts, permanentName, database };
}
