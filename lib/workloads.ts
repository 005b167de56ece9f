/** Deployments and pods: waiting until they are ready, and why they are not. */

import { type Cluster, type KubeObject, TSB_NAMESPACE } from "./cluster.ts";
import { at, countAt, isObject, listAt, textAt } from "./json.ts";
import { type Look, waitFor } from "./wait.ts";

/** The operator's pods, in the namespaces of management and control planes alike. Guide: Deploy the Standby instance. */
export const OPERATOR_SELECTOR = "name=tsb-operator";

/**
 * Deployments that serve an active management plane, beside the operator's own; source: TSB's documentation. Those of
 * data stores that a user may bring along (ldap, …) are waited for when they are there, but not missed.
 */
export const ACTIVE_DEPLOYMENTS = [
  "tsb-operator-management-plane",
  "tsb",
  "iam",
  "envoy",
  "web",
  "mpc",
  "oap",
  "otel-collector",
  "central",
  "xcp-operator-central",
] as const;

/** Whether a Deployment's or StatefulSet's current generation has all its replicas ready. */
export function isReady(workload: KubeObject): boolean {
  const wanted = at(workload, "spec", "replicas") ?? 1;
  return (
    countAt(workload, "status", "observedGeneration") >= countAt(workload, "metadata", "generation") &&
    countAt(workload, "status", "readyReplicas") >= Number(wanted) &&
    countAt(workload, "status", "updatedReplicas") >= Number(wanted)
  );
}

/**
 * Waits until every expected deployment exists and every deployment and stateful set of the namespace is ready.
 * @returns how many there are
 * @throws StepError after timeoutSeconds, with the pods that are not ready, their events and the operator's last lines
 */
export async function waitForWorkloads(
  cluster: Cluster,
  options: { namespace: string; expected: readonly string[]; timeoutSeconds: number },
): Promise<number> {
  const { namespace, expected, timeoutSeconds } = options;
  const look = async (): Promise<Look<number>> => {
    const workloads = await cluster.get(["deployments,statefulsets"], { namespace });
    const names = new Set(workloads.map((workload) => workload.metadata.name));
    const notReady = workloads.flatMap((workload) => {
      const { name } = workload.metadata;
      // All of none are ready, but somebody waits for them to serve: a fenced active, or one that was scaled by hand.
      if (expected.includes(name) && at(workload, "spec", "replicas") === 0) return [`${name} (scaled to 0)`];
      return isReady(workload) ? [] : [name];
    });
    const waiting = [...notReady, ...expected.filter((name) => !names.has(name))];
    if (waiting.length === 0) return { done: workloads.length };
    const ready = workloads.length - notReady.length;
    const total = workloads.length + waiting.length - notReady.length;
    return { pending: `${cluster.name}: ${ready} of ${total} workloads ready; waiting for ${shorten(waiting)}` };
  };
  return waitFor({
    what: `the workloads in namespace ${namespace} of ${cluster.name}`,
    timeoutSeconds,
    look,
    diagnose: () => diagnose(cluster, namespace),
    next: cluster.look(`logs -n ${namespace} -l ${OPERATOR_SELECTOR} --tail=50`),
  });
}

function shorten(names: readonly string[]): string {
  const shown = names.slice(0, 4).join(", ");
  return names.length > 4 ? `${shown} and ${names.length - 4} more` : shown;
}

/**
 * Why a namespace is not as it should be: pods that are not ready, the last warning events, the operator's last lines.
 * @returns lines to show below an error
 */
export async function diagnose(cluster: Cluster, namespace: string = TSB_NAMESPACE): Promise<string[]> {
  const [objects, logs] = await Promise.all([
    cluster.get(["pods,events"], { namespace }),
    operatorLog(cluster, namespace, 8).catch(() => []),
  ]);
  const pods = objects.filter((object) => object.kind === "Pod").flatMap(podTrouble);
  const events = objects
    .filter((object) => object.kind === "Event" && object.type === "Warning")
    .sort((a, b) => time(a).localeCompare(time(b)))
    .slice(-6)
    .map((event) => `event ${textAt(event, "involvedObject", "name")}: ${event.reason}: ${event.message}`);
  return [...pods, ...events, ...logs.map((line) => `operator: ${line}`)];
}

/** The last lines of the operator's log, oldest first. */
export async function operatorLog(cluster: Cluster, namespace: string, lines: number): Promise<string[]> {
  const args = ["logs", "-n", namespace, "-l", OPERATOR_SELECTOR, `--tail=${lines}`];
  const text = await cluster.kubectl(args, { doing: `reading the operator's log on ${cluster.name}` });
  return text.split("\n").filter((line) => line.trim() !== "");
}

function podTrouble(pod: KubeObject): string[] {
  const conditions = listAt(pod, "status", "conditions");
  if (conditions.some((condition) => at(condition, "type") === "Ready" && at(condition, "status") === "True"))
    return [];
  if (textAt(pod, "status", "phase") === "Succeeded") return [];
  const reasons = listAt(pod, "status", "containerStatuses").flatMap((status) => {
    const waiting = at(status, "state", "waiting");
    return isObject(waiting) ? [`${waiting.reason ?? "waiting"} ${waiting.message ?? ""}`.trim()] : [];
  });
  return [`pod ${pod.metadata.name}: ${reasons.join("; ") || textAt(pod, "status", "phase") || "not ready"}`];
}

function time(event: KubeObject): string {
  return (
    textAt(event, "lastTimestamp") ?? textAt(event, "eventTime") ?? textAt(event, "metadata", "creationTimestamp") ?? ""
  );
}

/** Whether a log line is an error: the usual ways of zap, zerolog, klog and logfmt to say so. */
export function isErrorLine(line: string): boolean {
  return /"level":\s*"(error|fatal|panic|dpanic)"|\blevel=(error|fatal|panic)\b|(^|\s)(ERROR|error|FATAL|fatal)\s|^[EF]\d{4} /.test(
    line,
  );
}
