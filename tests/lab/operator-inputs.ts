/** The Secrets that a management plane operator needs, read and checked. */
import { secretText } from "./objects.ts";
import { checkCentralUsage, checkCertificate } from "./operator-certs.ts";
import { Blocked } from "./operator-verdict.ts";
import type { Site } from "./site.ts";

/** @throws Blocked when the Secret or the entry is missing */
export function requiredText(site: Site, name: string, key: string): string {
  const held = site.seen.secrets.get(name);
  if (held === undefined) throw new Blocked("MissingSecret", `Secret ${name} does not exist in namespace tsb`);
  const text = secretText(held, key);
  if (text === undefined) throw new Blocked("MissingSecret", `Secret ${name} has no entry "${key}"`);
  return text;
}

export interface InstanceCertificates {
  certPem: string;
  keyPem: string;
  centralCertPem: string;
  centralKeyPem: string;
  rootsPem: string;
}

/** @throws Blocked when one of the instance's own certificates can't do its work */
export function instanceCertificates(site: Site): InstanceCertificates {
  const rootsPem = requiredText(site, "xcp-central-cert", "ca.crt");
  const [certPem, keyPem] = [requiredText(site, "tsb-certs", "tls.crt"), requiredText(site, "tsb-certs", "tls.key")];
  const centralCertPem = requiredText(site, "xcp-central-cert", "tls.crt");
  const centralKeyPem = requiredText(site, "xcp-central-cert", "tls.key");
  checkCertificate({ name: "tsb-certs", certPem, keyPem }, rootsPem);
  checkCentralUsage(
    checkCertificate({ name: "xcp-central-cert", certPem: centralCertPem, keyPem: centralKeyPem }, rootsPem),
  );
  return { certPem, keyPem, centralCertPem, centralKeyPem, rootsPem };
}

export interface DatabaseCredentials {
  user: string;
  password: string;
}

/** TSB's own database user. @throws Blocked when the Secret is missing */
export function databaseCredentials(site: Site): DatabaseCredentials {
  return {
    user: requiredText(site, "postgres-credentials", "username"),
    password: requiredText(site, "postgres-credentials", "password"),
  };
}
