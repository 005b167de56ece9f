/** The real PostgreSQL server behind one management plane instance. */
import { existsSync, lstatSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { QueryResultRow } from "pg";
import type { Daemon, Lab, LabCluster } from "./lab.ts";
import { connectionString, POSTGRES_PORT, type PrimaryConnection, pgHba, postgresqlConf } from "./postgres-config.ts";
import { PostgresLog } from "./postgres-log.ts";
import { PostgresSessions } from "./postgres-sessions.ts";
import {
  ownedFile,
  ownedFolder,
  POSTGRES_USER,
  postgresIds,
  postgresProgram,
  runPostgresTool,
} from "./postgres-tools.ts";

/** What lies in the data folder: nothing, a database that follows another one, or one of its own. */
export type DataFolder = "empty" | "standby" | "primary";

export interface ServerIdentity {
  certPem: string;
  keyPem: string;
  /** TSB's own database user. */
  user: string;
  replicationUser: string;
}

export interface PrimaryAccess extends PrimaryConnection {
  password: string;
  rootsPem: string;
}

/** Starts, stops, clones and promotes one server; every method may be called again after a failure. */
export class Postgres {
  readonly #lab: Lab;
  readonly #cluster: LabCluster;
  readonly #base: string;
  readonly folders: { data: string; socket: string; tls: string };
  readonly log: PostgresLog;
  readonly #sessions: PostgresSessions;
  #daemon: Daemon | undefined;
  #primary: PrimaryConnection | undefined;

  constructor(lab: Lab, cluster: LabCluster) {
    this.#lab = lab;
    this.#cluster = cluster;
    this.#base = `${cluster.dir}/postgres`;
    this.folders = { data: `${this.#base}/data`, socket: `${this.#base}/socket`, tls: `${this.#base}/tls` };
    this.log = new PostgresLog(`${this.#base}/postgres.log`);
    this.#sessions = new PostgresSessions(this.folders.socket, (line) => lab.log(`${cluster.name} postgres: ${line}`));
  }

  get isRunning(): boolean {
    return this.#daemon !== undefined;
  }

  /** Address and port where the server itself listens. */
  get listening(): { address: string; port: number } {
    return { address: this.#cluster.frontAddress, port: POSTGRES_PORT };
  }

  dataFolder(): DataFolder {
    if (!existsSync(`${this.folders.data}/PG_VERSION`)) return "empty";
    return existsSync(`${this.folders.data}/standby.signal`) ? "standby" : "primary";
  }

  /** Writes certificates and host rules. @returns whether anything changed; a running server has then been told */
  async configure(identity: ServerIdentity): Promise<boolean> {
    this.#prepareFolders();
    const { tls } = this.folders;
    const changed = [
      ownedFile(`${tls}/server.crt`, identity.certPem),
      ownedFile(`${tls}/server.key`, identity.keyPem),
      ownedFile(`${tls}/pg_hba.conf`, pgHba(identity.user, identity.replicationUser)),
    ].includes(true);
    if (changed && this.isRunning) await this.query("select pg_reload_conf()");
    return changed;
  }

  /** Makes an empty database cluster. */
  async initialise(): Promise<void> {
    this.#prepareFolders();
    rmSync(this.folders.data, { recursive: true, force: true });
    const args = ["-D", this.folders.data, "-U", POSTGRES_USER, "-E", "UTF8", "--locale=C", "-A", "trust", "--no-sync"];
    await runPostgresTool("initdb", args, this.#base);
  }

  /** Where to follow from; a running server reloads it. */
  async follow(primary: PrimaryAccess): Promise<void> {
    this.#prepareFolders();
    const { tls } = this.folders;
    const passwordLine = ["*", "*", "*", primary.user, primary.password].map(escapePassfile).join(":");
    const { password: _password, rootsPem, ...connection } = primary;
    this.#primary = connection;
    const changed = [
      ownedFile(`${tls}/passfile`, `${passwordLine}\n`),
      ownedFile(`${tls}/root.crt`, rootsPem),
      ownedFile(`${tls}/primary.json`, JSON.stringify(connection)),
      this.#writeConfig(),
    ].includes(true);
    if (!changed) return;
    this.log.mark();
    if (this.isRunning) await this.query("select pg_reload_conf()");
  }

  /** Makes sure the slot exists on the primary, which is also the first proof that replication may begin. */
  async reserveSlot(primary: PrimaryConnection): Promise<void> {
    const target = connectionString(primary, this.folders);
    const args = ["-d", target, "-S", primary.slot, "--create-slot", "--if-not-exists"];
    await runPostgresTool("pg_receivewal", args, this.#base);
  }

  /** pg_basebackup into the empty data folder. @throws Error with the tool's words; the folder is then empty again */
  async clone(primary: PrimaryConnection): Promise<void> {
    const target = connectionString(primary, this.folders);
    const args = ["-D", this.folders.data, "-d", target, "-X", "stream", "-c", "fast", "-S", primary.slot, "--no-sync"];
    rmSync(this.folders.data, { recursive: true, force: true });
    try {
      await runPostgresTool("pg_basebackup", args, this.#base);
    } catch (error) {
      rmSync(this.folders.data, { recursive: true, force: true });
      throw error;
    }
    this.markStandby();
  }

  /** Leaves the signal file that makes the next start a hot standby. */
  markStandby(): void {
    ownedFile(`${this.folders.data}/standby.signal`, "");
  }

  /** The volume is gone. */
  wipe(): void {
    rmSync(this.folders.data, { recursive: true, force: true });
    rmSync(`${this.folders.tls}/primary.json`, { force: true });
    this.#primary = undefined;
  }

  /** Starts the server if it isn't running and waits until it answers. */
  async start(): Promise<void> {
    if (this.#daemon !== undefined) return;
    this.#prepareFolders();
    const saved = `${this.folders.tls}/primary.json`;
    if (this.#primary === undefined && existsSync(saved)) this.#primary = JSON.parse(readFileSync(saved, "utf8"));
    if (this.dataFolder() !== "standby") this.#primary = undefined;
    this.#writeConfig();
    this.log.mark();
    const argv = [postgresProgram("postgres"), "-D", this.folders.data, "-c", `config_file=${this.#configFile}`];
    const daemon = this.#lab.daemon(`${this.#cluster.name}-postgres`, argv, {
      cwd: this.#base,
      env: { LC_ALL: "C", PATH: "/usr/bin:/bin" },
      logFile: this.log.file,
      ...(postgresIds() === undefined ? {} : { user: POSTGRES_USER }),
    });
    this.#daemon = daemon;
    void daemon.exited.then(() => {
      if (this.#daemon === daemon) this.#daemon = undefined;
      this.#sessions.drop();
    });
    await this.#untilItAnswers(daemon);
  }

  async stop(): Promise<void> {
    await this.#end("SIGINT");
  }

  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  async promote(): Promise<void> {
    await this.query("select pg_promote(true, 30)");
    rmSync(`${this.folders.tls}/primary.json`, { force: true });
    this.#primary = undefined;
    this.#writeConfig();
    await this.query("select pg_reload_conf()");
  }

  /** As superuser over the unix socket. @throws the driver's error, also when the server is down */
  async query<Row extends QueryResultRow>(sql: string, values: unknown[] = [], database = "postgres"): Promise<Row[]> {
    return this.#sessions.query<Row>(sql, values, database);
  }

  async isInRecovery(): Promise<boolean> {
    const [row] = await this.query<{ standby: boolean }>("select pg_is_in_recovery() as standby");
    return row?.standby ?? true;
  }

  get #configFile(): string {
    return `${this.folders.tls}/postgresql.conf`;
  }

  #writeConfig(): boolean {
    const { name: clusterName, frontAddress: listenAddress } = this.#cluster;
    const settings = { clusterName, listenAddress, folders: this.folders, primary: this.#primary };
    return ownedFile(this.#configFile, postgresqlConf(settings));
  }

  #prepareFolders(): void {
    ownedFolder(this.#base, 0o755);
    ownedFolder(this.folders.socket, 0o755);
    ownedFolder(this.folders.tls, 0o700);
    // psql and everyone else expect the socket of port 5432, which the front envoy occupies on the network.
    const alias = `${this.folders.socket}/.s.PGSQL.5432`;
    if (lstatSync(alias, { throwIfNoEntry: false }) !== undefined) return;
    symlinkSync(`.s.PGSQL.${POSTGRES_PORT}`, alias);
  }

  async #untilItAnswers(daemon: Daemon): Promise<void> {
    const deadline = Date.now() + 20_000;
    for (;;) {
      if (this.#daemon !== daemon) throw new Error(`postgres ended while starting: ${this.log.lastComplaint()}`);
      try {
        await this.query("select 1");
        return;
      } catch (error) {
        if (Date.now() > deadline) throw new Error("postgres does not answer", { cause: error });
        await sleep(50);
      }
    }
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const daemon = this.#daemon;
    if (daemon === undefined) return;
    this.#sessions.drop();
    daemon.kill(signal);
    const late = setTimeout(() => daemon.kill("SIGKILL"), 10_000);
    await daemon.exited;
    clearTimeout(late);
  }
}

function escapePassfile(field: string): string {
  return field === "*" ? field : field.replace(/[\\:]/g, "\\$&");
}
