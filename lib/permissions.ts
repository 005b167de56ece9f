/** What docs/rbac gives the scripts, and what of it we lack on a cluster. */

import { readFileSync } from "node:fs";
import { parseAllDocuments } from "yaml";
import { jsonAnswer } from "./answer.ts";
import type { Cluster } from "./cluster.ts";
import { at, listAt, textAt } from "./json.ts";

/** The files of docs/rbac: the cluster of a management plane, and what installing cert-manager needs beside. */
export type PermissionsFile = "active.yaml" | "standby.yaml";

/** One thing that we must be permitted: a verb on a kind of objects, or on one of them. */
interface Need {
  /** Undefined: for the cluster as a whole. */
  namespace: string | undefined;
  /** "" is the core. */
  group: string;
  resource: string;
  verb: string;
  /** Undefined: whatever its name. */
  name: string | undefined;
}

/** What was found. */
export interface Permissions {
  /** "create pods/exec in namespace tsb", "patch namespaces tsb". */
  missing: string[];
  /** The API server says that it does not know all of our permissions: some of those missing may be there. */
  isIncomplete: boolean;
}

/** Permissions for the cluster as a whole are asked for where no permissions for one namespace mix in. */
const NO_NAMESPACE = "default";

/** Which of the permissions in these files we lack; asks, with a request for each namespace, and changes nothing. */
export async function missingPermissions(cluster: Cluster, files: readonly PermissionsFile[]): Promise<Permissions> {
  const needs = files.flatMap(needsIn);
  const namespaces = [...new Set(needs.map(({ namespace }) => namespace))];
  const answers = await Promise.all(
    namespaces.map(async (namespace) => {
      const status = at(await review(cluster, namespace ?? NO_NAMESPACE), "status");
      const rules = listAt(status, "resourceRules");
      const lacking = needs.filter((need) => need.namespace === namespace && !rules.some((rule) => allows(rule, need)));
      return { lacking, isIncomplete: at(status, "incomplete") === true };
    }),
  );
  return {
    missing: [...new Set(answers.flatMap(({ lacking }) => lacking.map(inWords)))],
    isIncomplete: answers.some(({ isIncomplete }) => isIncomplete),
  };
}

/** A review is a question put as a POST: nothing is stored. */
async function review(cluster: Cluster, namespace: string): Promise<unknown> {
  const question = { apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectRulesReview", spec: { namespace } };
  const path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
  const doing = `asking ${cluster.name} what we may do`;
  const options = { doing, input: JSON.stringify(question) };
  return jsonAnswer(await cluster.kubectl(["create", "--raw", path, "-f", "-"], options), doing);
}

function needsIn(file: PermissionsFile): Need[] {
  const text = readFileSync(new URL(`../docs/rbac/${file}`, import.meta.url), "utf8");
  return parseAllDocuments(text).flatMap((document) => {
    const object: unknown = document.toJS();
    const namespace = textAt(object, "metadata", "namespace");
    return listAt(object, "rules").flatMap((rule) => needsOf(rule, namespace));
  });
}

function needsOf(rule: unknown, namespace: string | undefined): Need[] {
  const texts = (key: string) => listAt(rule, key).map(String);
  const names = texts("resourceNames");
  return texts("apiGroups").flatMap((group) =>
    texts("resources").flatMap((resource) =>
      texts("verbs").flatMap((verb) =>
        (names.length > 0 ? names : [undefined]).map((name) => ({ namespace, group, resource, verb, name })),
      ),
    ),
  );
}

function allows(rule: unknown, need: Need): boolean {
  const has = (key: string, wanted: string) => listAt(rule, key).some((one) => one === "*" || one === wanted);
  const names = listAt(rule, "resourceNames");
  return (
    has("apiGroups", need.group) &&
    has("resources", need.resource) &&
    has("verbs", need.verb) &&
    (names.length === 0 || (need.name !== undefined && names.includes(need.name)))
  );
}

function inWords({ namespace, group, resource, verb, name }: Need): string {
  const kind = resource === "*" ? `everything${group === "*" ? "" : ` of ${group}`}` : resource;
  return [verb, kind, ...(name ? [name] : []), ...(namespace ? [`in namespace ${namespace}`] : [])].join(" ");
}
