/** TSB's objects in the instance's own PostgreSQL, database "tsb", table "objects". */
import { createHash } from "node:crypto";
import pg from "pg";
import type { Postgres } from "./postgres.ts";

/** An object as tctl shows it. */
export interface TsbObject {
  apiVersion: string;
  kind: string;
  /** Path such as "organizations/tetrate/tenants/payments". */
  fqn: string;
  metadata: Record<string, string>;
  spec: Record<string, unknown>;
}

interface Row {
  api_version: string;
  kind: string;
  fqn: string;
  metadata: Record<string, string>;
  spec: Record<string, unknown>;
}

const TABLE = `create table objects (
  kind text not null,
  fqn text not null,
  api_version text not null,
  metadata jsonb not null,
  spec jsonb not null,
  updated_at timestamptz not null default now(),
  primary key (kind, fqn)
)`;

/** Database, table, and what a fresh installation comes with: the organisation, its admin, two teams and their grants. */
export async function ensureSchema(postgres: Postgres, user: string, organization: string): Promise<void> {
  const owner = pg.escapeIdentifier(user);
  const found = await postgres.query("select 1 from pg_database where datname = 'tsb'");
  if (found.length === 0) await postgres.query(`create database tsb owner ${owner}`);
  const [table] = await postgres.query<{ oid: string | null }>("select to_regclass('objects') as oid", [], "tsb");
  if (!table?.oid) {
    await postgres.query(TABLE, [], "tsb");
    await postgres.query(`alter table objects owner to ${owner}`, [], "tsb");
  }
  const store = new TsbStore(postgres);
  for (const object of initialObjects(organization)) {
    if ((await store.get(object.kind, object.fqn)) === undefined) await store.put(object);
  }
}

/** Reads and writes; every write is committed when its promise resolves. */
export class TsbStore {
  readonly #postgres: Postgres;

  constructor(postgres: Postgres) {
    this.#postgres = postgres;
  }

  async get(kind: string, fqn: string): Promise<TsbObject | undefined> {
    const rows = await this.#query("select * from objects where kind = $1 and fqn = $2", [kind, fqn]);
    return rows[0] && fromRow(rows[0]);
  }

  /** Objects of one kind directly or indirectly below a path. */
  async list(kind: string, parent: string): Promise<TsbObject[]> {
    const rows = await this.#query("select * from objects where kind = $1 and starts_with(fqn, $2) order by fqn", [
      kind,
      `${parent}/`,
    ]);
    return rows.map(fromRow);
  }

  /** Whether anything has this path, whatever its kind. */
  async exists(fqn: string): Promise<boolean> {
    const rows = await this.#query("select * from objects where fqn = $1 and kind <> 'AccessBindings' limit 1", [fqn]);
    return rows.length > 0;
  }

  async put(object: TsbObject): Promise<void> {
    await this.#query(
      `insert into objects (kind, fqn, api_version, metadata, spec) values ($1, $2, $3, $4, $5)
       on conflict (kind, fqn) do update set api_version = $3, metadata = $4, spec = $5, updated_at = now()`,
      [object.kind, object.fqn, object.apiVersion, JSON.stringify(object.metadata), JSON.stringify(object.spec)],
    );
  }

  /** Adds to the access bindings of a resource, in one statement: clusters that are created side by side all get theirs. */
  async addBinding(resource: string, binding: { role: string; subjects: Record<string, string>[] }): Promise<void> {
    await this.#query(
      `insert into objects (kind, fqn, api_version, metadata, spec)
       values ('AccessBindings', $1, 'rbac.tsb.tetrate.io/v2', $2, jsonb_build_object('allow', $3::jsonb))
       on conflict (kind, fqn) do update set
         spec = jsonb_set(objects.spec, '{allow}', coalesce(objects.spec->'allow', '[]') || $3::jsonb), updated_at = now()`,
      [resource, JSON.stringify({ fqn: resource }), JSON.stringify([binding])],
    );
  }

  async delete(kind: string, fqn: string): Promise<boolean> {
    const rows = await this.#query("delete from objects where kind = $1 and fqn = $2 returning *", [kind, fqn]);
    return rows.length > 0;
  }

  #query(sql: string, values: string[]): Promise<Row[]> {
    return this.#postgres.query<Row>(sql, values, "tsb");
  }
}

/** Changes whenever the object does. */
export function etagOf(object: TsbObject): string {
  const digest = createHash("sha256").update(JSON.stringify([object.metadata, sorted(object.spec)]));
  return `"${digest.digest("base64").slice(0, 11)}="`;
}

function fromRow({ api_version: apiVersion, kind, fqn, metadata, spec }: Row): TsbObject {
  return { apiVersion, kind, fqn, metadata, spec };
}

/** jsonb keeps no order of keys, so neither may the digest. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sorted(item)]),
  );
}

function initialObjects(organization: string): TsbObject[] {
  const root = `organizations/${organization}`;
  const named = (kind: string, plural: string, name: string, displayName: string): TsbObject => ({
    apiVersion: "api.tsb.tetrate.io/v2",
    kind,
    fqn: `${root}/${plural}/${name}`,
    metadata: { name, organization },
    spec: { displayName },
  });
  return [
    {
      apiVersion: "api.tsb.tetrate.io/v2",
      kind: "Organization",
      fqn: root,
      metadata: { name: organization },
      spec: { displayName: organization },
    },
    named("User", "users", "admin", "Administrator"),
    named("Team", "teams", "platform", "Platform engineers"),
    named("Team", "teams", "developers", "Application developers"),
    {
      apiVersion: "rbac.tsb.tetrate.io/v2",
      kind: "AccessBindings",
      fqn: root,
      metadata: { fqn: root },
      spec: {
        allow: [
          { role: "rbac/admin", subjects: [{ user: `${root}/users/admin` }, { team: `${root}/teams/platform` }] },
          { role: "rbac/creator", subjects: [{ team: `${root}/teams/developers` }] },
        ],
      },
    },
  ];
}
