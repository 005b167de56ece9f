/** One management plane instance as its stand-ins see it: the handles they share and what was last observed. */
import { setTimeout as sleep } from "node:timers/promises";
import type { KubeApi, Lab, LabCluster } from "./lab.ts";
import type { Deployment, ListOf, ManagementPlane, Secret, Service } from "./objects.ts";
import type { OperatorLog } from "./operator-log.ts";
import type { Postgres } from "./postgres.ts";

export const NAMESPACE = "tsb";
export const OPERATOR = "tsb-operator-management-plane";

/** What was read from the API server at the beginning of a round. */
export interface Snapshot {
  operator?: Deployment | undefined;
  resource?: ManagementPlane | undefined;
  envoyService?: Service | undefined;
  deployments: ReadonlyMap<string, Deployment>;
  secrets: ReadonlyMap<string, Secret>;
}

export const NOTHING_SEEN: Snapshot = { deployments: new Map(), secrets: new Map() };

/** Everything that the parts of one instance's stand-in share. */
export interface Site {
  readonly lab: Lab;
  readonly cluster: LabCluster;
  readonly log: OperatorLog;
  readonly postgres: Postgres;
  seen: Snapshot;
  /** When the reading of `seen` began, in ms; an older reading never replaces a newer one. */
  seenAt: number;
  /** False once the site is going down: work under way gives up at the next pause. */
  isAlive: boolean;
}

/** Brings `seen` up to date. */
export async function refresh(site: Site): Promise<void> {
  const began = performance.now();
  const seen = await observe(site.cluster.api);
  if (began < site.seenAt) return;
  site.seen = seen;
  site.seenAt = began;
}

/** Reads everything that reconciling depends on. */
async function observe(api: KubeApi): Promise<Snapshot> {
  const base = `/api/v1/namespaces/${NAMESPACE}`;
  const [resource, deployments, secrets, envoyService] = await Promise.all([
    api.get<ManagementPlane>(
      `/apis/install.tetrate.io/v1alpha1/namespaces/${NAMESPACE}/managementplanes/managementplane`,
    ),
    api.get<ListOf<Deployment>>(`/apis/apps/v1/namespaces/${NAMESPACE}/deployments`),
    api.get<ListOf<Secret>>(`${base}/secrets?fieldSelector=type!=helm.sh/release.v1`),
    api.get<Service>(`${base}/services/envoy`),
  ]);
  const byName = new Map((deployments?.items ?? []).map((item) => [item.metadata.name, item]));
  return {
    operator: byName.get(OPERATOR),
    resource,
    envoyService,
    deployments: byName,
    secrets: new Map((secrets?.items ?? []).map((item) => [item.metadata.name, item])),
  };
}

/** The pause between two steps of an operator, 0.3 to 0.6 s at the lab's pace. @throws when the site is going down */
export async function pause(site: Pick<Site, "lab" | "isAlive">): Promise<void> {
  await sleep((300 + Math.random() * 300) * site.lab.pace);
  if (!site.isAlive) throw new Error("the site is going down");
}
