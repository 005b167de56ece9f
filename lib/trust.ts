/** The roots that are trusted now: one; while the root is being rotated, the old and the new together. */

import type { X509Certificate } from "node:crypto";
import { isSignedBy, parseCertificate } from "./certificate.ts";
import type { State } from "./state.ts";

/** There only during a rotation: both roots, PEM after PEM. */
const BUNDLE = ["ca", "trust.crt"] as const;

/** The path of the file with the roots to trust, for tools that want a file. */
export function trustPath(state: State): string {
  return state.read(...BUNDLE) === undefined ? state.path("ca", "ca.crt") : state.path(...BUNDLE);
}

/** The roots to trust (PEM, one or two), or undefined when there is no root yet. */
export function readTrust(state: State): string | undefined {
  return state.read(...BUNDLE) ?? state.read("ca", "ca.crt");
}

/** Trusts several roots from now on; or, with one alone, the root in ca/ca.crt. */
export function keepTrust(state: State, roots: readonly string[]): void {
  if (roots.length > 1) state.write(bundleOf(roots), ...BUNDLE);
  else state.remove(...BUNDLE);
}

/** Certificates as one PEM text. */
export function bundleOf(pems: readonly string[]): string {
  return pems.map((pem) => `${pem.trim()}\n`).join("");
}

/** The certificates of a PEM text. */
export function certificatesOf(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.flatMap((block) => parseCertificate(block) ?? []);
}

/** Whether one of the roots signed the certificate. */
export function isTrusted(cert: X509Certificate, trustPem: string): boolean {
  return certificatesOf(trustPem).some((root) => isSignedBy(cert, root));
}
