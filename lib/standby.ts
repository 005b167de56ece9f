/** What must be on a cluster before a standby can be installed there. */

import { type Cluster, find, TSB_NAMESPACE } from "./cluster.ts";
import { type Problem, SettingsError, StepError } from "./errors.ts";
import { MANAGEMENT_PLANE, roleOf } from "./management-plane.ts";
import { dataOf, readSecrets, SIGNING_KEY, STANDBY_SA } from "./secrets.ts";

/**
 * Checks the guide's order: the active's secrets and cert-manager first, and no active management plane on the cluster.
 * Guide: Import the Secrets; Install cert-manager.
 * @param options.isManual replication settings are given by hand: the service account is not needed
 * @throws StepError that names everything missing, and the step that brings it
 */
export async function checkStandbyPrerequisites(cluster: Cluster, options: { isManual: boolean }): Promise<void> {
  const secrets = options.isManual ? [SIGNING_KEY] : [SIGNING_KEY, STANDBY_SA];
  const crd = "certificates.cert-manager.io";
  const [objects, managementPlane] = await Promise.all([
    cluster.get([...secrets.map((name) => `secret/${name}`), `customresourcedefinition/${crd}`], {
      namespace: TSB_NAMESPACE,
    }),
    cluster.get([`${MANAGEMENT_PLANE}/managementplane`], { namespace: TSB_NAMESPACE }),
  ]);
  const role = roleOf(managementPlane[0]);
  if (role === "active" || role === "single")
    throw new StepError(`${cluster.name} is an active management plane; installing a standby there would end it`, {
      next: "check ACTIVE, STANDBY and the contexts",
    });
  const missing = secrets
    .filter((name) => !find(objects, "Secret", name))
    .map((name) => `Secret ${name} (make standby-secrets)`);
  if (!find(objects, "CustomResourceDefinition", crd)) missing.push("cert-manager (make standby-cert-manager)");
  if (missing.length > 0)
    throw new StepError(`${cluster.name} is not prepared for a standby; missing: ${missing.join(", ")}`, {
      next: `run the steps named, or all in order: make standby STANDBY=${cluster.name}`,
    });
}

/** The Secrets that the chart makes of the passwords; source: TSB's documentation. */
const SHARED = [
  { variable: "POSTGRES_PASSWORD", secret: "postgres-credentials", key: "password" },
  { variable: "ELASTIC_PASSWORD", secret: "elastic-credentials", key: "password" },
  { variable: "LDAP_BIND_PASSWORD", secret: "ldap-credentials", key: "bindpassword" },
] as const;

/**
 * Checks that the passwords are those that the active runs with.
 * Guide: Install the active Management Plane instance ("fixed passwords … used in our future standby install as well").
 * @throws SettingsError (exit 2) naming each that differs
 */
export async function checkSharedPasswords(
  active: Cluster,
  settings: Record<(typeof SHARED)[number]["variable"], string>,
): Promise<void> {
  const held = await readSecrets(
    active,
    SHARED.map(({ secret }) => secret),
  );
  const problems = SHARED.flatMap(({ variable, secret, key }, i): Problem[] => {
    const theirs = dataOf(held[i])[key];
    if (theirs === undefined || Buffer.from(theirs, "base64").toString() === settings[variable]) return [];
    const mend = `take the one in Secret ${secret} on ${active.name}`;
    return [{ variable, what: `is not the one that ${active.name} runs with`, mend }];
  });
  if (problems.length > 0) throw new SettingsError(problems);
}
