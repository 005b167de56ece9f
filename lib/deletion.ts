/** Deleting objects of a cluster, and waiting until they are gone. */

import { type Cluster, type KubeObject, TSB_NAMESPACE } from "./cluster.ts";
import { listAt, textAt } from "./json.ts";
import { nameOf } from "./namespace-contents.ts";
import * as output from "./output.ts";
import { type Look, waitFor } from "./wait.ts";

/**
 * Deletes objects by name, in one call; those that are gone already are fine.
 * @param namespace undefined for objects of the cluster as a whole
 * @throws StepError when one is not gone in time
 */
export async function deleteObjects(
  cluster: Cluster,
  objects: readonly KubeObject[],
  namespace: string | undefined,
  timeoutSeconds: number,
): Promise<void> {
  if (objects.length === 0) return;
  const where = namespace === undefined ? [] : ["-n", namespace];
  const args = ["delete", ...objects.map(resourceOf), ...where, "--ignore-not-found", `--timeout=${timeoutSeconds}s`];
  const doing = `deleting ${objects.map(nameOf).join(", ")} on ${cluster.name}`;
  await cluster.change([...args, "--request-timeout=0"], { doing, timeoutSeconds: timeoutSeconds + 5 });
}

/** "managementplanes.install.tetrate.io/managementplane": kinds of one name exist in several groups. */
function resourceOf(object: KubeObject): string {
  const [group, version] = (textAt(object, "apiVersion") ?? "v1").split("/");
  const kind = version === undefined ? object.kind : `${object.kind}.${version}.${group}`;
  return `${kind}/${object.metadata.name}`;
}

/**
 * Deletes a namespace, and waits until it is gone.
 * @throws StepError with what keeps it, as Kubernetes says
 */
export async function deleteNamespace(cluster: Cluster, namespace: string, timeoutSeconds: number): Promise<void> {
  const doing = `deleting namespace ${namespace} on ${cluster.name}`;
  await cluster.change(["delete", "namespace", namespace, "--ignore-not-found", "--wait=false"], { doing });
  let words: string[] = [];
  await waitFor({
    what: `the end of namespace ${namespace} on ${cluster.name}`,
    timeoutSeconds,
    look: async (): Promise<Look<void>> => {
      const [found] = await cluster.get([`namespace/${namespace}`]);
      if (!found) return { done: undefined };
      words = listAt(found, "status", "conditions").flatMap((one) =>
        textAt(one, "status") === "True" ? [textAt(one, "message") ?? ""] : [],
      );
      return { pending: words.at(-1) ?? `namespace ${namespace} is ${textAt(found, "status", "phase")}` };
    },
    diagnose: async () => words,
    next: cluster.look(`get namespace ${namespace} -o yaml`),
  });
  output.done(`namespace ${namespace} on ${cluster.name} is gone`);
}

/** Webhook configurations all of whose webhooks lead to services in namespace tsb: without it they block every write. */
export async function webhooksOfTsb(cluster: Cluster): Promise<KubeObject[]> {
  const all = await cluster.get(["validatingwebhookconfigurations,mutatingwebhookconfigurations"]);
  return all.filter((configuration) => {
    const namespaces = listAt(configuration, "webhooks").map((one) =>
      textAt(one, "clientConfig", "service", "namespace"),
    );
    return namespaces.length > 0 && namespaces.every((namespace) => namespace === TSB_NAMESPACE);
  });
}
