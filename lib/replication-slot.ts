/** The replication slot that a standby holds on its active: without its standby it keeps log for ever. */

import type { Cluster } from "./cluster.ts";
import { StepError } from "./errors.ts";
import * as output from "./output.ts";
import { query } from "./replication.ts";
import { type Look, waitFor } from "./wait.ts";

/** Seconds for the active to notice that the standby is gone: Postgres' own time-out is 60. */
const NOTICE_TIMEOUT = 90;

/**
 * The name of the slot that a standby streams from, as its own Postgres says.
 * @returns undefined when it has none, or does not answer
 */
export async function slotOf(standby: Cluster): Promise<string | undefined> {
  const sql = `select coalesce((select slot_name from pg_stat_wal_receiver), nullif(current_setting('primary_slot_name'), ''), '')
    where pg_is_in_recovery()`;
  try {
    return (await query(standby, sql, `asking Postgres on ${standby.name} for its slot`)) || undefined;
  } catch (error) {
    if (error instanceof StepError) return undefined;
    throw error;
  }
}

/**
 * Drops a slot on the active once nobody uses it.
 * @returns whether there was one
 * @throws StepError when it stays in use
 */
export async function dropSlot(active: Cluster, slot: string): Promise<boolean> {
  const literal = `'${slot.replaceAll("'", "''")}'`;
  const doing = `dropping replication slot ${slot} on ${active.name}`;
  const stateSql = `select active from pg_replication_slots where slot_name = ${literal}`;
  if ((await query(active, stateSql, doing)) === "") return false;
  await waitFor({
    what: `the end of the standby's connection to slot ${slot}`,
    timeoutSeconds: NOTICE_TIMEOUT,
    look: async (): Promise<Look<void>> => {
      const isActive = await query(active, stateSql, doing);
      return isActive === "t" ? { pending: `slot ${slot} on ${active.name} is still in use` } : { done: undefined };
    },
    next: "a standby still streams by that slot: see which, then run this again",
  });
  const drop = `select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = ${literal} and not active`;
  await query(active, drop, doing);
  output.done(`replication slot ${slot} on ${active.name} dropped: it keeps no log any more`);
  return true;
}
