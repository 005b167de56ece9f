/** Taking cert-manager away again, where it was we who installed it and nobody else uses it. */

import { CERT_MANAGER, CERT_MANAGER_FILE, CERT_MANAGER_VALUES } from "./cert-manager.ts";
import { type Cluster, type KubeObject, TSB_NAMESPACE } from "./cluster.ts";
import { deleteNamespace, deleteObjects } from "./deletion.ts";
import { at, isSame, textAt } from "./json.ts";
import { type Contents, contentsOf, NOTHING, nameOf } from "./namespace-contents.ts";
import * as output from "./output.ts";
import { readRelease, uninstallRelease } from "./release.ts";
import type { State } from "./state.ts";

/** What is to become of it. */
export interface CertManagerPlan {
  /** Why it stays, or that there is none; undefined: it goes. */
  stays: string | undefined;
  /** Left behind by helm on purpose; they go with it. */
  crds: readonly KubeObject[];
  contents: Contents;
  hasNamespace: boolean;
}

/** Made by cert-manager itself, without a mark. */
const OWN_NAMES = ["Secret/cert-manager-webhook-ca"];

/** Looks whether cert-manager goes with the instance. */
export async function planCertManager(cluster: Cluster, state: State): Promise<CertManagerPlan> {
  const staying = (stays: string) => ({ stays, crds: [], contents: NOTHING, hasNamespace: false });
  if (state.read(cluster.name, CERT_MANAGER_FILE) === undefined) return staying("it was not installed from here");
  const [release, definitions, namespaces] = await Promise.all([
    readRelease(cluster, CERT_MANAGER, CERT_MANAGER),
    cluster.get(["customresourcedefinitions"]),
    cluster.get([`namespace/${CERT_MANAGER}`]),
  ]);
  if (release && !isSame(release.values, CERT_MANAGER_VALUES))
    return staying("its release has other values than ours: somebody else has taken it over");
  const crds = definitions.filter(isOfRelease);
  const users = await usersOf(cluster, crds);
  if (users.length > 0) return staying(`it is in use: ${users.slice(0, 3).join(", ")}`);
  const hasNamespace = namespaces.length > 0;
  const ownership = { namespace: CERT_MANAGER, release: CERT_MANAGER, names: OWN_NAMES };
  const contents = hasNamespace ? await contentsOf(cluster, ownership) : NOTHING;
  if (!release && crds.length === 0 && !hasNamespace) return staying("it is gone already");
  return { stays: undefined, crds, contents, hasNamespace };
}

function isOfRelease(object: KubeObject): boolean {
  return at(object.metadata, "annotations", "meta.helm.sh/release-name") === CERT_MANAGER;
}

/** Objects of cert-manager's kinds outside namespace tsb: deleting the CRDs would delete them. */
async function usersOf(cluster: Cluster, crds: readonly KubeObject[]): Promise<string[]> {
  if (crds.length === 0) return [];
  const objects = await cluster.get([crds.map((crd) => crd.metadata.name).join(",")], { everywhere: true });
  return objects
    .filter((object) => textAt(object, "metadata", "namespace") !== TSB_NAMESPACE)
    .map((object) => `${nameOf(object)} in ${textAt(object, "metadata", "namespace") ?? "the cluster"}`);
}

/** Removes it: release, CRDs, and its namespace where nothing of others is in it. */
export async function removeCertManager(
  cluster: Cluster,
  plan: CertManagerPlan,
  options: { state: State; timeoutSeconds: number },
): Promise<void> {
  if (plan.stays !== undefined) return;
  const { state, timeoutSeconds } = options;
  await uninstallRelease(cluster, CERT_MANAGER, CERT_MANAGER, timeoutSeconds);
  await deleteObjects(cluster, plan.crds, undefined, timeoutSeconds);
  if (plan.hasNamespace && plan.contents.stays === undefined)
    await deleteNamespace(cluster, CERT_MANAGER, timeoutSeconds);
  state.remove(cluster.name, CERT_MANAGER_FILE);
  output.done(`cert-manager removed from ${cluster.name}`);
}
