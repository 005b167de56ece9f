/** How a standby finds out where and as whom to replicate. */
import { isIP } from "node:net";
import pg from "pg";
import { isRecord } from "./api-http.ts";
import { dial, type Endpoint } from "./dial.ts";
import type { SynchronizationEndpoint } from "./objects.ts";
import type { DatabaseCredentials, InstanceCertificates } from "./operator-inputs.ts";
import { Blocked, messageOf } from "./operator-verdict.ts";
import type { PrimaryAccess } from "./postgres.ts";
import { publicHalf, type SigningKey } from "./signing-key.ts";
import type { Site } from "./site.ts";
import { serviceAccountToken } from "./tsb-tokens.ts";

const CENTRAL_PORT = 9443;

export interface StandbyIdentity {
  organization: string;
  signingKey: SigningKey;
  accountKey: SigningKey;
  certificates: InstanceCertificates;
}

/** The slot that this instance holds on its active. */
export function slotOf(site: Site): string {
  return `standby_${site.cluster.name}`;
}

/**
 * Asks the active for replication credentials, over verified TLS, as the service account tsb-standby-sa.
 * @throws Blocked with the active's own words when it refuses
 */
export async function askActive(
  site: Site,
  wanted: SynchronizationEndpoint,
  identity: StandbyIdentity,
): Promise<PrimaryAccess> {
  const { host, port } = wanted;
  const address = await resolved(site, host);
  const ca = wanted.selfSigned ? identity.certificates.rootsPem : undefined;
  const account = `organizations/${identity.organization}/serviceaccounts/tsb-standby-sa`;
  const token = await serviceAccountToken(identity.accountKey, account, "5m");
  const answer = await reach({ host, port, address, ca }, wanted, {
    method: "POST",
    path: "/v2/standby:synchronize",
    headers: { authorization: `Bearer ${token}` },
    body: { organization: identity.organization, signingKey: publicHalf(identity.signingKey) },
  });
  await reach({ host, port: CENTRAL_PORT, address, ca: identity.certificates.rootsPem }, wanted, {
    method: "GET",
    path: "/healthz",
  });
  const { user, password, port: databasePort } = answer;
  if (typeof user !== "string" || typeof password !== "string" || typeof databasePort !== "number") {
    throw new Blocked("SynchronizationRefused", `${host}:${port} gave no replication credentials`);
  }
  return {
    host,
    address,
    port: databasePort,
    user,
    password,
    slot: slotOf(site),
    rootsPem: identity.certificates.rootsPem,
  };
}

/** Proves by a real connection that TSB's own user and password are the active's. @throws Blocked */
export async function checkDatabaseLogin(source: PrimaryAccess, credentials: DatabaseCredentials): Promise<void> {
  const client = new pg.Client({
    host: source.address,
    port: source.port,
    database: "tsb",
    ...credentials,
    ssl: { ca: source.rootsPem, servername: source.host },
    connectionTimeoutMillis: 5000,
    query_timeout: 5000,
  });
  client.on("error", () => undefined); // Comes again as the rejection of connect or query.
  try {
    await client.connect();
    await client.query("select 1");
  } catch (error) {
    const what = `postgres at ${source.host}:${source.port}: ${messageOf(error)}`;
    throw new Blocked("DatabaseLoginFailed", `${what} (postgres-credentials must be the same on active and standby)`);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** @throws Blocked when the name leads nowhere */
export async function resolved(site: Site, host: string): Promise<string> {
  if (isIP(host)) return host;
  try {
    return await site.lab.resolve(host);
  } catch (error) {
    throw new Blocked("EndpointUnreachable", `dial tcp: lookup ${host}: no such host (${messageOf(error)})`);
  }
}

async function reach(
  endpoint: Endpoint,
  wanted: SynchronizationEndpoint,
  call: Parameters<typeof dial>[1],
): Promise<Record<string, unknown>> {
  const where = `https://${endpoint.host}:${endpoint.port}`;
  let answer: Awaited<ReturnType<typeof dial>>;
  try {
    answer = await dial(endpoint, call);
  } catch (error) {
    const isPrivate = !wanted.selfSigned && messageOf(error).includes("unknown authority");
    const hint = isPrivate
      ? " (a certificate signed by a private CA needs activeMpSynchronizationEndpoint.selfSigned: true)"
      : "";
    throw new Blocked("EndpointUnreachable", `synchronization endpoint ${where}: ${messageOf(error)}${hint}`);
  }
  const body = parsed(answer.text);
  if (answer.status !== 200) {
    const message = `synchronization endpoint ${where} refused: ${answer.status} ${body.message ?? answer.text}`;
    throw new Blocked("SynchronizationRefused", message);
  }
  return body;
}

function parsed(text: string): Record<string, unknown> {
  try {
    const body: unknown = JSON.parse(text);
    return isRecord(body) ? body : {};
  } catch {
    return {};
  }
}
