/** Objects that tctl applies: where they belong, and what the server adds to some of them. */
import { stringify } from "yaml";
import { ApiError, isRecord, requiredString, stringsOf } from "./api-http.ts";
import type { SigningKey } from "./signing-key.ts";
import { bindingsOf, checkBindings, grant } from "./tsb-access.ts";
import { addKey, createAccount } from "./tsb-accounts.ts";
import { etagOf, type TsbObject, type TsbStore } from "./tsb-store.ts";

/** What a Cluster's installation template says about this management plane. */
export interface TemplateFacts {
  host: string;
  port: number;
  hub: string;
  elastic: { username: string; password: string } | undefined;
}

/** How tctl sees an object: with its path, an etag that protects against lost updates, and what is `added` but not stored. */
export function presented({ apiVersion, kind, fqn, metadata, spec }: TsbObject, added: object = {}): object {
  const etag = etagOf({ apiVersion, kind, fqn, metadata, spec });
  if (kind === "AccessBindings") return { apiVersion, kind, metadata: { ...metadata, resourceVersion: etag }, spec };
  return { apiVersion, kind, metadata: { ...metadata, resourceVersion: etag }, spec: { ...spec, ...added, etag, fqn } };
}

/** Path of a kind's objects: "Tenant" → "tenants". */
export function pluralOf(kind: string): string {
  return `${kind.toLowerCase()}s`;
}

/** @throws ApiError 400 when metadata does not say where the object belongs */
function locate(kind: string, metadata: Record<string, string>): { fqn: string; parent: string | undefined } {
  if (metadata.fqn) return { fqn: metadata.fqn, parent: undefined };
  const name = requiredString(metadata, "name");
  if (kind === "Organization") return { fqn: `organizations/${name}`, parent: undefined };
  const organization = requiredString(metadata, "organization");
  const { tenant, workspace, group } = metadata;
  const parent = [
    `organizations/${organization}`,
    ...(tenant ? [`tenants/${tenant}`] : []),
    ...(workspace ? [`workspaces/${workspace}`] : []),
    ...(group ? [`groups/${group}`] : []),
  ].join("/");
  return { fqn: `${parent}/${pluralOf(kind)}/${name}`, parent };
}

/** Stores one document of a tctl file. @returns it as it now stands */
export async function applyObject(store: TsbStore, document: unknown, facts: TemplateFacts): Promise<object> {
  const object = parse(document);
  const { kind, fqn } = object;
  if (kind === "ServiceAccount") throw new ApiError(400, "a service account is made by: tctl sa create");
  const current = kind === "AccessBindings" ? await bindingsOf(store, fqn) : await store.get(kind, fqn);
  refuseLostUpdate(document, current);
  const { etag: _etag, fqn: _fqn, installTemplate: _template, ...spec } = object.spec;
  const cleaned = { ...object, spec };
  if (kind === "AccessBindings") cleaned.spec = { ...spec, allow: await checkBindings(store, spec) };
  await store.put(cleaned);
  if (kind !== "Cluster") return presented(cleaned);
  const helm = await installTemplate(store, cleaned, facts);
  return presented(cleaned, { installTemplate: { helm } });

  function parse(value: unknown): TsbObject {
    const apiVersion = requiredString(value, "apiVersion");
    const wantedKind = requiredString(value, "kind");
    const raw = isRecord(value) ? value : {};
    const { resourceVersion: _version, ...metadata } = stringsOf(raw.metadata);
    const { fqn: path } = locate(wantedKind, metadata);
    return { apiVersion, kind: wantedKind, fqn: path, metadata, spec: isRecord(raw.spec) ? raw.spec : {} };
  }
}

/** @throws ApiError 404 when what the object belongs to does not exist */
export async function checkParent(store: TsbStore, document: unknown): Promise<void> {
  const metadata = stringsOf(isRecord(document) ? document.metadata : undefined);
  const { parent } = locate(requiredString(document, "kind"), metadata);
  if (parent !== undefined && !(await store.exists(parent))) throw new ApiError(404, `"${parent}" not found`);
}

/** @throws ApiError 412 when the document was read before someone else's change */
function refuseLostUpdate(document: unknown, current: TsbObject | undefined): void {
  const metadata = isRecord(document) ? stringsOf(document.metadata) : {};
  const expected = metadata.resourceVersion;
  if (!expected || current === undefined || expected === etagOf(current)) return;
  throw new ApiError(
    412,
    `"${current.fqn}" was changed meanwhile: read it again, then apply (resourceVersion ${expected})`,
  );
}

/** The service account of a cluster, which its control plane authenticates with. */
export function clusterAccount(organization: string, cluster: string): string {
  return `organizations/${organization}/serviceaccounts/auto-cluster-${cluster}`;
}

/** A further key for the cluster's service account, which is made and granted its role if need be. */
export async function clusterKey(store: TsbStore, organization: string, cluster: string): Promise<SigningKey> {
  const fqn = clusterAccount(organization, cluster);
  const isNew = (await store.get("ServiceAccount", fqn)) === undefined;
  const key = isNew ? await createAccount(store, organization, `auto-cluster-${cluster}`) : await addKey(store, fqn);
  await grant(store, `organizations/${organization}`, "rbac/cluster-agent", fqn);
  return key;
}

async function installTemplate(store: TsbStore, cluster: TsbObject, facts: TemplateFacts): Promise<string> {
  const organization = requiredString(cluster.metadata, "organization");
  const name = requiredString(cluster.metadata, "name");
  const key = await clusterKey(store, organization, name);
  const values = {
    spec: {
      hub: facts.hub,
      managementPlane: { clusterName: name, host: facts.host, port: facts.port },
      telemetryStore: { elastic: { host: facts.host, port: facts.port, protocol: "https" } },
    },
    secrets: {
      clusterServiceAccount: { clusterFQN: cluster.fqn, JWK: JSON.stringify(key) },
      ...(facts.elastic && { elasticsearch: facts.elastic }),
    },
  };
  return stringify(values, { lineWidth: 0 });
}
