/** What a standby does about the traces of another life: parts of an active, and data that isn't a standby's. */
import { existsSync } from "node:fs";
import { COMPONENTS } from "./operator-active.ts";
import { deleteIfPresent } from "./operator-apply.ts";
import { ensureVolume, REPLICATION_USER, removeDatabasePod } from "./operator-database.ts";
import { databaseCredentials, type InstanceCertificates } from "./operator-inputs.ts";
import { Blocked } from "./operator-verdict.ts";
import { NAMESPACE, type Site } from "./site.ts";
import { type Owner, POSTGRES_CLAIM } from "./workload.ts";

/** Removes what an active has and a standby must not: the instance may have been one. */
export async function removeActiveParts(site: Site): Promise<void> {
  const { api } = site.cluster;
  for (const name of COMPONENTS.filter((component) => site.seen.deployments.has(component))) {
    const path = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments/${name}`;
    if (await deleteIfPresent(api, path)) site.log.info(`standby mode: deployment ${name} removed`);
  }
  if (site.seen.envoyService === undefined) return;
  const path = `/api/v1/namespaces/${NAMESPACE}/services/envoy`;
  if (await deleteIfPresent(api, path)) site.log.info("standby mode: service envoy removed");
}

/**
 * Leaves a data folder that is empty, or a standby's and running. Cloning needs an empty one, so a former primary's is
 * refused, unless a switch (a file in the cluster's folder) says that this operator deals with it.
 * @throws Blocked
 */
export async function prepareDatabase(
  site: Site,
  owner: Owner,
  { certPem, keyPem }: InstanceCertificates,
): Promise<void> {
  const { postgres, log } = site;
  await ensureVolume(site, owner);
  if (postgres.dataFolder() === "primary") await dealWithFormerPrimary(site);
  const { user } = databaseCredentials(site);
  await postgres.configure({ certPem, keyPem, user, replicationUser: REPLICATION_USER });
  if (postgres.dataFolder() !== "standby" || postgres.isRunning) return;
  await postgres.start();
  log.info("postgres: standby started on the data that it had");
}

async function dealWithFormerPrimary(site: Site): Promise<void> {
  const { postgres, log, cluster } = site;
  await postgres.stop();
  await removeDatabasePod(site);
  if (existsSync(`${cluster.dir}/operator-wipes`)) {
    log.info("postgres: wiping the data folder of the former primary");
    postgres.wipe();
  } else if (existsSync(`${cluster.dir}/operator-reuses-data`)) {
    log.info("postgres: starting the former primary's data as a standby");
    postgres.markStandby();
  } else {
    throw new Blocked(
      "DataFolderNotEmpty",
      `postgres: data folder is not empty; will not clone. Delete PersistentVolumeClaim ${POSTGRES_CLAIM} to give it up`,
    );
  }
}
