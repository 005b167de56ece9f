/** Looking at X.509 certificates. */

import { X509Certificate } from "node:crypto";

export const DAY_MS = 86_400_000;

/** The first certificate of a PEM text, or undefined when it holds none that can be read. */
export function parseCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}

/** notBefore. */
export function beginOf(cert: X509Certificate): Date {
  return new Date(cert.validFrom);
}

/** notAfter. */
export function endOf(cert: X509Certificate): Date {
  return new Date(cert.validTo);
}

/** Whole days until notAfter; negative once it is past. */
export function daysLeft(cert: X509Certificate, now = new Date()): number {
  return Math.floor((endOf(cert).getTime() - now.getTime()) / DAY_MS);
}

/** Whether the certificate was signed by that CA's key, and names it as its issuer. */
export function isSignedBy(cert: X509Certificate, ca: X509Certificate): boolean {
  return cert.checkIssued(ca) && cert.verify(ca.publicKey);
}

/** The subject alternative names as "DNS:mp1.example.com" and "URI:spiffe://…", sorted. */
export function alternativeNames(cert: X509Certificate): string[] {
  return (cert.subjectAltName ?? "").split(", ").filter(Boolean).sort();
}
