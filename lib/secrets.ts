/** Kubernetes Secrets on their way from one cluster to another, and as we make them. */

import { type Cluster, find, type KubeObject, TSB_NAMESPACE } from "./cluster.ts";
import { at, isObject, isSame, textAt } from "./json.ts";

/** The key that signs TSB's tokens: active and standby must have the same. Guide: Import the Secrets. */
export const SIGNING_KEY = "iam-signing-key";
/** The service account's key, as the guide names its Secret. */
export const STANDBY_SA = "tsb-standby-sa";
/** What the standby needs from the active before it is installed. */
export const OPERATIONAL_SECRETS = [SIGNING_KEY, STANDBY_SA] as const;

/** Annotations that belong to the source cluster's tools, not to the Secret. */
const FOREIGN_ANNOTATIONS = /^(kubectl\.kubernetes\.io\/last-applied-configuration|meta\.helm\.sh\/.*)$/;

/** A Secret that can be applied to any cluster. */
export interface PortableSecret {
  apiVersion: "v1";
  kind: "Secret";
  metadata: { name: string; namespace: string; labels?: object; annotations?: object };
  type: string;
  /** Base64 texts by key. */
  data: Record<string, string>;
}

/**
 * A Secret without what ties it to its cluster: resourceVersion, uid, owner references, managed fields, helm's and
 * kubectl's notes. Guide: Import the Secrets.
 */
export function portable(secret: KubeObject): PortableSecret {
  const { name, labels, annotations } = secret.metadata;
  const kept = Object.entries(isObject(annotations) ? annotations : {}).filter(
    ([key]) => !FOREIGN_ANNOTATIONS.test(key),
  );
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      name,
      namespace: TSB_NAMESPACE,
      ...(isObject(labels) ? { labels } : {}),
      ...(kept.length > 0 ? { annotations: Object.fromEntries(kept) } : {}),
    },
    type: textAt(secret, "type") ?? "Opaque",
    data: dataOf(secret),
  };
}

/** The data of a Secret: base64 texts by key. */
export function dataOf(secret: unknown): Record<string, string> {
  const data = at(secret, "data");
  if (!isObject(data)) return {};
  return Object.fromEntries(
    Object.entries(data).flatMap(([key, value]) => (typeof value === "string" ? [[key, value]] : [])),
  );
}

/** Whether two Secrets hold the same data. */
export function hasSameData(a: unknown, b: unknown): boolean {
  return isSame(dataOf(a), dataOf(b));
}

/** The Secrets of those names that a cluster has in namespace tsb. */
export async function readSecrets(cluster: Cluster, names: readonly string[]): Promise<(KubeObject | undefined)[]> {
  const found = await cluster.get(
    names.map((name) => `secret/${name}`),
    { namespace: TSB_NAMESPACE },
  );
  return names.map((name) => find(found, "Secret", name));
}

/** The Secret with the service account's key. Guide: Create a service account with read permissions. */
export function standbySecret(jwkBase64: string): PortableSecret {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: STANDBY_SA, namespace: TSB_NAMESPACE },
    type: "Opaque",
    data: { jwk: jwkBase64 },
  };
}

/** Namespace tsb, to be applied before anything else is put into it. */
export const TSB_NAMESPACE_OBJECT = { apiVersion: "v1", kind: "Namespace", metadata: { name: TSB_NAMESPACE } };
