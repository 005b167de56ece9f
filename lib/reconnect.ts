/** Control planes find the new active: by themselves, or with the help that TSB's documentation gives. */

import { type Cluster, Cluster as ClusterOf } from "./cluster.ts";
import type { Settings } from "./config.ts";
import { StepError } from "./errors.ts";
import { listAt, textAt } from "./json.ts";
import { contextNames } from "./kubeconfig.ts";
import { CP_NAMESPACE, clusterStatus } from "./onboarding.ts";
import * as output from "./output.ts";
import type { State } from "./state.ts";
import type { Tctl } from "./tctl.ts";
import { type Look, waitFor } from "./wait.ts";
import { isReady } from "./workloads.ts";

/** Tokens that another management plane may not accept; a control plane fetches them anew. Source: tsb-facts, failover. */
const TOKEN_SECRETS = ["otel-token", "oap-token", "ngac-token", "xcp-edge-central-auth-token"] as const;
/** Seconds that a control plane has to come back by itself, beyond the name's time to live. */
const BY_ITSELF = 8;
/** Seconds that the pods of `edge` are given to be back, and after that until its tokens are suspected. */
const RESTART = 30;
const AFTER_RESTART = 15;

/** A control plane that is onboarded, and its cluster where a kube context for it is known. */
export interface Onboarded {
  name: string;
  cluster: Cluster | undefined;
}

/** Every control plane that the management plane knows, with the status it has now. */
export async function readOnboarded(
  tctl: Tctl,
  settings: Pick<Settings, "contextOf" | "REQUEST_TIMEOUT">,
  state: State,
): Promise<Onboarded[]> {
  const names = listAt(await tctl.list("clusters"), "items").flatMap((one) => textAt(one, "metadata", "name") ?? []);
  const contexts = contextNames(process.env);
  return names.map((name) => {
    const context = settings.contextOf(name);
    const options = { state, requestTimeout: settings.REQUEST_TIMEOUT };
    return { name, cluster: contexts.includes(context) ? new ClusterOf(name, context, options) : undefined };
  });
}

/**
 * Waits until a control plane is READY again; if it does not come by itself, its deployment `edge` is restarted, and if
 * that does not help, its token secrets are deleted.
 * @param options.ttlSeconds the floating name's time to live
 * @returns false when its cluster can't be reached, so that nothing can be done from here
 * @throws StepError when it is not READY in time
 */
export async function reconnect(
  plane: Onboarded,
  tctl: Tctl,
  options: { ttlSeconds: number; timeoutSeconds: number },
): Promise<boolean> {
  const { name, cluster } = plane;
  if (await isReadyWithin(tctl, name, options.ttlSeconds + BY_ITSELF)) return true;
  if (!cluster || !(await isReachable(cluster))) {
    output.warn(`control plane ${name} is not READY, and its cluster can't be reached from here`);
    return false;
  }
  output.note(`control plane ${name} has not come back by itself: restarting its deployment edge`);
  await cluster.change(["rollout", "restart", "deployment/edge", "-n", CP_NAMESPACE], {
    doing: `restarting edge on ${name}`,
  });
  await waitUntilBack(cluster);
  if (await isReadyWithin(tctl, name, AFTER_RESTART)) return true;
  output.note(`control plane ${name} is still not READY: deleting its tokens, which it fetches anew`);
  const secrets = TOKEN_SECRETS.map((secret) => `secret/${secret}`);
  await cluster.change(["delete", ...secrets, "-n", CP_NAMESPACE, "--ignore-not-found"], {
    doing: `deleting the tokens of ${name}`,
  });
  await waitUntilReady(tctl, name, options.timeoutSeconds, cluster.look(`logs -n ${CP_NAMESPACE} deployment/edge`));
  return true;
}

/** Waits for the pods of `edge`, but not for ever: whether they help is seen by the control plane alone. */
async function waitUntilBack(cluster: Cluster): Promise<void> {
  const look = async (): Promise<Look<true>> => {
    const [edge] = await cluster.get(["deployment/edge"], { namespace: CP_NAMESPACE });
    return edge && !isReady(edge) ? { pending: `${cluster.name}: edge is not ready` } : { done: true };
  };
  const wait = { what: `the restart of edge on ${cluster.name}`, timeoutSeconds: RESTART, look, next: "" };
  await waitFor(wait).catch((error: unknown) => {
    if (!(error instanceof StepError)) throw error;
  });
}

async function isReachable(cluster: Cluster): Promise<boolean> {
  try {
    return (await cluster.get([`namespace/${CP_NAMESPACE}`])).length > 0;
  } catch (error) {
    if (error instanceof StepError) return false;
    throw error;
  }
}

async function isReadyWithin(tctl: Tctl, name: string, seconds: number): Promise<boolean> {
  try {
    await waitUntilReady(tctl, name, seconds, "");
    return true;
  } catch (error) {
    if (error instanceof StepError) return false;
    throw error;
  }
}

async function waitUntilReady(tctl: Tctl, name: string, timeoutSeconds: number, next: string): Promise<void> {
  const look = async (): Promise<Look<true>> => {
    const { status, message } = await clusterStatus(tctl, name);
    return status === "READY" ? { done: true } : { pending: `${name}: ${status} ${message}`.trim() };
  };
  await waitFor({ what: `READY of control plane ${name}`, timeoutSeconds, look, next });
}
