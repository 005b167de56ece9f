/** The active's operational secrets, taken from one cluster and given to another, directly or by a file. */

import { readFileSync } from "node:fs";
import { parse, stringify } from "yaml";
import type { Cluster } from "./cluster.ts";
import { messageOf, SettingsError, StepError } from "./errors.ts";
import { listAt, textAt } from "./json.ts";
import { readManagementPlane, roleOf } from "./management-plane.ts";
import * as output from "./output.ts";
import {
  dataOf,
  hasSameData,
  OPERATIONAL_SECRETS,
  type PortableSecret,
  portable,
  readSecrets,
  SIGNING_KEY,
  TSB_NAMESPACE_OBJECT,
} from "./secrets.ts";
import { writeFileAtomically } from "./state.ts";

/**
 * The operational secrets of the active, ready for another cluster.
 * @throws StepError when one is missing there
 */
export async function takeSecrets(source: Cluster): Promise<PortableSecret[]> {
  const found = await readSecrets(source, OPERATIONAL_SECRETS);
  const missing = OPERATIONAL_SECRETS.filter((_name, i) => !found[i]);
  if (missing.length > 0)
    throw new StepError(`${source.name} has no Secret ${missing.join(" and ")} in namespace tsb`, {
      next: "install the active and make the service account first: make active",
    });
  return found.flatMap((secret) => (secret ? [portable(secret)] : []));
}

/** Writes secrets as the guide's source_mp_operational_secrets.yaml: one List, mode 0600. */
export function exportSecrets(secrets: readonly PortableSecret[], file: string): void {
  writeFileAtomically(file, stringify({ apiVersion: "v1", kind: "List", items: secrets }, { lineWidth: 0 }));
}

/**
 * Reads what {@link exportSecrets}, or the guide's own `kubectl get secrets -o yaml`, wrote.
 * @throws SettingsError (exit 2) when the file does not hold both secrets
 */
export function readSecretsFile(file: string): PortableSecret[] {
  const mend = "make it with: make standby-secrets EXPORT=file";
  const refuse = (what: string) => new SettingsError([{ variable: "IMPORT", what, mend, from: file }]);
  let items: unknown[];
  try {
    items = listAt(parse(readFileSync(file, "utf8")), "items");
  } catch (error) {
    throw refuse(`is not YAML: ${messageOf(error).split("\n")[0]}`);
  }
  return OPERATIONAL_SECRETS.map((name) => {
    const item = items.find((one) => textAt(one, "kind") === "Secret" && textAt(one, "metadata", "name") === name);
    if (Object.keys(dataOf(item)).length === 0) throw refuse(`has no Secret ${name} with data`);
    return portable({ type: textAt(item, "type") ?? "Opaque", data: dataOf(item), kind: "Secret", metadata: { name } });
  });
}

/**
 * Applies the secrets to the standby where they differ.
 * @throws StepError when the standby runs with another iam-signing-key and `force` is off: its tokens would become
 * worthless, and the key lost; when it is an active, unless `isFenced` says that its days as one are over
 */
export async function importSecrets(
  target: Cluster,
  secrets: readonly PortableSecret[],
  options: { dryRun: boolean; force: boolean; isFenced?: boolean },
): Promise<void> {
  const names = secrets.map((secret) => secret.metadata.name);
  const [present, managementPlane] = await Promise.all([readSecrets(target, names), readManagementPlane(target)]);
  const differing = secrets.filter((secret, i) => !hasSameData(secret, present[i]));
  for (const name of names) {
    if (!differing.some((secret) => secret.metadata.name === name))
      output.already(`Secret ${name} on ${target.name} is the active's`);
  }
  const hasOther = (name: string) => names.some((one, i) => one === name && present[i] !== undefined);
  const role = roleOf(managementPlane);
  if ((role === "active" || role === "single") && !options.isFenced)
    throw new StepError(`${target.name} is an active management plane, not a standby`, {
      next: "check ACTIVE, STANDBY and the contexts",
    });
  if (
    role === "standby" &&
    !options.force &&
    differing.some((s) => s.metadata.name === SIGNING_KEY) &&
    hasOther(SIGNING_KEY)
  )
    throw new StepError(`${target.name} already runs with another ${SIGNING_KEY} than the active's`, {
      next: `check that ACTIVE is right; to overwrite the standby's key all the same: make standby-secrets FORCE=1`,
    });
  if (differing.length === 0) return;
  const list = differing.map((secret) => secret.metadata.name).join(" and ");
  if (options.dryRun) return output.wouldDo(`apply Secret ${list} to ${target.name}`);
  await target.apply([TSB_NAMESPACE_OBJECT, ...differing], `applying the operational secrets to ${target.name}`);
  const after = await readSecrets(target, names);
  if (!secrets.every((secret, i) => hasSameData(secret, after[i])))
    throw new StepError(`the secrets read back from ${target.name} differ from those that were applied`, {
      next: "somebody else may be changing them: look, and run this again",
    });
  output.done(`Secret ${list} applied to ${target.name}`);
}
