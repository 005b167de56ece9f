/** TSB's access bindings: one object per resource, replaced whole by an apply, so read, merge, apply, read back. */

import { stringify } from "yaml";
import { yamlAnswer } from "./answer.ts";
import { StepError } from "./errors.ts";
import { at, isObject, isSame, type JsonObject, listAt, textAt } from "./json.ts";
import type { Tctl } from "./tctl.ts";

/** A role granted to one service account. */
export interface Grant {
  /** "rbac/org-reader" */
  role: string;
  /** "organizations/ORG/serviceaccounts/NAME" */
  serviceAccount: string;
}

/**
 * The access bindings of a resource.
 * @param fqn "organizations/ORG"
 * @throws StepError when tctl's answer is not the access bindings of that resource
 */
export async function readBindings(tctl: Tctl, fqn: string): Promise<JsonObject> {
  const doing = `reading the access bindings of ${fqn}`;
  const text = await tctl.run(["get", "ab", fqn, "-o", "yaml"], doing);
  const document = yamlAnswer(text, doing);
  if (
    isObject(document) &&
    textAt(document, "kind") === "AccessBindings" &&
    textAt(document, "metadata", "fqn") === fqn
  )
    return document;
  throw new StepError(`tctl get ab ${fqn} did not return the access bindings of ${fqn}`, {
    details: text.split("\n").slice(0, 5),
    next: `look at: tctl get ab ${fqn} -o yaml`,
  });
}

/** Whether the bindings grant it already, alone or in a rule with other subjects. */
export function hasGrant(bindings: JsonObject, grant: Grant): boolean {
  return rules(bindings).some(
    (rule) =>
      at(rule, "role") === grant.role &&
      listAt(rule, "subjects").some((subject) => at(subject, "serviceAccount") === grant.serviceAccount),
  );
}

/** The bindings with the grant added as a rule of its own; everything else, known to us or not, as it was. */
export function withGrant(bindings: JsonObject, grant: Grant): JsonObject {
  if (hasGrant(bindings, grant)) return bindings;
  const rule = { role: grant.role, subjects: [{ serviceAccount: grant.serviceAccount }] };
  const spec = isObject(bindings.spec) ? bindings.spec : {};
  return { ...bindings, spec: { ...spec, allow: [...rules(bindings), rule] } };
}

/** The rules of `before` that `after` has lost. */
export function lostRules(before: JsonObject, after: JsonObject): unknown[] {
  return rules(before).filter((rule) => !rules(after).some((kept) => isSame(kept, rule)));
}

/**
 * Grants a role to a service account, once, keeping everyone else's grants, and reads it back.
 * Guide: Create a service account with read permissions (whose `+=` doubles the grant on a second run).
 * @returns whether it had to be granted
 * @throws StepError when the grant is not in force afterwards, or another one got lost
 */
export async function ensureGrant(tctl: Tctl, fqn: string, grant: Grant): Promise<boolean> {
  const before = await readBindings(tctl, fqn);
  if (hasGrant(before, grant)) return false;
  const doing = `granting ${grant.role} to ${grant.serviceAccount}`;
  await tctl.run(["apply", "-f", "-"], doing, { input: stringify(withGrant(before, grant)), mutates: true });
  const after = await readBindings(tctl, fqn);
  if (!hasGrant(after, grant))
    throw new StepError(`${doing}: applied, but not in the access bindings that were read back`, {
      next: `somebody may have changed them at the same time: look at tctl get ab ${fqn} -o yaml, and run this again`,
    });
  const lost = lostRules(before, after);
  if (lost.length > 0)
    throw new StepError(`${doing}: these rules are no longer in the access bindings of ${fqn}`, {
      details: lost.map((rule) => JSON.stringify(rule)),
      next: "somebody may have changed them at the same time: if not, add them again",
    });
  return true;
}

function rules(bindings: JsonObject): unknown[] {
  return listAt(bindings, "spec", "allow");
}
