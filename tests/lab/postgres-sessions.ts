/** The stand-ins' own sessions on a database server: superuser, over the unix socket. */
import pg from "pg";
import { POSTGRES_PORT } from "./postgres-config.ts";
import { POSTGRES_USER } from "./postgres-tools.ts";

/** One pool for each database, made when it is first used. */
export class PostgresSessions {
  readonly #socketFolder: string;
  readonly #log: (line: string) => void;
  readonly #pools = new Map<string, pg.Pool>();

  constructor(socketFolder: string, log: (line: string) => void) {
    this.#socketFolder = socketFolder;
    this.#log = log;
  }

  /** @throws the driver's error, also when the server is down */
  async query<Row extends pg.QueryResultRow>(sql: string, values: unknown[], database: string): Promise<Row[]> {
    const result = await this.#pool(database).query<Row>(sql, values);
    return result.rows;
  }

  /** The server is going down or has gone. */
  drop(): void {
    for (const pool of this.#pools.values()) void pool.end().catch(() => undefined);
    this.#pools.clear();
  }

  #pool(database: string): pg.Pool {
    const existing = this.#pools.get(database);
    if (existing !== undefined) return existing;
    const pool = new pg.Pool({
      host: this.#socketFolder,
      port: POSTGRES_PORT,
      user: POSTGRES_USER,
      database,
      max: 6,
      connectionTimeoutMillis: 5000,
      query_timeout: 35_000,
    });
    // A server that dies takes its idle connections along; the next query finds out by itself.
    pool.on("error", (error) => this.#log(error.message));
    this.#pools.set(database, pool);
    return pool;
  }
}
