/** What the operators check about certificates before they start anything with them. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { Blocked } from "./operator-verdict.ts";

const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";

/** A certificate as it stands in a Secret. */
export interface CertificateSecret {
  /** The Secret's name, for messages. */
  name: string;
  certPem: string;
  keyPem: string;
}

/** The answer for the texts asked about last: an operator looks twice a second, and parsing keys costs more than the rest. */
function remembered<Texts extends string[], T>(ask: (...texts: Texts) => T): (...texts: Texts) => T {
  const known = new Map<string, T>();
  return (...texts) => {
    const key = texts.join("\0");
    const found = known.get(key);
    if (found !== undefined) return found;
    const answer = ask(...texts);
    if (known.size > 20) known.clear();
    known.set(key, answer);
    return answer;
  };
}

/** Splits concatenated PEM certificates. @throws Error when there is none or one can't be parsed */
export const parseCertificates = remembered((pem: string): X509Certificate[] => {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new Error("no PEM certificate in it");
  return blocks.map((block) => new X509Certificate(block));
});

/** Whether a private key is that of the first of these certificates. @throws Error when one of them can't be parsed */
export const isKeyOf = remembered((keyPem: string, certPem: string): boolean => {
  const [leaf] = parseCertificates(certPem);
  return leaf?.checkPrivateKey(createPrivateKey(keyPem)) ?? false;
});

/** @throws Blocked when the certificate is unreadable, not of this key, not signed by one of the roots, or out of date */
export function checkCertificate(secret: CertificateSecret, rootsPem: string): X509Certificate {
  const chain = parsed(secret.name, "tls.crt", secret.certPem);
  const roots = parsed("xcp-central-cert", "ca.crt", rootsPem);
  const [leaf, ...intermediates] = chain;
  if (leaf === undefined) throw invalid(secret.name, "tls.crt is empty");
  if (!keyMatches(secret)) {
    throw invalid(secret.name, "tls: private key does not match public key");
  }
  if (!chainsTo(leaf, intermediates, roots)) {
    throw invalid(
      secret.name,
      "x509: certificate signed by unknown authority (it must be signed by the root in xcp-central-cert's ca.crt)",
    );
  }
  const now = new Date();
  if (now < new Date(leaf.validFrom) || now > new Date(leaf.validTo)) {
    throw invalid(
      secret.name,
      `x509: certificate has expired or is not yet valid: valid from ${leaf.validFrom} to ${leaf.validTo}`,
    );
  }
  return leaf;
}

/** @throws Blocked when xcp-central-cert may not be used both as a server's and as a client's certificate */
export function checkCentralUsage(leaf: X509Certificate): void {
  const usages: readonly string[] = leaf.keyUsage ?? [];
  const missing = [
    ...(usages.includes(SERVER_AUTH) ? [] : ["serverAuth"]),
    ...(usages.includes(CLIENT_AUTH) ? [] : ["clientAuth"]),
  ];
  if (missing.length > 0) {
    throw invalid("xcp-central-cert", `x509: certificate's extended key usage lacks ${missing.join(" and ")}`);
  }
}

function parsed(name: string, entry: string, pem: string): X509Certificate[] {
  try {
    return parseCertificates(pem);
  } catch (error) {
    throw invalid(name, `${entry} can't be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function keyMatches({ keyPem, certPem, ...secret }: CertificateSecret): boolean {
  try {
    return isKeyOf(keyPem, certPem);
  } catch (error) {
    throw invalid(secret.name, `tls.key can't be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function chainsTo(leaf: X509Certificate, intermediates: X509Certificate[], roots: X509Certificate[]): boolean {
  let current = leaf;
  for (let depth = 0; depth <= intermediates.length; depth++) {
    if (roots.some((root) => signedBy(current, root))) return true;
    const next = intermediates.find((candidate) => candidate.ca && signedBy(current, candidate));
    if (next === undefined) return false;
    current = next;
  }
  return false;
}

function signedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function invalid(name: string, message: string): Blocked {
  return new Blocked("InvalidCertificate", `Secret ${name}: ${message}`);
}
