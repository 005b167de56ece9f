/** An instance's certificates as its cluster has them: what clients are really shown. */

import type { X509Certificate } from "node:crypto";
import { alternativeNames, daysLeft, endOf, isSignedBy, parseCertificate } from "./certificate.ts";
import { isPair } from "./pki.ts";
import { dataOf } from "./secrets.ts";
import type { CertificateFacts } from "./status-facts.ts";

/** The Secrets with an instance's certificates; source: TSB's documentation. */
export const CERTIFICATE_SECRETS = ["tsb-certs", "xcp-central-cert"] as const;

/** The names that an instance's certificates must cover. */
interface Names {
  dns: string;
  floating: string;
}

/**
 * The instance's two leaves, and the root.
 * @param secretOf the Secret of that name on the cluster, or undefined
 */
export function certificateFacts(secretOf: (name: string) => unknown, names: Names, now: Date): CertificateFacts[] {
  const root = parseCertificate(rootPem(secretOf) ?? "");
  const leaves = CERTIFICATE_SECRETS.map((name): CertificateFacts => {
    const cert = parseCertificate(pem(secretOf(name), "tls.crt") ?? "");
    if (!cert) return blank(name);
    return {
      ...common(name, cert, now),
      coversOwn: cert.checkHost(names.dns) !== undefined,
      coversFloating: cert.checkHost(names.floating) !== undefined,
      isSignedByRoot: root ? isSignedBy(cert, root) : null,
      isKeyItsOwn: isPair(cert, pem(secretOf(name), "tls.key")),
    };
  });
  return [...leaves, root ? common("root", root, now) : blank("root")];
}

/** The root that the instance trusts: PEM. */
export function rootPem(secretOf: (name: string) => unknown): string | undefined {
  return pem(secretOf("xcp-central-cert"), "ca.crt") ?? pem(secretOf("tsb-certs"), "ca.crt");
}

function common(name: string, cert: X509Certificate, now: Date): CertificateFacts {
  return {
    ...blank(name),
    notAfter: endOf(cert).toISOString(),
    daysLeft: daysLeft(cert, now),
    names: alternativeNames(cert).flatMap((one) => (one.startsWith("DNS:") ? [one.slice(4)] : [])),
    sha256: cert.fingerprint256.replaceAll(":", "").toLowerCase().slice(0, 12),
  };
}

function blank(name: string): CertificateFacts {
  const unknown = { coversOwn: null, coversFloating: null, isSignedByRoot: null, isKeyItsOwn: null };
  return { name, notAfter: null, daysLeft: null, names: [], sha256: null, ...unknown };
}

function pem(secret: unknown, key: string): string | undefined {
  const value = dataOf(secret)[key];
  return value === undefined ? undefined : Buffer.from(value, "base64").toString("utf8");
}
