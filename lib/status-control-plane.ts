/** A control plane as its own cluster describes it. */

import { find } from "./cluster.ts";
import { StepError } from "./errors.ts";
import { at, textAt } from "./json.ts";
import { CONTROL_PLANE, CP_NAMESPACE } from "./onboarding.ts";
import type { ControlPlaneFacts } from "./status-facts.ts";
import { boundCluster, type LookOptions, reasonOf } from "./status-instance.ts";
import { tokenKid } from "./status-keys.ts";
import { isReady } from "./workloads.ts";

/** The Secret with the token that a control plane shows the management plane; source: TSB's documentation. */
const TOKEN = "xcp-edge-central-auth-token";

/** What the cluster itself says; `status` and `message` are the management plane's to tell. */
export type ControlPlaneLook = Omit<ControlPlaneFacts, "status" | "message">;

/** Looks at a control plane's cluster. Does not throw where it can't be reached: that is a fact. */
export async function lookAtControlPlane(
  name: string,
  context: string,
  options: Pick<LookOptions, "state" | "callSeconds">,
): Promise<ControlPlaneLook> {
  const { state, callSeconds } = options;
  const unknown = { host: null, port: null, edgeReady: null, tokenKid: null, error: null } as const;
  const cluster = boundCluster({ name, context }, state, callSeconds);
  const resources = [`${CONTROL_PLANE}/controlplane`, "deployment/edge", `secret/${TOKEN}`];
  try {
    const objects = await cluster.get(resources, { namespace: CP_NAMESPACE });
    const dialled = at(find(objects, "ControlPlane", "controlplane"), "spec", "managementPlane");
    const port = at(dialled, "port");
    const edge = find(objects, "Deployment", "edge");
    return {
      ...{ name, context, reachable: true, error: null, host: textAt(dialled, "host") ?? null },
      port: typeof port === "number" ? port : null,
      edgeReady: edge ? isReady(edge) : false,
      tokenKid: tokenKid(find(objects, "Secret", TOKEN)),
    };
  } catch (error) {
    const words = reasonOf(error);
    // The name is only a guess at its context: where there is none, nothing is wrong.
    if (error instanceof StepError && /context .* does not exist/.test(words))
      return { ...unknown, name, context: null, reachable: null };
    return { ...unknown, name, context, reachable: false, error: words };
  }
}
