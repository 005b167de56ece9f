/** Writing to the cluster only when something differs. */
import { createHash } from "node:crypto";
import type { KubeApi } from "./lab.ts";
import type { Condition, KubeObject } from "./objects.ts";
import type { Verdict } from "./operator-verdict.ts";

/** An object as it is to be written. */
export interface Manifest {
  apiVersion: string;
  kind: string;
  [field: string]: unknown;
}

/** Whether everything that `wanted` says also stands in `live`, which may say more. */
export function contains(live: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) {
    return Array.isArray(live) && live.length === wanted.length && wanted.every((item, at) => contains(live[at], item));
  }
  if (isRecord(wanted))
    return isRecord(live) && Object.entries(wanted).every(([key, value]) => contains(live[key], value));
  return live === wanted;
}

/** @returns whether the object had to be written */
export async function applyIfDifferent(api: KubeApi, path: string, wanted: Manifest, live?: unknown): Promise<boolean> {
  const current = live ?? (await api.get<KubeObject>(path));
  // The items of a list lack these two; the path says as much.
  const { apiVersion: _apiVersion, kind: _kind, ...content } = wanted;
  if (current !== undefined && contains(current, content)) return false;
  await api.apply(path, wanted);
  return true;
}

/** Deletes an object that exists. @returns whether there was one */
export async function deleteIfPresent(api: KubeApi, path: string): Promise<boolean> {
  const current = await api.get<KubeObject>(path);
  if (current === undefined || current.metadata.deletionTimestamp !== undefined) return false;
  await api.delete(path);
  return true;
}

/** Writes the Ready condition when it says something new. @returns whether it did */
export async function reportReady(
  api: KubeApi,
  path: string,
  resource: KubeObject & { status?: { conditions?: Condition[] } },
  verdict: Verdict,
): Promise<boolean> {
  const status = verdict.ready ? "True" : "False";
  const previous = resource.status?.conditions?.find(({ type }) => type === "Ready");
  const wanted = { type: "Ready", status, reason: verdict.reason, message: verdict.message };
  const observedGeneration = resource.metadata.generation ?? 0;
  if (contains(previous, { ...wanted, observedGeneration })) return false;
  const lastTransitionTime =
    previous?.status === status ? previous.lastTransitionTime : new Date().toISOString().replace(/\.\d+Z$/, "Z");
  await api.mergePatch(`${path}/status`, {
    status: { observedGeneration, conditions: [{ ...wanted, observedGeneration, lastTransitionTime }] },
  });
  return true;
}

/** A Warning event on the resource, one per distinct message. */
export async function warn(api: KubeApi, resource: KubeObject, reason: string, message: string): Promise<void> {
  const namespace = resource.metadata.namespace ?? "default";
  const digest = createHash("sha256").update(`${reason}${message}`).digest("hex").slice(0, 16);
  const name = `${resource.metadata.name}.${digest}`;
  const now = new Date().toISOString().replace(/\.\d+Z$/, "Z");
  await api.apply(`/api/v1/namespaces/${namespace}/events/${name}`, {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name, namespace },
    involvedObject: {
      apiVersion: resource.apiVersion,
      kind: resource.kind,
      name: resource.metadata.name,
      namespace,
      uid: resource.metadata.uid,
    },
    type: "Warning",
    reason,
    message: message.slice(0, 1000),
    source: { component: "tsb-operator" },
    firstTimestamp: now,
    lastTimestamp: now,
    count: 1,
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
