/** The management plane operator of a standby instance: a database that follows the active's, and little else. */
import { imageTag, type ManagementPlane } from "./objects.ts";
import { ensureComponent, KUBEGRES } from "./operator-active.ts";
import { applyIfDifferent } from "./operator-apply.ts";
import { ensureDatabaseObjects, REPLICATION_SECRET, REPLICATION_USER } from "./operator-database.ts";
import { databaseCredentials, type InstanceCertificates, instanceCertificates } from "./operator-inputs.ts";
import { Blocked, type Verdict } from "./operator-verdict.ts";
import type { PrimaryAccess } from "./postgres.ts";
import { ensureJwks } from "./signing-key.ts";
import { NAMESPACE, pause, type Site } from "./site.ts";
import { prepareDatabase, removeActiveParts } from "./standby-data.ts";
import { importedSigningKey, manualSettings, requireCertManager, standbyAccountKey } from "./standby-inputs.ts";
import { askActive, checkDatabaseLogin, resolved, slotOf } from "./standby-source.ts";
import { type Owner, secret } from "./workload.ts";

const RETRY_AFTER_MS = 1000;
const CHECK_AGAIN_AFTER_MS = 5000;
const STREAMING_WITHIN_MS = 5000;

/** Remembers between rounds only what saves work or log lines. */
export class StandbyOperator {
  readonly #site: Site;
  #checked: { inputs: string; at: number; outcome: PrimaryAccess | Error } | undefined;
  #announced = "";
  #isStreaming = false;
  #notStreamingSince: number | undefined;

  constructor(site: Site) {
    this.#site = site;
  }

  /** One round. @throws Blocked for every mistake that the guide warns of; each is tried again after a second */
  async reconcile(resource: ManagementPlane): Promise<Verdict> {
    const site = this.#site;
    const { hub } = resource.spec;
    const owner: Owner = { resource, namespace: NAMESPACE, hub, tag: imageTag(site.seen.operator) };
    await removeActiveParts(site);
    const certificates = instanceCertificates(site);
    await requireCertManager(site);
    await ensureJwks(site, importedSigningKey(site));
    await ensureComponent(site, owner, KUBEGRES);
    await prepareDatabase(site, owner, certificates);
    const source = await this.#source(resource, certificates);
    await this.#replicate(owner, source);
    return this.#verdict(source);
  }

  /** Where to replicate from; asked again every 5 s while all is well, every second otherwise. */
  async #source(resource: ManagementPlane, certificates: InstanceCertificates): Promise<PrimaryAccess> {
    const inputs = this.#inputs(resource);
    const known = this.#checked;
    const lifetime = known?.outcome instanceof Error || !this.#isStreaming ? RETRY_AFTER_MS : CHECK_AGAIN_AFTER_MS;
    if (known !== undefined && known.inputs === inputs && Date.now() - known.at < lifetime) {
      if (known.outcome instanceof Error) throw known.outcome;
      return known.outcome;
    }
    const outcome = await this.#find(resource, certificates).catch((error: unknown) =>
      error instanceof Error ? error : new Error(String(error)),
    );
    this.#checked = { inputs, at: Date.now(), outcome };
    if (outcome instanceof Error) throw outcome;
    return outcome;
  }

  async #find(resource: ManagementPlane, certificates: InstanceCertificates): Promise<PrimaryAccess> {
    const site = this.#site;
    const credentials = databaseCredentials(site);
    const manual = manualSettings(site, resource, certificates.rootsPem);
    const endpoint = resource.spec.highAvailability?.standby?.activeMpSynchronizationEndpoint;
    let source: PrimaryAccess;
    if (manual !== undefined) {
      this.#announce(
        `standby mode: replicating from ${manual.host}:${manual.port} by embeddedPostgresReplicationSettings`,
      );
      source = { ...manual, address: await resolved(site, manual.host), slot: slotOf(site) };
    } else if (endpoint !== undefined) {
      this.#announce(`standby mode: synchronizing from https://${endpoint.host}:${endpoint.port}`);
      const { organization } = resource.spec;
      const [signingKey, accountKey] = [importedSigningKey(site), standbyAccountKey(site)];
      source = await askActive(site, endpoint, { organization, signingKey, accountKey, certificates });
      this.#announce(
        `synchronization endpoint ${endpoint.host}:${endpoint.port} accepted service account tsb-standby-sa`,
      );
      await this.#keepReplicationPassword(source.password);
    } else {
      throw new Blocked(
        "InvalidSpec",
        "highAvailability.standby says neither where to synchronize nor how to replicate",
      );
    }
    await checkDatabaseLogin(source, credentials);
    this.#announce(`database login as "${credentials.user}" verified at ${source.host}:${source.port}`);
    return source;
  }

  async #replicate(owner: Owner, source: PrimaryAccess): Promise<void> {
    const { postgres, log } = this.#site;
    await postgres.follow(source);
    if (!this.#isStreaming || !postgres.isRunning) await this.#reserveSlot(source);
    if (postgres.dataFolder() === "empty") {
      log.info(`postgres: cloning from ${source.host}:${source.port} with pg_basebackup`);
      const began = Date.now();
      await postgres.clone(source);
      log.info(`postgres: cloned in ${((Date.now() - began) / 1000).toFixed(1)} s`);
      await pause(this.#site);
    }
    if (!postgres.isRunning) {
      await postgres.start();
      log.info("postgres: standby started");
    }
    await ensureDatabaseObjects(this.#site, owner, `${source.host}:${source.port}`);
  }

  async #reserveSlot(source: PrimaryAccess): Promise<void> {
    try {
      await this.#site.postgres.reserveSlot(source);
    } catch (error) {
      throw new Blocked(
        "ReplicationRefused",
        `replication from ${source.host}:${source.port}: ${error instanceof Error ? error.message : error}`,
      );
    }
  }

  async #verdict({ host }: PrimaryAccess): Promise<Verdict> {
    const { postgres, log } = this.#site;
    const [receiver] = await postgres.query<{ lsn: string; timeline: number }>(
      `select coalesce(latest_end_lsn, receive_start_lsn)::text as lsn, received_tli as timeline
       from pg_stat_wal_receiver where status = 'streaming'`,
    );
    const divergence = postgres.log.divergence();
    if (receiver !== undefined && divergence === undefined) {
      if (!this.#isStreaming)
        log.info(`postgres: streaming replication started at ${receiver.lsn} on timeline ${receiver.timeline}`);
      this.#isStreaming = true;
      this.#notStreamingSince = undefined;
      return { ready: true, reason: "Standby", message: `synchronizing from ${host}` };
    }
    this.#isStreaming = false;
    this.#notStreamingSince ??= Date.now();
    if (Date.now() - this.#notStreamingSince > STREAMING_WITHIN_MS) {
      throw new Blocked(
        "NotStreaming",
        `postgres: not streaming from ${host}: ${divergence ?? postgres.log.lastComplaint()}`,
      );
    }
    return { ready: false, reason: "Starting", message: `waiting for streaming replication from ${host}` };
  }

  /** Kept for the day when this instance becomes the active: the other standbys know it. */
  async #keepReplicationPassword(password: string): Promise<void> {
    const object = secret(REPLICATION_SECRET, NAMESPACE, { username: REPLICATION_USER, password });
    const path = `/api/v1/namespaces/${NAMESPACE}/secrets/${REPLICATION_SECRET}`;
    await applyIfDifferent(this.#site.cluster.api, path, object, this.#site.seen.secrets.get(REPLICATION_SECRET));
  }

  /** Everything whose change calls for another check at once. */
  #inputs(resource: ManagementPlane): string {
    const names = ["iam-signing-key", "tsb-standby-sa", "postgres-credentials", "xcp-central-cert", "tsb-certs"];
    const versions = names.map((name) => this.#site.seen.secrets.get(name)?.metadata.resourceVersion);
    return JSON.stringify([resource.metadata.generation, versions]);
  }

  /** Logs a stage unless it was the last thing said about it. */
  #announce(message: string): void {
    if (this.#isStreaming || this.#announced.includes(message)) return;
    this.#announced = `${this.#announced.slice(-2000)}\n${message}`;
    this.#site.log.info(message);
  }
}
