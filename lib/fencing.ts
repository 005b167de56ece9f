/** Fencing: an old active must not serve or write any more. Source: TSB's documentation, failover. */

import { type Cluster, find, type KubeObject, TSB_NAMESPACE } from "./cluster.ts";
import { StepError } from "./errors.ts";
import { at, countAt, isObject, listAt } from "./json.ts";
import { type Look, waitFor } from "./wait.ts";
import { diagnose } from "./workloads.ts";

/** What TSB's documentation scales to 0: the API and the issuer of tokens. Nothing is written without them. */
const SERVING = ["tsb", "iam"] as const;
/** The operator, which may scale them up again; stopped only where it does. */
export const OPERATOR = "tsb-operator-management-plane";

/** Seconds beyond its grace period after which a pod that is not ready is waited for no longer. */
const OVERDUE = 5;

/** How far a cluster is from being fenced. */
export interface Fence {
  /** Neither `tsb` nor `iam` has a replica wanted or a pod left, terminating ones included. */
  holds: boolean;
  /** In words, where it does not hold: "tsb: 1 wanted, 1 pod". */
  gaps: string[];
  /** A pod is wanted, or one that is left is ready. */
  serves: boolean;
  /** The longest that a pod which is left was given to end, in seconds. */
  graceSeconds: number;
  /** Replicas wanted, by deployment, of the deployments that are there. */
  replicas: Record<string, number>;
}

/** Looks whether the fence holds. An instance without `tsb` and `iam`, such as a standby, is fenced. */
export async function readFence(cluster: Cluster): Promise<Fence> {
  const objects = await cluster.get(["deployments,pods"], { namespace: TSB_NAMESPACE });
  const replicas: Record<string, number> = {};
  const gaps: string[] = [];
  const left: KubeObject[] = [];
  for (const name of [...SERVING, OPERATOR]) {
    const deployment = find(objects, "Deployment", name);
    if (!deployment) continue;
    const wanted = Number(at(deployment, "spec", "replicas") ?? 1);
    replicas[name] = wanted;
    if (name === OPERATOR) continue;
    const pods = objects.filter((object) => object.kind === "Pod" && isPodOf(object, deployment));
    left.push(...pods);
    const count = `${pods.length} ${pods.length === 1 ? "pod" : "pods"}`;
    if (wanted > 0 || pods.length > 0) gaps.push(`${name}: ${wanted} wanted, ${count}`);
  }
  const serves = SERVING.some((name) => (replicas[name] ?? 0) > 0) || left.some(isReady);
  const graceSeconds = Math.max(0, ...left.map((pod) => countAt(pod, "metadata", "deletionGracePeriodSeconds")));
  return { holds: gaps.length === 0, gaps, serves, graceSeconds, replicas };
}

function isReady(pod: KubeObject): boolean {
  return listAt(pod, "status", "conditions").some((one) => at(one, "type") === "Ready" && at(one, "status") === "True");
}

function isPodOf(pod: KubeObject, deployment: KubeObject): boolean {
  const selector = at(deployment, "spec", "selector", "matchLabels");
  if (!isObject(selector)) return false;
  return Object.entries(selector).every(([key, value]) => at(pod, "metadata", "labels", key) === value);
}

/**
 * Scales `tsb` and `iam` to 0 and waits until their last pod is gone.
 * @param options.stopOperator also the operator, which scaled them up again
 * @returns the replicas that there were, for {@link unfence}
 * @throws StepError when a pod is still there after timeoutSeconds, or well after it should have ended: its node is gone
 */
export async function fence(
  cluster: Cluster,
  options: { timeoutSeconds: number; stopOperator?: boolean },
): Promise<Record<string, number>> {
  const { replicas } = await readFence(cluster);
  const names = [...(options.stopOperator ? [OPERATOR] : []), ...SERVING].filter((name) => (replicas[name] ?? 0) > 0);
  if (names.length > 0) await scale(cluster, names, 0);
  const began = Date.now();
  await waitFor({
    what: `the fence around ${cluster.name}`,
    timeoutSeconds: options.timeoutSeconds,
    everySeconds: 0.2,
    look: async (): Promise<Look<true>> => {
      const now = await readFence(cluster);
      if (now.holds) return { done: true };
      const pending = `${cluster.name} is not fenced yet: ${now.gaps.join("; ")}`;
      if (now.serves || Date.now() - began < (now.graceSeconds + OVERDUE) * 1000) return { pending };
      throw overdue(cluster, now);
    },
    diagnose: () => diagnose(cluster),
    next: cluster.look(`get deployments,pods -n ${TSB_NAMESPACE}`),
  });
  return Object.fromEntries(names.map((name) => [name, replicas[name] ?? 1]));
}

function overdue(cluster: Cluster, { gaps }: Fence): StepError {
  return new StepError(`pods on ${cluster.name} should have ended, and are not ready: their node may be gone`, {
    details: gaps,
    next: cluster.look(`get pods,nodes -n ${TSB_NAMESPACE} -o wide`),
    isFinal: true,
  });
}

/**
 * Takes the fence away: every deployment gets back the replicas it had, and is ready again.
 * @param replicas what {@link fence} returned
 */
export async function unfence(
  cluster: Cluster,
  replicas: Readonly<Record<string, number>>,
  timeoutSeconds: number,
): Promise<void> {
  const { replicas: now } = await readFence(cluster);
  for (const [name, count] of Object.entries(replicas))
    if (now[name] !== undefined && now[name] < count) await scale(cluster, [name], count);
  const resources = Object.keys(replicas).map((name) => `deployment/${name}`);
  if (resources.length === 0) return;
  await waitFor({
    what: `${Object.keys(replicas).join(" and ")} on ${cluster.name}`,
    timeoutSeconds,
    look: async (): Promise<Look<true>> => {
      const deployments = await cluster.get(resources, { namespace: TSB_NAMESPACE });
      const waiting = deployments.filter((one) => countAt(one, "status", "readyReplicas") === 0);
      if (waiting.length === 0) return { done: true };
      return { pending: `${cluster.name}: waiting for ${waiting.map((one) => one.metadata.name).join(", ")}` };
    },
    diagnose: () => diagnose(cluster),
    next: cluster.look(`get deployments,pods -n ${TSB_NAMESPACE}`),
  });
}

async function scale(cluster: Cluster, names: readonly string[], replicas: number): Promise<void> {
  const deployments = names.map((name) => `deployment/${name}`);
  await cluster.change(["scale", ...deployments, "-n", TSB_NAMESPACE, `--replicas=${replicas}`], {
    doing: `scaling ${names.join(" and ")} on ${cluster.name} to ${replicas}`,
  });
}
