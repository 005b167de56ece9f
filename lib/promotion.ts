/** Turning an instance into another role through its helm release, and proving that its database takes writes. */

import { type Chart, fetchChart, tsbChart } from "./chart.ts";
import { type Cluster, TSB_NAMESPACE } from "./cluster.ts";
import { StepError } from "./errors.ts";
import { at, isObject, type JsonObject } from "./json.ts";
import { MP_RELEASE } from "./management-plane.ts";
import { ensureReleaseFrom, type ReleaseStatus, readRelease } from "./release.ts";
import { lsnToBytes, query, readDatabase } from "./replication.ts";
import type { State } from "./state.ts";
import { type Look, waitFor } from "./wait.ts";
import { diagnose } from "./workloads.ts";

/** The settings with which the chart of a release is found. */
export type ChartSettings = Parameters<typeof tsbChart>[1];

/** Values with another `spec.highAvailability`; all else stays as it is deployed. */
export function withRole(values: unknown, role: JsonObject): JsonObject {
  const base = isObject(values) ? values : {};
  const spec = at(base, "spec");
  return { ...base, spec: { ...(isObject(spec) ? spec : {}), highAvailability: role } };
}

/**
 * The management plane release of an instance, and its chart in the version that is deployed: a role change is no upgrade.
 * @throws StepError when there is no release, or the chart can't be had
 */
export async function deployedRelease(
  cluster: Cluster,
  settings: ChartSettings,
  state: State,
): Promise<{ release: ReleaseStatus; chart: Chart }> {
  const release = await readRelease(cluster, MP_RELEASE, TSB_NAMESPACE);
  if (!release)
    throw new StepError(`${cluster.name} has no helm release ${MP_RELEASE} in namespace ${TSB_NAMESPACE}`, {
      next: `install it first: make standby STANDBY=${cluster.name}`,
    });
  const chart = await fetchChart(
    tsbChart("managementplane", { ...settings, TSB_VERSION: release.chartVersion }),
    state,
  );
  return { release, chart };
}

/**
 * Gives the release another role, so that release and resource agree.
 * @param role what goes under `spec.highAvailability`
 * @returns whether anything was changed
 */
export async function changeRole(
  cluster: Cluster,
  role: JsonObject,
  options: { settings: ChartSettings & { INSTALL_TIMEOUT: number }; state: State },
): Promise<boolean> {
  const { settings, state } = options;
  const { release, chart } = await deployedRelease(cluster, settings, state);
  const wanted = { name: MP_RELEASE, namespace: TSB_NAMESPACE, chart, values: withRole(release.values, role) };
  const timeoutSeconds = settings.INSTALL_TIMEOUT;
  return ensureReleaseFrom(release, cluster, wanted, {
    state,
    dryRun: false,
    valuesFile: "values.yaml",
    timeoutSeconds,
  });
}

/**
 * Waits until the database is a primary, and proves it by a write.
 * @throws StepError after timeoutSeconds: a promoted database that stays read-only is known trouble of the Postgres operator
 */
export async function waitForPrimary(cluster: Cluster, timeoutSeconds: number): Promise<void> {
  await waitFor({
    what: `promotion of Postgres on ${cluster.name}`,
    timeoutSeconds,
    everySeconds: 0.3,
    look: async (): Promise<Look<true>> => {
      const isInRecovery = await proveWrite(cluster);
      return isInRecovery ? { pending: `Postgres on ${cluster.name} is still in recovery` } : { done: true };
    },
    diagnose: () => diagnose(cluster),
    next: cluster.look(`logs -n ${TSB_NAMESPACE} -l name=tsb-operator --tail=50`),
  });
}

/**
 * A real write, committed, that leaves nothing: psql runs the statements of one -c as one transaction.
 * @returns what pg_is_in_recovery() says right after it
 * @throws StepError in Postgres's words: a database in recovery, or one that stayed read-only, refuses
 */
async function proveWrite(cluster: Cluster): Promise<boolean> {
  const table = "tsb_active_standby_write_proof";
  const write = `create table ${table} (at timestamptz not null); insert into ${table} values (now()); drop table ${table}`;
  const answer = await query(cluster, `${write}; select pg_is_in_recovery()`, `writing to Postgres on ${cluster.name}`);
  // Newer versions of psql print a line for each statement, older ones the last result only.
  return !answer.split("\n").includes("f");
}

/**
 * How far the old active went on after the point where the new one's timeline left it.
 * @returns bytes of log beyond that point, and the old active's next transaction number
 */
export async function lostSince(
  oldActive: Cluster,
  newActive: Cluster,
): Promise<{ bytes: number; nextTransaction: number }> {
  const old = await readDatabase(oldActive);
  const parting = await partedAt(newActive, old.timeline ?? 0);
  if (parting === undefined)
    throw new StepError(`Postgres on ${newActive.name} did not part from timeline ${old.timeline}`);
  const bytes = old.lsnBytes > lsnToBytes(parting) ? Number(old.lsnBytes - lsnToBytes(parting)) : 0;
  return { bytes, nextTransaction: old.nextTransaction };
}

/**
 * Where a database left a timeline, from its own timeline history.
 * @returns an LSN, or undefined when it was never on that timeline, or still is
 */
export async function partedAt(cluster: Cluster, timeline: number): Promise<string | undefined> {
  const file = "format('pg_wal/%s.history', left(pg_walfile_name(pg_current_wal_lsn()), 8))";
  const sql = `select coalesce(pg_read_file(${file}, 0, 100000, true), '')`;
  const history = await query(cluster, sql, `reading the timeline history of ${cluster.name}`);
  // One line for each timeline that was left: its number, the position, a reason.
  const lines = history.split("\n").map((line) => line.trim().split(/\s+/));
  return lines.find(([number]) => number === String(timeline))?.[1];
}
