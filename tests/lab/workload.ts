/** The Kubernetes objects that the operators make; pure. */
import type { KubeObject } from "./objects.ts";
import type { Manifest } from "./operator-apply.ts";

/** Whom made objects belong to: they go when it goes. */
export interface Owner {
  resource: KubeObject;
  namespace: string;
  /** Image registry, spec.hub */
  hub: string;
  /** Image tag: the operator's own, so that an upgrade of the operator rolls all that it runs. */
  tag?: string | undefined;
}

const PART_OF = "app.kubernetes.io/managed-by";

function metadata(name: string, owner: Owner, labels: Record<string, string> = {}): object {
  const { apiVersion, kind, metadata: meta } = owner.resource;
  return {
    name,
    namespace: owner.namespace,
    labels: { [PART_OF]: "tsb-operator", ...labels },
    ownerReferences: [
      { apiVersion, kind, name: meta.name, uid: meta.uid, controller: true, blockOwnerDeletion: false },
    ],
  };
}

/** A Deployment without `replicas`, so that whoever scales it keeps the last word. */
export function deployment(name: string, owner: Owner): Manifest {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: metadata(name, owner, { app: name }),
    spec: {
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name, image: `${owner.hub}/${name}:${owner.tag ?? "lab"}` }] },
      },
    },
  };
}

/** The front envoy's Service. */
export function envoyService(
  owner: Owner,
  options: { port: number; exposesPostgres: boolean; annotations: Record<string, string> },
): Manifest {
  const port = (name: string, number: number) => ({ name, port: number, targetPort: number, protocol: "TCP" });
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      ...metadata("envoy", owner, { app: "envoy" }),
      ...(Object.keys(options.annotations).length > 0 && { annotations: options.annotations }),
    },
    spec: {
      type: "LoadBalancer",
      selector: { app: "envoy" },
      ports: [
        port("https", options.port),
        port("xcp-central", 9443),
        ...(options.exposesPostgres ? [port("postgres", 5432)] : []),
      ],
    },
  };
}

/** What the Postgres operator is told: a primary, or a standby of another instance. */
export function kubegres(owner: Owner, primaryEndpoint: string | undefined): Manifest {
  return {
    apiVersion: "kubegres.reactive-tech.io/v1",
    kind: "Kubegres",
    metadata: metadata("tsb-postgres", owner),
    spec: {
      replicas: 1,
      image: `${owner.hub}/postgres:15`,
      port: 5432,
      database: { size: "10Gi" },
      standby: { enabled: primaryEndpoint !== undefined, primaryEndpoint: primaryEndpoint ?? "" },
    },
  };
}

export const POSTGRES_STATEFUL_SET = "tsb-postgres-1";
export const POSTGRES_POD = "tsb-postgres-1-0";
export const POSTGRES_CLAIM = "postgres-db-tsb-postgres-1-0";

/** The database's pod. Its volume claim is an object of its own: nothing in the lab binds claims. */
export function postgresStatefulSet(owner: Owner, role: "primary" | "replica"): Manifest {
  const labels = { app: "tsb-postgres", index: "1" };
  return {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: metadata(POSTGRES_STATEFUL_SET, owner, { ...labels, replicationRole: role }),
    spec: {
      replicas: 1,
      serviceName: "tsb-postgres",
      selector: { matchLabels: labels },
      template: {
        metadata: { labels: { ...labels, replicationRole: role } },
        spec: { containers: [{ name: "tsb-postgres-1", image: `${owner.hub}/postgres:15` }] },
      },
    },
  };
}

/** Outlives its owner, as the claims of a StatefulSet do, and its deletion waits for its pod, as Kubernetes sees to. */
export function postgresClaim(owner: Owner): Manifest {
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: {
      name: POSTGRES_CLAIM,
      namespace: owner.namespace,
      labels: { app: "tsb-postgres", index: "1" },
      finalizers: ["kubernetes.io/pvc-protection"],
    },
    spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "10Gi" } } },
  };
}

/** An Opaque Secret that the operator makes and that outlives its owner. */
export function secret(name: string, namespace: string, texts: Record<string, string>): Manifest {
  const data = Object.entries(texts).map(([key, text]) => [key, Buffer.from(text).toString("base64")]);
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace, labels: { [PART_OF]: "tsb-operator" } },
    type: "Opaque",
    data: Object.fromEntries(data),
  };
}
