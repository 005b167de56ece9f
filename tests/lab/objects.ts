/** The Kubernetes objects that the stand-ins read, as far as they read them. */

export interface Meta {
  name: string;
  namespace?: string;
  uid?: string;
  generation?: number;
  resourceVersion?: string;
  deletionTimestamp?: string;
  finalizers?: string[];
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata: Meta;
}

export interface ListOf<T> {
  items: T[];
}

export interface Condition {
  type: string;
  status: "True" | "False" | "Unknown";
  reason: string;
  message: string;
  lastTransitionTime: string;
  observedGeneration: number;
}

export interface Secret extends KubeObject {
  type?: string;
  data?: Record<string, string>;
}

export interface Deployment extends KubeObject {
  spec?: { replicas?: number; template?: { spec?: { containers?: { image?: string }[] } } };
  status?: { readyReplicas?: number; observedGeneration?: number; replicas?: number };
}

export interface Service extends KubeObject {
  spec?: { type?: string; ports?: { name?: string; port: number }[] };
  status?: { loadBalancer?: { ingress?: { ip?: string; hostname?: string }[] } };
}

/** Where a standby is told to find its active. */
export interface SynchronizationEndpoint {
  host: string;
  port: number;
  selfSigned?: boolean;
}

/**
 * The manual mode. The real schema is not public; the lab takes this minimal set.
 * `password` may stand in a Secret instead: `passwordSecret: {name, key}`; `sslRootCert` is PEM and
 * falls back to the ca.crt of xcp-central-cert.
 */
export interface ReplicationSettings {
  host: string;
  port?: number;
  user: string;
  password?: string;
  passwordSecret?: { name: string; key: string };
  sslRootCert?: string;
}

export interface ManagementPlane extends KubeObject {
  spec: {
    hub: string;
    organization: string;
    highAvailability?: {
      active?: { exposeEmbeddedPostgresInFrontEnvoy?: boolean };
      standby?: {
        activeMpSynchronizationEndpoint?: SynchronizationEndpoint;
        embeddedPostgresReplicationSettings?: ReplicationSettings;
      };
    };
    components?: {
      frontEnvoy?: { port?: number; kubeSpec?: { service?: { annotations?: Record<string, string> } } };
    };
  };
  status?: { conditions?: Condition[] };
}

export interface ControlPlane extends KubeObject {
  spec: {
    hub: string;
    managementPlane: { host: string; port: number; clusterName: string; selfSigned?: boolean };
  };
  status?: { conditions?: Condition[] };
}

/** One entry of a Secret, decoded; undefined when the Secret or the entry is missing or empty. */
export function secretText(secret: Secret | undefined, key: string): string | undefined {
  const encoded = secret?.data?.[key];
  return encoded ? Buffer.from(encoded, "base64").toString("utf8") : undefined;
}

/** The tag of a Deployment's first image. */
export function imageTag(deployment: Deployment | undefined): string | undefined {
  return deployment?.spec?.template?.spec?.containers?.[0]?.image?.split(":").at(-1);
}

/** A Deployment runs when at least one of its pods is ready. */
export function isRunning(deployment: Deployment | undefined): boolean {
  return (deployment?.status?.readyReplicas ?? 0) > 0;
}
