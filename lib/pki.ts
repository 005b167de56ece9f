/** The PKI in the state folder as the other steps use it, and its verification. */

import { createPrivateKey, type X509Certificate } from "node:crypto";
import { parseCertificate } from "./certificate.ts";
import type { Settings } from "./config.ts";
import { StepError } from "./errors.ts";
import { LEAF_NAMES } from "./root-ca.ts";
import { attempt, failure, run } from "./run.ts";
import type { State } from "./state.ts";
import { isTrusted, readTrust, trustPath } from "./trust.ts";

/** An instance's certificates and keys, and the root that signed them, as the helm values take them: PEM texts. */
export interface InstancePems {
  rootCa: string;
  tsbCert: string;
  tsbKey: string;
  xcpCert: string;
  xcpKey: string;
}

/**
 * The root CA's certificate (PEM), which clients and control planes need for trusting any of the instances; while the
 * root is being rotated, the old and the new one.
 * @throws StepError when `make pki` has not made it yet
 */
export function readRootCa(state: State): string {
  return readTrust(state) ?? readMade(state, "ca", "ca.crt");
}

/**
 * What an instance's helm values need from the state folder.
 * @param instanceName "mp1"
 * @param dnsNames names that both certificates must have: the permanent and the floating FQDN
 * @throws StepError when `make pki` has not made a file yet, or a certificate does not fit its key, root or names
 */
export function readInstancePems(state: State, instanceName: string, dnsNames: readonly string[] = []): InstancePems {
  const rootCa = readRootCa(state);
  const [tsb, xcp] = LEAF_NAMES.map((name) => readPair(state, rootCa, [instanceName, name], dnsNames));
  if (!tsb || !xcp) throw new Error("an instance has two certificates");
  return { rootCa, tsbCert: tsb.certPem, tsbKey: tsb.keyPem, xcpCert: xcp.certPem, xcpKey: xcp.keyPem };
}

function readPair(state: State, rootCa: string, [instanceName, name]: [string, string], dnsNames: readonly string[]) {
  const certPem = readMade(state, instanceName, `${name}.crt`);
  const pair = { certPem, keyPem: readMade(state, instanceName, `${name}.key`) };
  const cert = parseCertificate(certPem);
  const next = "issue the certificates again: make pki";
  const path = state.path(instanceName, `${name}.crt`);
  if (!cert || !isPair(cert, pair.keyPem)) throw new StepError(`${path} does not fit its key`, { next });
  if (!isTrusted(cert, rootCa)) throw new StepError(`${path} was not signed by ${trustPath(state)}`, { next });
  const lacking = dnsNames.find((name) => !cert.checkHost(name));
  if (lacking) throw new StepError(`${path} lacks the name ${lacking}`, { next });
  return pair;
}

function readMade(state: State, folder: string, file: string): string {
  const text = state.read(folder, file);
  if (text === undefined)
    throw new StepError(`${state.path(folder, file)} is not there yet`, { next: "issue the certificates: make pki" });
  return text;
}

/** Whether the text is the certificate's private key (PEM). */
export function isPair(cert: X509Certificate, pem: string | undefined): boolean {
  try {
    return pem !== undefined && cert.checkPrivateKey(createPrivateKey(pem));
  } catch {
    return false;
  }
}

/**
 * Verifies what is on disk by other means than those that made it: openssl for chain, profile and floating name; Node's
 * own crypto for the keys and all names.
 * @returns what strict clients would find fault with in the root itself, if anything: a root that was brought along may
 * predate RFC 5280
 * @throws StepError when a certificate does not hold
 */
export async function verifyPki(state: State, settings: Settings<"MP_FLOAT_DNS">): Promise<string | undefined> {
  const { instances, MP_FLOAT_DNS: float, REQUEST_TIMEOUT: timeoutSeconds } = settings;
  for (const instance of instances) readInstancePems(state, instance.name, [instance.dns, float]);
  const leaves = instances.flatMap(({ name }) => LEAF_NAMES.map((leaf) => state.path(name, `${leaf}.crt`)));
  const root = trustPath(state);
  const args = ["-purpose", "sslserver", "-verify_hostname", float, "-CAfile", root, ...leaves];
  const options = { doing: "verifying the certificates with openssl", timeoutSeconds };
  const strict = await attempt("openssl", ["verify", "-x509_strict", ...args], options);
  if (strict.exitCode === 0) return undefined;
  const faults = [...strict.stderr.matchAll(/^error \d+ at (\d+) depth lookup: (.*)$/gm)];
  // Depth 1 is the root: all of these leaves hang on it directly.
  const isRootAlone = faults.length > 0 && faults.every(([, depth]) => depth === "1");
  if (!isRootAlone) throw failure("openssl", ["verify", "-x509_strict", ...args], strict, options);
  await run("openssl", ["verify", ...args], options);
  return [...new Set(faults.map(([, , words]) => words))].join("; ");
}
