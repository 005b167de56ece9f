/** What a standby must have been given before it may ask its active for anything. */
import { type Deployment, isRunning, type ManagementPlane, type ReplicationSettings, secretText } from "./objects.ts";
import { requiredText } from "./operator-inputs.ts";
import { Blocked, messageOf } from "./operator-verdict.ts";
import { parsePrivateKey, readSigningKey, type SigningKey } from "./signing-key.ts";
import type { Site } from "./site.ts";

/** @throws Blocked unless cert-manager's CRDs and webhook are on the cluster */
export async function requireCertManager(site: Site): Promise<void> {
  const crd = "certificates.cert-manager.io";
  const { api } = site.cluster;
  const [definition, webhook] = await Promise.all([
    api.get(`/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${crd}`),
    api.get<Deployment>("/apis/apps/v1/namespaces/cert-manager/deployments/cert-manager-webhook"),
  ]);
  if (definition === undefined) {
    throw new Blocked(
      "CertManagerMissing",
      `cert-manager is not installed: no matches for kind "Certificate" (CRD ${crd})`,
    );
  }
  if (!isRunning(webhook)) {
    throw new Blocked(
      "CertManagerMissing",
      "cert-manager is not ready: deployment cert-manager-webhook has no ready pod",
    );
  }
}

/** @throws Blocked when the active's signing key was not imported */
export function importedSigningKey(site: Site): SigningKey {
  const key = readSigningKey(site);
  if (key === undefined) {
    throw new Blocked(
      "MissingSecret",
      "Secret iam-signing-key does not exist: import it from the active management plane",
    );
  }
  return key;
}

/** The private key of the service account. @throws Blocked when it was not imported or is no key */
export function standbyAccountKey(site: Site): SigningKey {
  const held = site.seen.secrets.get("tsb-standby-sa");
  if (held === undefined) {
    throw new Blocked(
      "MissingSecret",
      "Secret tsb-standby-sa does not exist: import it from the active management plane",
    );
  }
  const text = requiredText(site, "tsb-standby-sa", "jwk");
  try {
    return parsePrivateKey(text);
  } catch (error) {
    throw new Blocked("InvalidServiceAccountKey", `Secret tsb-standby-sa: entry "jwk" ${messageOf(error)}`);
  }
}

/** The manual mode's settings, complete. @throws Blocked when something is missing */
export function manualSettings(
  site: Site,
  resource: ManagementPlane,
  defaultRootsPem: string,
): { host: string; port: number; user: string; password: string; rootsPem: string } | undefined {
  const settings = resource.spec.highAvailability?.standby?.embeddedPostgresReplicationSettings;
  if (settings === undefined) return undefined;
  for (const name of ["host", "user"] as const) {
    if (!settings[name]) {
      throw new Blocked("InvalidReplicationSettings", `embeddedPostgresReplicationSettings.${name} is required`);
    }
  }
  const { host, port = 5432, user, sslRootCert = defaultRootsPem } = settings;
  return { host, port, user, password: manualPassword(site, settings), rootsPem: sslRootCert };
}

function manualPassword(site: Site, { password, passwordSecret }: ReplicationSettings): string {
  if (password) return password;
  const held = passwordSecret && secretText(site.seen.secrets.get(passwordSecret.name), passwordSecret.key);
  if (held) return held;
  throw new Blocked(
    "InvalidReplicationSettings",
    "embeddedPostgresReplicationSettings: neither password nor an existing passwordSecret {name, key}",
  );
}
