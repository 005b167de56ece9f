/** The journal of a role change, kept on the cluster that survives it: the new active's. */

import { type Cluster, type KubeObject, TSB_NAMESPACE } from "./cluster.ts";
import { at, isObject, type JsonObject, listAt, textAt } from "./json.ts";

/** The ConfigMap; `data.journal` holds a {@link Journal} as JSON. */
export const JOURNAL = "tsb-active-standby-role-change";

/** A phase that was completed. */
export interface PhaseRecord {
  name: string;
  /** ISO 8601. */
  startedAt: string;
  seconds: number;
}

/** A volume claim of the database, as it was when it was decided that it may go. */
export interface ClaimRecord {
  name: string;
  uid: string;
}

/** What a role change has done so far. `status` reads it; keep the names. */
export interface Journal {
  id: string;
  kind: "switchover" | "failover";
  /** The instances' names: "mp1". */
  from: string;
  to: string;
  /** The phase under way, or the last one. */
  phase: string;
  phases: PhaseRecord[];
  startedAt: string;
  finishedAt?: string;
  /** "undone": taken back before the promotion. */
  outcome?: "done" | "undone";
  /** The promotion was begun: from here on, forward only. */
  pointOfNoReturnPassed: boolean;
  /** The old active could not be fenced: it may come back as a second active. Cleared by rejoin. */
  unfencedOldActive?: boolean;
  /** Postgres positions: the old active's last one, and the standby's when it was promoted. */
  lsn: { oldActive?: string; promotedAt?: string; replayAgeSeconds?: number; nextTransaction?: number };
  /** What is lost: bytes of the old active's log beyond the point where the timelines part, and transactions in them. */
  rpo?: { bytes: number; transactions: number };
  /** Replicas of what was scaled to 0, by deployment: what un-fencing gives back. */
  replicas: Record<string, number>;
  /** Claims of the old active's database that may go; they are deleted by these UIDs only. */
  claims: ClaimRecord[];
  /** When the fence began to hold, ISO 8601: from here on nothing is served. */
  outageFrom?: string;
  /** First login through the floating name on the new active. */
  firstLoginAt?: string;
  /** When each control plane was READY again. */
  controlPlanesReadyAt: Record<string, string>;
}

/** A new journal, not yet written. */
export function newJournal(kind: Journal["kind"], from: string, to: string): Journal {
  const startedAt = new Date().toISOString();
  const id = `${startedAt.replace(/[-:]/g, "").replace(/\..*/, "Z")}-${kind}-${from}-${to}`;
  return {
    ...{ id, kind, from, to, phase: "begin", phases: [], startedAt, pointOfNoReturnPassed: false },
    ...{ lsn: {}, replicas: {}, claims: [], controlPlanesReadyAt: {} },
  };
}

/** The journal in its ConfigMap, or undefined when no role change ever led to that cluster. */
export function journalIn(map: KubeObject | undefined): Journal | undefined {
  const document = documentIn(map);
  return document && parseJournal(document);
}

/** Writes the journal, in one request. */
export async function writeJournal(cluster: Cluster, journal: Journal): Promise<void> {
  await writeDocument(cluster, JOURNAL, journal);
}

/** Whether a role change was begun and neither finished nor undone. */
export function isUnfinished(journal: Journal | undefined): journal is Journal {
  return journal !== undefined && journal.finishedAt === undefined;
}

/** The JSON document in `data.journal` of a ConfigMap of ours, or undefined. */
export async function readDocument(cluster: Cluster, name: string): Promise<JsonObject | undefined> {
  const [map] = await cluster.get([`configmap/${name}`], { namespace: TSB_NAMESPACE });
  return documentIn(map);
}

function documentIn(map: KubeObject | undefined): JsonObject | undefined {
  try {
    const parsed: unknown = JSON.parse(textAt(map, "data", "journal") ?? "");
    return isObject(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** Writes a document that {@link readDocument} reads. */
export async function writeDocument(cluster: Cluster, name: string, document: object): Promise<void> {
  const map = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, namespace: TSB_NAMESPACE },
    data: { journal: JSON.stringify(document) },
  };
  await cluster.apply([map], `writing the journal ${name} on ${cluster.name}`);
}

function parseJournal(document: JsonObject): Journal | undefined {
  const [id, kind, from, to] = ["id", "kind", "from", "to"].map((key) => textAt(document, key));
  const startedAt = textAt(document, "startedAt");
  if (!id || !from || !to || !startedAt || (kind !== "switchover" && kind !== "failover")) return undefined;
  const outcome = textAt(document, "outcome");
  return {
    ...{ id, kind, from, to, startedAt, phase: textAt(document, "phase") ?? "begin" },
    phases: listAt(document, "phases").filter(isPhaseRecord),
    pointOfNoReturnPassed: document.pointOfNoReturnPassed === true,
    lsn: parseLsn(document.lsn),
    replicas: entriesOf(document.replicas, isNumber),
    claims: listAt(document, "claims").filter(isClaimRecord),
    controlPlanesReadyAt: entriesOf(document.controlPlanesReadyAt, isText),
    ...optionalText(document, ["finishedAt", "outageFrom", "firstLoginAt"]),
    ...parseRpo(document.rpo),
    ...(outcome === "done" || outcome === "undone" ? { outcome } : {}),
    ...(typeof document.unfencedOldActive === "boolean" ? { unfencedOldActive: document.unfencedOldActive } : {}),
  };
}

function parseLsn(value: unknown): Journal["lsn"] {
  return {
    ...optionalText(value, ["oldActive", "promotedAt"]),
    ...optionalNumber(value, ["replayAgeSeconds", "nextTransaction"]),
  };
}

function parseRpo(value: unknown): Pick<Journal, "rpo"> {
  const { bytes, transactions } = optionalNumber(value, ["bytes", "transactions"]);
  return bytes === undefined || transactions === undefined ? {} : { rpo: { bytes, transactions } };
}

function optionalText<K extends string>(value: unknown, keys: readonly K[]): { [P in K]?: string } {
  const found: { [P in K]?: string } = {};
  for (const key of keys) {
    const text = textAt(value, key);
    if (text !== undefined) found[key] = text;
  }
  return found;
}

function optionalNumber<K extends string>(value: unknown, keys: readonly K[]): { [P in K]?: number } {
  const found: { [P in K]?: number } = {};
  for (const key of keys) {
    const number = at(value, key);
    if (typeof number === "number") found[key] = number;
  }
  return found;
}

function entriesOf<T>(value: unknown, is: (item: unknown) => item is T): Record<string, T> {
  const entries = Object.entries(isObject(value) ? value : {});
  return Object.fromEntries(entries.flatMap(([key, item]) => (is(item) ? [[key, item]] : [])));
}

function isNumber(value: unknown): value is number {
  return typeof value === "number";
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isPhaseRecord(value: unknown): value is PhaseRecord {
  return isObject(value) && isText(value.name) && isText(value.startedAt) && isNumber(value.seconds);
}

function isClaimRecord(value: unknown): value is ClaimRecord {
  return isObject(value) && isText(value.name) && isText(value.uid);
}
