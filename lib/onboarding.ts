/** Onboarding one control plane cluster. */

import { stringify } from "yaml";
import { jsonAnswer, yamlAnswer } from "./answer.ts";
import type { Chart } from "./chart.ts";
import type { Cluster } from "./cluster.ts";
import { StepError } from "./errors.ts";
import { at, isObject, type JsonObject, textAt } from "./json.ts";
import { readRelease } from "./release.ts";
import type { State } from "./state.ts";
import type { Tctl } from "./tctl.ts";
import { type Look, waitFor } from "./wait.ts";
import { diagnose } from "./workloads.ts";

/** Where control planes live, and the helm release's usual name; source: TSB's documentation. */
export const CP_NAMESPACE = "istio-system";
export const CP_RELEASE = "cp";
export const CONTROL_PLANE = "controlplanes.install.tetrate.io";
/** Deployments that every control plane has; source: TSB's documentation. */
export const CP_DEPLOYMENTS = ["tsb-operator-control-plane", "edge"] as const;
/** The values that TSB returned for the cluster object, kept in the state folder. */
const TEMPLATE_FILE = "install-template.yaml";

/** A control plane to be onboarded. */
export interface ControlPlane {
  name: string;
  cluster: Cluster;
  chart: Chart;
}

/**
 * The values that TSB makes for a cluster object, with the cluster's service account in them: kept from an earlier run,
 * else those of the release that is there, else from applying the cluster object, which creates it where it is missing.
 * Source: TSB's documentation, `.spec.installTemplate.helm`.
 * @throws StepError when TSB returns no such template
 */
export async function installTemplate(
  tctl: Tctl,
  organisation: string,
  plane: ControlPlane,
  state: State,
): Promise<JsonObject> {
  const existing = await tctl.get("cluster", plane.name);
  if (existing !== undefined) {
    const kept = state.read(plane.name, TEMPLATE_FILE);
    if (kept !== undefined) return mapping(yamlAnswer(kept, `reading ${plane.name}/${TEMPLATE_FILE}`), plane.name);
    const account = at(
      (await readRelease(plane.cluster, CP_RELEASE, CP_NAMESPACE))?.values,
      "secrets",
      "clusterServiceAccount",
    );
    if (account !== undefined) return { secrets: { clusterServiceAccount: account } };
  }
  const object = existing ?? {
    apiVersion: "api.tsb.tetrate.io/v2",
    kind: "Cluster",
    metadata: { name: plane.name, organization: organisation },
    spec: {},
  };
  const doing = `creating the cluster object ${plane.name}`;
  const text = await tctl.run(["apply", "-f", "-", "-o", "yaml"], doing, { input: stringify(object), mutates: true });
  const template = textAt(yamlAnswer(text, doing), "spec", "installTemplate", "helm");
  if (!template)
    throw new StepError(`${doing}: tctl returned no .spec.installTemplate.helm`, {
      next: "TSB returns it from 1.7 on; check the version of tctl and of the management plane",
    });
  state.write(template, plane.name, TEMPLATE_FILE);
  return mapping(yamlAnswer(template, doing), plane.name);
}

function mapping(value: unknown, name: string): JsonObject {
  if (isObject(value)) return value;
  throw new StepError(`the install template of cluster ${name} is not a mapping`, {
    next: `remove ${name}/${TEMPLATE_FILE} from the state folder, and run this again`,
  });
}

/** What the management plane says of a cluster: "READY", or another status with its message. */
export async function clusterStatus(tctl: Tctl, name: string): Promise<{ status: string; message: string }> {
  const doing = `reading the status of cluster ${name}`;
  const document = jsonAnswer(await tctl.run(["status", "cluster", name, "-o", "json"], doing), doing);
  return {
    status: textAt(document, "spec", "status") ?? "unknown",
    message: textAt(document, "spec", "message") ?? "",
  };
}

/**
 * Waits until the management plane calls the cluster READY. Guide: Onboard Control Plane clusters.
 * @throws StepError after timeoutSeconds, with what the cluster itself says
 */
export async function waitUntilReady(tctl: Tctl, plane: ControlPlane, timeoutSeconds: number): Promise<void> {
  const look = async (): Promise<Look<void>> => {
    const { status, message } = await clusterStatus(tctl, plane.name);
    return status === "READY" ? { done: undefined } : { pending: `${plane.name}: ${status} ${message}`.trim() };
  };
  await waitFor({
    what: `READY of control plane ${plane.name}`,
    timeoutSeconds,
    look,
    diagnose: () => diagnose(plane.cluster, CP_NAMESPACE),
    next: plane.cluster.look(`logs -n ${CP_NAMESPACE} -l name=tsb-operator --tail=50`),
  });
}
