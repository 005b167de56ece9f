/** The management plane operator of an active instance. */
import { existsSync } from "node:fs";
import { imageTag, isRunning, type ManagementPlane } from "./objects.ts";
import { applyIfDifferent } from "./operator-apply.ts";
import { ensurePrimary } from "./operator-database.ts";
import { instanceCertificates, requiredText } from "./operator-inputs.ts";
import type { Verdict } from "./operator-verdict.ts";
import { ensureJwks, ensureSigningKey } from "./signing-key.ts";
import { NAMESPACE, pause, type Site } from "./site.ts";
import { deployment, envoyService, type Owner } from "./workload.ts";

export const KUBEGRES = "kubegres-controller-manager";

/** Everything after the database, in the order in which it appears. */
export const COMPONENTS = [
  "ldap",
  "central",
  "xcp-operator-central",
  "iam",
  "tsb",
  "mpc",
  "oap",
  "otel-collector",
  "web",
  "envoy",
] as const;

const DEPLOYMENTS = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments`;
const SERVICE = `/api/v1/namespaces/${NAMESPACE}/services/envoy`;

/** When `tsb` or `iam` were first seen scaled to nothing, by instance. */
const scaledDownSince = new WeakMap<Site, number>();

/** One round: a full installation is a round that takes several seconds. @throws Blocked */
export async function reconcileActive(site: Site, resource: ManagementPlane): Promise<Verdict> {
  const owner: Owner = { resource, namespace: NAMESPACE, hub: resource.spec.hub, tag: imageTag(site.seen.operator) };
  const certificates = instanceCertificates(site);
  requiredText(site, "admin-credentials", "admin");
  await ensureJwks(site, await ensureSigningKey(site));
  await ensureComponent(site, owner, KUBEGRES);
  await ensurePrimary(site, owner, certificates);
  for (const name of COMPONENTS) await ensureComponent(site, owner, name);
  await ensureService(site, owner, resource);
  await rescale(site);
  return verdictOf(site);
}

/** Applies a Deployment if need be. */
export async function ensureComponent(site: Site, owner: Owner, name: string): Promise<void> {
  const { api } = site.cluster;
  const live = site.seen.deployments.get(name);
  if (!(await applyIfDifferent(api, `${DEPLOYMENTS}/${name}`, deployment(name, owner), live))) return;
  site.log.info(`deployment ${name} ${live === undefined ? "created" : "updated"}`);
  await pause(site);
}

async function ensureService(site: Site, owner: Owner, resource: ManagementPlane): Promise<void> {
  const { highAvailability, components } = resource.spec;
  const wanted = envoyService(owner, {
    port: components?.frontEnvoy?.port ?? 8443,
    exposesPostgres: highAvailability?.active?.exposeEmbeddedPostgresInFrontEnvoy === true,
    annotations: components?.frontEnvoy?.kubeSpec?.service?.annotations ?? {},
  });
  if (!(await applyIfDifferent(site.cluster.api, SERVICE, wanted, site.seen.envoyService))) return;
  site.log.info(`service envoy ${site.seen.envoyService === undefined ? "created" : "updated"}`);
}

/** With the file operator-rescale in the cluster's folder, an operator that undoes `kubectl scale --replicas 0`. */
async function rescale(site: Site): Promise<void> {
  const isDown = (name: string) => site.seen.deployments.get(name)?.spec?.replicas === 0;
  const down = COMPONENTS.filter(isDown);
  if (down.length === 0 || !existsSync(`${site.cluster.dir}/operator-rescale`)) {
    scaledDownSince.delete(site);
    return;
  }
  const since = scaledDownSince.get(site) ?? Date.now();
  scaledDownSince.set(site, since);
  if (Date.now() - since < 2000) return;
  for (const name of down) {
    site.log.info(`deployment ${name} was scaled to 0: scaling it to 1`);
    await site.cluster.api.mergePatch(`${DEPLOYMENTS}/${name}`, { spec: { replicas: 1 } });
  }
}

/** Ready when every Deployment is and the load balancer has its address. */
function verdictOf({ seen }: Site): Verdict {
  const waiting = [KUBEGRES, ...COMPONENTS].filter((name) => !isRunning(seen.deployments.get(name)));
  if (waiting.length > 0) {
    return { ready: false, reason: "ComponentsNotReady", message: `waiting for ${waiting.join(", ")}` };
  }
  if ((seen.envoyService?.status?.loadBalancer?.ingress ?? []).length === 0) {
    return { ready: false, reason: "LoadBalancerPending", message: "service envoy has no address yet" };
  }
  return { ready: true, reason: "Active", message: "all components are ready" };
}
