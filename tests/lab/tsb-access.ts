/** Access bindings: one object per resource, replaced whole. */
import { ApiError, isRecord } from "./api-http.ts";
import type { TsbObject, TsbStore } from "./tsb-store.ts";
import type { Principal } from "./tsb-tokens.ts";

const ROLES = ["admin", "creator", "editor", "writer", "reader", "org-reader", "cluster-agent"].map(
  (name) => `rbac/${name}`,
);
const WRITERS = ["rbac/admin", "rbac/creator", "rbac/editor", "rbac/writer"];
const SUBJECTS: Record<string, string> = { user: "User", team: "Team", serviceAccount: "ServiceAccount" };

export interface Binding {
  role: string;
  subjects: Record<string, string>[];
}

/** The bindings of a resource; empty ones when none were ever applied. @throws ApiError 404 without such a resource */
export async function bindingsOf(store: TsbStore, resource: string): Promise<TsbObject> {
  const stored = await store.get("AccessBindings", resource);
  if (stored !== undefined) return stored;
  if (!(await store.exists(resource))) throw new ApiError(404, `resource "${resource}" not found`);
  const metadata = { fqn: resource };
  return { apiVersion: "rbac.tsb.tetrate.io/v2", kind: "AccessBindings", fqn: resource, metadata, spec: { allow: [] } };
}

/** @throws ApiError 400 when a role or a subject does not exist */
export async function checkBindings(store: TsbStore, spec: Record<string, unknown>): Promise<Binding[]> {
  const allow = spec.allow ?? [];
  if (!Array.isArray(allow)) throw new ApiError(400, "spec.allow must be a list");
  const bindings: Binding[] = [];
  for (const [at, entry] of allow.entries()) bindings.push(await checkBinding(store, entry, `spec.allow[${at}]`));
  return bindings;
}

async function checkBinding(store: TsbStore, entry: unknown, where: string): Promise<Binding> {
  if (!isRecord(entry)) throw new ApiError(400, `${where} must be an object`);
  const { role, subjects, ...rest } = entry;
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw new ApiError(400, `${where}: unknown field "${unknown}"`);
  if (typeof role !== "string" || !ROLES.includes(role))
    throw new ApiError(400, `${where}: role "${role}" does not exist`);
  if (!Array.isArray(subjects)) throw new ApiError(400, `${where}: subjects must be a list`);
  return { role, subjects: await Promise.all(subjects.map((subject) => checkSubject(store, subject, where))) };
}

async function checkSubject(store: TsbStore, subject: unknown, where: string): Promise<Record<string, string>> {
  const entries = isRecord(subject) ? Object.entries(subject) : [];
  const [field, fqn] = entries[0] ?? [];
  const kind = field === undefined ? undefined : SUBJECTS[field];
  if (entries.length !== 1 || field === undefined || kind === undefined || typeof fqn !== "string") {
    throw new ApiError(400, `${where}: a subject has exactly one of ${Object.keys(SUBJECTS).join(", ")}`);
  }
  if ((await store.get(kind, fqn)) === undefined) throw new ApiError(400, `${where}: ${field} "${fqn}" does not exist`);
  return { [field]: fqn };
}

/** Roles that someone has on a resource. */
export async function rolesOn(store: TsbStore, resource: string, { kind, fqn }: Principal): Promise<string[]> {
  const stored = await store.get("AccessBindings", resource);
  const allow: unknown = stored?.spec.allow;
  if (!Array.isArray(allow)) return [];
  const bindings: Binding[] = allow;
  return bindings.filter(({ subjects }) => subjects.some((subject) => subject[kind] === fqn)).map(({ role }) => role);
}

/** @throws ApiError 403 unless one of the principal's roles on the organisation allows it */
export async function authorize(
  store: TsbStore,
  organization: string,
  principal: Principal,
  action: "read" | "write",
): Promise<void> {
  const roles = await rolesOn(store, organization, principal);
  const isAllowed = action === "read" ? roles.length > 0 : roles.some((role) => WRITERS.includes(role));
  if (!isAllowed) throw new ApiError(403, `"${principal.fqn}" has no permission to ${action} on "${organization}"`);
}

/** Adds a grant unless it is there. */
export async function grant(store: TsbStore, resource: string, role: string, account: string): Promise<void> {
  const principal: Principal = { kind: "serviceAccount", fqn: account };
  if ((await rolesOn(store, resource, principal)).includes(role)) return;
  await store.addBinding(resource, { role, subjects: [{ serviceAccount: account }] });
}
