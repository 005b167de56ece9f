/** What an old active wrote after its standby was promoted: measured, and kept aside before it is thrown away. */

import { chmodSync, closeSync, mkdirSync, openSync, readSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { type Cluster, TSB_NAMESPACE } from "./cluster.ts";
import { StepError } from "./errors.ts";
import { OWN_MARK } from "./processes.ts";
import { partedAt } from "./promotion.ts";
import { type DatabaseState, lsnToBytes, postgresPod } from "./replication.ts";
import type { State } from "./state.ts";

/** Where two databases that were one parted. */
export interface Parting {
  /** The timeline that the old active stayed on. */
  timeline: number;
  /** The last position that both have. */
  lsn: string;
  /** What the old active wrote beyond it. */
  bytes: number;
}

/** Seconds for a dump; a configuration database is small. */
const DUMP_TIMEOUT = 3600;
/** The last words of a whole dump; source: pg_dumpall. */
const COMPLETE = "-- PostgreSQL database cluster dump complete";

/**
 * Where the old active's history left that of the new one.
 * @returns undefined when the new active was never on the old one's timeline: then nothing can be compared
 */
export async function partingOf(old: DatabaseState, newActive: Cluster): Promise<Parting | undefined> {
  const { timeline } = old;
  if (timeline === undefined) return undefined;
  const lsn = await partedAt(newActive, timeline);
  if (lsn === undefined) return undefined;
  const beyond = old.lsnBytes - lsnToBytes(lsn);
  return { timeline, lsn, bytes: beyond > 0n ? Number(beyond) : 0 };
}

/**
 * Dumps all databases of a cluster into the state folder, mode 0600: streamed, so that its size does not matter.
 * @param name the file's name under `rejoin/`
 * @returns the absolute path
 * @throws StepError when pg_dumpall fails, or its output is not whole
 */
export async function dumpAll(cluster: Cluster, state: State, name: string): Promise<string> {
  const path = state.path("rejoin", name);
  const arriving = `${path}.${OWN_MARK}.tmp`;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const file = openSync(arriving, "w", 0o600);
  const doing = `dumping the databases of ${cluster.name} to ${path}`;
  try {
    const pod = postgresPod(await cluster.get(["pods"], { namespace: TSB_NAMESPACE }));
    if (!pod)
      throw new StepError(`${doing}: no Postgres pod is running there`, { next: cluster.look("get pods -n tsb") });
    const args = ["exec", "-n", TSB_NAMESPACE, pod, "--", "pg_dumpall", "-U", "postgres"];
    await cluster.kubectl(args, { doing, outputTo: file, timeoutSeconds: DUMP_TIMEOUT });
    if (!endsWith(arriving, COMPLETE)) throw new StepError(`${doing}: pg_dumpall's output is not whole`);
    chmodSync(arriving, 0o600);
    renameSync(arriving, path);
  } finally {
    closeSync(file);
    rmSync(arriving, { force: true });
  }
  return path;
}

function endsWith(path: string, words: string): boolean {
  const file = openSync(path, "r");
  try {
    const { size } = statSync(path);
    const tail = Buffer.alloc(Math.min(200, size));
    readSync(file, tail, 0, tail.length, size - tail.length);
    return tail.toString("utf8").includes(words);
  } finally {
    closeSync(file);
  }
}
