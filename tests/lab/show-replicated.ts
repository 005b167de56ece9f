/**
 * The end of `make demo`: show-replicated.ts TENANT prints a tenant as it stands in the standby's PostgreSQL, and that
 * it came there by streaming replication. Only kubectl is used: what it prints can be typed by anyone.
 */
import { spawnSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { runProgram, say } from "./program.ts";
import { SettingsError } from "./settings.ts";

/** Seconds for the tenant to arrive: on a healthy pair it is there at once. */
const DEADLINE = 20;

const RECEIVER = `select pg_is_in_recovery() as read_only, status, sender_host, pg_last_wal_replay_lsn() as replayed
  from pg_stat_wal_receiver`;

await runProgram("show-replicated", async () => {
  const [name = ""] = process.argv.slice(2);
  const { MP2_CONTEXT: context, TSB_ORG: org } = process.env;
  if (!/^[a-z0-9-]+$/.test(name)) throw new SettingsError("usage: show-replicated.ts TENANT");
  if (!context || !org) throw new SettingsError('MP2_CONTEXT and TSB_ORG are not set: eval "$(make -s lab-env)"');
  const fqn = `organizations/${org}/tenants/${name}`;
  const tenant = `select fqn, spec, updated_at from objects where kind = 'Tenant' and fqn = '${fqn}'`;
  const began = Date.now();
  let found = psql(context, "tsb", tenant);
  while (!found.text.includes(fqn)) {
    if (Date.now() - began > DEADLINE * 1000) {
      const next = `look at: kubectl --context ${context} exec -n tsb tsb-postgres-1-0 -- psql -U postgres -x -c "table pg_stat_wal_receiver"`;
      throw new Error(`tenant ${name} did not reach the standby within ${DEADLINE} s:\n${found.text}\n  next: ${next}`);
    }
    await sleep(200);
    found = psql(context, "tsb", tenant);
  }
  const receiver = psql(context, "postgres", RECEIVER);
  process.stdout.write(`${[found.command, found.text, receiver.command, receiver.text].join("\n")}\n`);
  if (!/streaming/.test(receiver.text)) throw new Error("the standby's PostgreSQL has the tenant, but does not stream");
  say(`seen on the standby ${((Date.now() - began) / 1000).toFixed(1)} s after it was first looked for`);
});

/** @returns the command as it can be typed, and what it printed, be it an error */
function psql(context: string, database: string, statement: string): { command: string; text: string } {
  const pod = ["--context", context, "exec", "-n", "tsb", "tsb-postgres-1-0", "--"];
  const args = [...pod, "psql", "-X", "-x", "-U", "postgres", "-d", database, "-c"];
  const ended = spawnSync("kubectl", [...args, statement], { encoding: "utf8", timeout: 10_000 });
  const text = (ended.error?.message ?? "") + ended.stderr + ended.stdout;
  return { command: `$ kubectl ${args.join(" ")} "${statement}"`, text: text.trimEnd() };
}
