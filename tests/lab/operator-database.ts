/** How the operator brings the embedded Postgres into the role of a primary, and its objects in Kubernetes. */
import { createHash, randomBytes } from "node:crypto";
import pg from "pg";
import { type KubeObject, secretText } from "./objects.ts";
import { applyIfDifferent } from "./operator-apply.ts";
import { databaseCredentials, type InstanceCertificates } from "./operator-inputs.ts";
import { NAMESPACE, type Site } from "./site.ts";
import { ensureSchema } from "./tsb-store.ts";
import {
  kubegres,
  type Owner,
  POSTGRES_CLAIM,
  POSTGRES_POD,
  POSTGRES_STATEFUL_SET,
  postgresClaim,
  postgresStatefulSet,
  secret,
} from "./workload.ts";

/** Where the replication user's password is kept, on active and standby alike. */
export const REPLICATION_SECRET = "tsb-postgres-replication";
export const REPLICATION_USER = "tsb_replication";

/** Fingerprint of the roles and tables last ensured, by database: saves an ALTER ROLE per round. */
const written = new WeakMap<object, string>();

const CLAIM_PATH = `/api/v1/namespaces/${NAMESPACE}/persistentvolumeclaims/${POSTGRES_CLAIM}`;
const STATEFUL_SET_PATH = `/apis/apps/v1/namespaces/${NAMESPACE}/statefulsets/${POSTGRES_STATEFUL_SET}`;

/** A running primary with TSB's roles and tables; a standby's database is promoted. */
export async function ensurePrimary(site: Site, owner: Owner, certificates: InstanceCertificates): Promise<void> {
  const { postgres, log } = site;
  await ensureVolume(site, owner);
  const { user, password } = databaseCredentials(site);
  const { certPem, keyPem } = certificates;
  const reconfigured = await postgres.configure({ certPem, keyPem, user, replicationUser: REPLICATION_USER });
  if (reconfigured && postgres.isRunning) log.info("postgres: certificates reloaded");
  if (postgres.dataFolder() === "empty") {
    log.info("postgres: initialising an empty data folder");
    await postgres.initialise();
  }
  if (!postgres.isRunning) {
    written.delete(postgres);
    await postgres.start();
    log.info("postgres: started");
  }
  if (await postgres.isInRecovery()) {
    log.info("postgres: promoting the standby database");
    written.delete(postgres);
    await postgres.promote();
    log.info(`postgres: promoted, now on timeline ${await timeline(site)}`);
  }
  await ensureContent(site, { user, password, replicationPassword: await replicationPassword(site) });
  await ensureDatabaseObjects(site, owner, undefined);
}

/** The Kubegres resource and the pod, in the role that fits. */
export async function ensureDatabaseObjects(site: Site, owner: Owner, primaryEndpoint?: string): Promise<void> {
  const role = primaryEndpoint === undefined ? "primary" : "replica";
  const path = `/apis/kubegres.reactive-tech.io/v1/namespaces/${NAMESPACE}/kubegres/tsb-postgres`;
  const { api } = site.cluster;
  if (await applyIfDifferent(api, path, kubegres(owner, primaryEndpoint))) {
    site.log.info(
      `kubegres: tsb-postgres is a ${primaryEndpoint === undefined ? "primary" : `standby of ${primaryEndpoint}`}`,
    );
  }
  await applyIfDifferent(api, STATEFUL_SET_PATH, postgresStatefulSet(owner, role));
}

/** The pod goes; its volume stays. */
export async function removeDatabasePod(site: Site): Promise<void> {
  const current = await site.cluster.api.get<KubeObject>(STATEFUL_SET_PATH);
  if (current !== undefined) await site.cluster.api.delete(STATEFUL_SET_PATH);
}

/** Keeps claim and data folder in step: no claim, no data. */
export async function ensureVolume(site: Site, owner: Owner): Promise<void> {
  await releaseVolume(site);
  const { api } = site.cluster;
  if ((await api.get<KubeObject>(CLAIM_PATH)) !== undefined) return;
  if (!site.postgres.isRunning) wipe(site);
  await api.apply(CLAIM_PATH, postgresClaim(owner));
}

/** Lets a claim that is being deleted go, with its data, once no pod uses it any more; what Kubernetes does. */
export async function releaseVolume(site: Site): Promise<void> {
  const { api } = site.cluster;
  const claim = await api.get<KubeObject>(CLAIM_PATH);
  if (claim?.metadata.deletionTimestamp === undefined) return;
  if (site.postgres.isRunning && !(await podIsGone(site, claim))) return;
  await site.postgres.stop();
  wipe(site);
  await api.mergePatch(CLAIM_PATH, { metadata: { finalizers: null } });
}

function wipe({ postgres, log }: Site): void {
  if (postgres.dataFolder() === "empty") return;
  log.info(`postgres: volume ${POSTGRES_CLAIM} was deleted; its data is gone`);
  postgres.wipe();
}

/** The pods that used a claim when its deletion was first seen, by the claim's uid. */
const usedBy = new Map<string, string>();

/** Whether the pod that used the claim when its deletion began was deleted as well. */
async function podIsGone(site: Site, claim: KubeObject): Promise<boolean> {
  const pod = await site.cluster.api.get<KubeObject>(`/api/v1/namespaces/${NAMESPACE}/pods/${POSTGRES_POD}`);
  const uid = pod?.metadata.uid ?? "none";
  const key = claim.metadata.uid ?? "";
  const known = usedBy.get(key) ?? uid;
  usedBy.set(key, known);
  return known !== uid || pod === undefined;
}

async function timeline(site: Site): Promise<number> {
  // Not pg_control_checkpoint(): that lags behind until the first checkpoint after a promotion.
  const [row] = await site.postgres.query<{ file: string }>("select pg_walfile_name(pg_current_wal_lsn()) as file");
  return Number.parseInt(row?.file.slice(0, 8) ?? "0", 16);
}

/** Generated once; travels to standbys through the synchronisation endpoint. */
async function replicationPassword(site: Site): Promise<string> {
  const held = secretText(site.seen.secrets.get(REPLICATION_SECRET), "password");
  if (held !== undefined) return held;
  const password = randomBytes(24).toString("base64url");
  const object = secret(REPLICATION_SECRET, NAMESPACE, { username: REPLICATION_USER, password });
  await site.cluster.api.apply(`/api/v1/namespaces/${NAMESPACE}/secrets/${REPLICATION_SECRET}`, object);
  return password;
}

async function ensureContent(
  site: Site,
  wanted: { user: string; password: string; replicationPassword: string },
): Promise<void> {
  const { postgres } = site;
  const organization = site.seen.resource?.spec.organization ?? "";
  const fingerprint = createHash("sha256")
    .update(JSON.stringify([organization, wanted]))
    .digest("hex");
  if (written.get(postgres) === fingerprint) return;
  const role = async (name: string, password: string, attributes: string) => {
    const found = await postgres.query("select 1 from pg_roles where rolname = $1", [name]);
    const verb = found.length > 0 ? "alter" : "create";
    const [identifier, literal] = [pg.escapeIdentifier(name), pg.escapeLiteral(password)];
    await postgres.query(`${verb} role ${identifier} with login ${attributes} password ${literal}`);
  };
  await role(wanted.user, wanted.password, "nosuperuser");
  await role(REPLICATION_USER, wanted.replicationPassword, "replication");
  await ensureSchema(postgres, wanted.user, organization);
  written.set(postgres, fingerprint);
}
