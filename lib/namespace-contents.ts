/** All that is in a namespace, and what of it is not ours: others may have put things beside what we installed. */

import type { Cluster, KubeObject } from "./cluster.ts";
import { at, isObject, listAt, textAt } from "./json.ts";

/** How to tell what is ours. */
export interface Ownership {
  namespace: string;
  /** The helm release that was installed there. */
  release: string;
  /** "Secret/iam-signing-key": what was made without a mark. */
  names: readonly string[];
}

/** What Kubernetes itself puts into every namespace, and what only follows from something else. */
const OF_KUBERNETES = ["ServiceAccount/default", "ConfigMap/kube-root-ca.crt", "ConfigMap/openshift-service-ca.crt"];
const PASSED_OVER = ["Event", "Lease", "Endpoints", "EndpointSlice", "PodMetrics", "ControllerRevision"];
/** Given to us by docs/rbac. They are the administrators', and so is the namespace that they were put into. */
const PERMISSIONS = ["Role/tsb-active-standby", "RoleBinding/tsb-active-standby"];
/** Who writes what we install: ourselves, and TSB's operator. */
const MANAGERS = /^(tsb-active-standby|tsb-?operator.*)$/;
const GROUPS = /(^|\.)(tetrate\.io|kubegres\.reactive-tech\.io)\/v/;

/** What was found. */
export interface Contents {
  /** Without owner, and ours. */
  ours: readonly KubeObject[];
  /** Without owner, and not ours. */
  foreign: readonly KubeObject[];
  /** Why the namespace itself is not ours to delete; undefined: it is. */
  stays: string | undefined;
}

/** A namespace that is not there. */
export const NOTHING: Contents = { ours: [], foreign: [], stays: undefined };

/** Sorts everything in a namespace that nothing else owns; what has an owner goes and stays with it. */
export async function contentsOf(cluster: Cluster, ownership: Ownership): Promise<Contents> {
  const { namespace } = ownership;
  const args = ["api-resources", "--namespaced", "--verbs=list", "-o", "name"];
  const text = await cluster.kubectl(args, { doing: `asking ${cluster.name} what kinds of objects it has` });
  const kinds = text.split("\n").filter((kind) => kind !== "" && !/^(events|.*\.metrics\.k8s\.io)/.test(kind));
  const objects = await cluster.get([kinds.join(",")], { namespace, managers: true });
  const roots = objects.filter(
    (object) => listAt(object, "metadata", "ownerReferences").length === 0 && !isNothing(object),
  );
  const claimed = claimsOfOwnedPods(objects);
  const belongs = (object: KubeObject) => isOurs(object, ownership) || claimed.has(nameOf(object));
  const foreign = roots.filter((object) => !belongs(object));
  return { ours: roots.filter(belongs), foreign, stays: whyItStays(objects, foreign) };
}

function whyItStays(objects: readonly KubeObject[], foreign: readonly KubeObject[]): string | undefined {
  if (foreign.length > 0) return `for these are not ours: ${foreign.map(nameOf).join(", ")}`;
  return objects.some((object) => PERMISSIONS.includes(nameOf(object)))
    ? "for an administrator made it, with our permissions in it (docs/rbac)"
    : undefined;
}

/** "Secret/tsb-certs" */
export function nameOf(object: KubeObject): string {
  return `${object.kind}/${object.metadata.name}`;
}

function isNothing(object: KubeObject): boolean {
  return PASSED_OVER.includes(object.kind) || [...OF_KUBERNETES, ...PERMISSIONS].includes(nameOf(object));
}

/** Whether an object bears a mark of what was installed. */
export function isOurs(object: KubeObject, { release, names }: Ownership): boolean {
  const { annotations, labels, managedFields } = object.metadata;
  const manager = textAt(labels, "app.kubernetes.io/managed-by") ?? "";
  const isOfHelm = at(labels, "owner") === "helm" && at(labels, "name") === release;
  return (
    at(annotations, "meta.helm.sh/release-name") === release ||
    isOfHelm ||
    MANAGERS.test(manager) ||
    names.includes(nameOf(object)) ||
    GROUPS.test(textAt(object, "apiVersion") ?? "") ||
    (Array.isArray(managedFields) &&
      managedFields.some((field: unknown) => isObject(field) && MANAGERS.test(textAt(field, "manager") ?? "")))
  );
}

/** Volume claims outlive the stateful sets whose pods use them. Pods without an owner are somebody's own. */
function claimsOfOwnedPods(objects: readonly KubeObject[]): ReadonlySet<string> {
  const pods = objects.filter(({ kind }) => kind === "Pod");
  const owned = pods.filter((pod) => listAt(pod, "metadata", "ownerReferences").some((one) => isOfOurs(one, objects)));
  const claims = owned.flatMap((pod) =>
    listAt(pod, "spec", "volumes").flatMap((volume) => textAt(volume, "persistentVolumeClaim", "claimName") ?? []),
  );
  return new Set(claims.map((name) => `PersistentVolumeClaim/${name}`));
}

/** Whether an owner belongs, itself or through its own owner, to something with TSB's mark. */
function isOfOurs(reference: unknown, objects: readonly KubeObject[]): boolean {
  const owner = objects.find((object) => textAt(object, "metadata", "uid") === textAt(reference, "uid"));
  if (!owner) return false;
  if (GROUPS.test(textAt(owner, "apiVersion") ?? "")) return true;
  return listAt(owner, "metadata", "ownerReferences").some((one) => isOfOurs(one, objects));
}
