/** The root CA that all instances share: kept, brought along by the operator, or made. */

import { createPrivateKey, type KeyObject, type X509Certificate } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { canSign } from "./authority.ts";
import { beginOf, endOf, isSignedBy, parseCertificate } from "./certificate.ts";
import type { Settings } from "./config.ts";
import { messageOf, type Problem, SettingsError } from "./errors.ts";
import type { State } from "./state.ts";

/** The two leaves of every instance: their names in the guide, and their files' names without .crt and .key. */
export const LEAF_NAMES = ["tsb_certs", "xcp-central-cert"] as const;

/** The root as it was found, and what is to become of it. */
export type Root =
  /** It is in the state folder; without its key it can't sign, but what it signed stays good. */
  | { action: "keep"; cert: X509Certificate; key: KeyObject | undefined }
  /** CA_CERT and CA_KEY are to be copied into the state folder. */
  | { action: "bring"; cert: X509Certificate; key: KeyObject }
  /** An earlier run was killed after it wrote the key: the certificate is still to be made. */
  | { action: "finish"; key: KeyObject }
  | { action: "create" };

/** A certificate and its key with the settings that named them. */
interface Source {
  certVariable: string;
  certPath: string;
  keyVariable: string;
  keyPath: string;
}

/**
 * Finds the root in the state folder or in CA_CERT and CA_KEY. Nothing is written.
 * @throws SettingsError (exit 2) when it can't be used, when CA_CERT names another root than the one in use, or when
 * certificates are there whose root is gone: a root that something depends on is never replaced
 */
export function lookAtRoot(state: State, settings: Pick<Settings, "CA_CERT" | "CA_KEY">, now = new Date()): Root {
  const hasCert = state.read("ca", "ca.crt") !== undefined;
  const hasKey = state.read("ca", "ca.key") !== undefined;
  const kept = hasCert ? readRoot(sourceInState(state), hasKey, now) : undefined;
  const brought = readBrought(settings, now);
  if (kept && brought && kept.cert.fingerprint256 !== brought.cert.fingerprint256)
    refuse("CA_CERT", `is another root than ${state.path("ca", "ca.crt")}, which the certificates there hang on`, {
      mend: "unset CA_CERT and CA_KEY to go on with that root, or start a second PKI with its own STATE_DIR",
    });
  if (kept && (kept.key || !brought)) return { action: "keep", ...kept };
  if (!kept) refuseOrphans(state, brought?.cert);
  if (brought?.key) return { action: "bring", cert: brought.cert, key: brought.key };
  return hasKey ? { action: "finish", key: readKeyInState(state) } : { action: "create" };
}

function refuse(variable: string, what: string, more: { mend: string }): never {
  throw new SettingsError([{ variable, what, ...more }]);
}

function sourceInState(state: State): Source {
  const [certPath, keyPath] = [state.path("ca", "ca.crt"), state.path("ca", "ca.key")];
  return { certVariable: "STATE_DIR", certPath, keyVariable: "STATE_DIR", keyPath };
}

function readBrought(settings: Pick<Settings, "CA_CERT" | "CA_KEY">, now: Date) {
  const { CA_CERT: certPath, CA_KEY: keyPath } = settings;
  if (!certPath || !keyPath) return undefined;
  return readRoot({ certVariable: "CA_CERT", certPath, keyVariable: "CA_KEY", keyPath }, true, now);
}

function readKeyInState(state: State): KeyObject {
  const problems: Problem[] = [];
  const key = readKey(sourceInState(state), problems);
  if (!key) throw new SettingsError(problems);
  // Only roots of our own are made from a lone key, and those are RSA.
  if (key.asymmetricKeyType !== "rsa")
    refuse("STATE_DIR", `has ${state.path("ca", "ca.key")} without its ca.crt`, {
      mend: "put the certificate beside it, or name both with CA_CERT and CA_KEY",
    });
  return key;
}

/** Reads and checks a root and, where there is one, its key; every problem at once. */
function readRoot(source: Source, hasKey: boolean, now: Date): { cert: X509Certificate; key: KeyObject | undefined } {
  const problems: Problem[] = [];
  const cert = readCert(source, problems, now);
  const key = hasKey ? readKey(source, problems) : undefined;
  if (cert && key && !cert.checkPrivateKey(key))
    problems.push({
      variable: source.keyVariable,
      what: `${source.keyPath} is not the private key of ${source.certPath}`,
      mend: "give the key that belongs to the certificate",
    });
  if (!cert || problems.length > 0) throw new SettingsError(problems);
  return { cert, key };
}

function readCert(source: Source, problems: Problem[], now: Date): X509Certificate | undefined {
  const { certVariable: variable, certPath } = source;
  const pem = readText(variable, certPath, problems);
  if (pem === undefined) return undefined;
  const cert = parseCertificate(pem);
  const count = pem.split("-----BEGIN CERTIFICATE-----").length - 1;
  const say = (what: string, mend: string) => problems.push({ variable, what: `${certPath} ${what}`, mend });
  if (!cert || count === 0) say("is not a certificate in PEM form", "give the root CA's certificate as PEM");
  else if (count > 1) say(`holds ${count} certificates`, "give the root CA's certificate alone");
  else if (!cert.ca) say("is not a CA: it may not sign certificates", "give a root CA's certificate");
  else if (!isSignedBy(cert, cert))
    say(`is not a root: ${oneLine(cert.issuer)} signed it`, "give a self-signed root CA: clients are given this file");
  else if (now < beginOf(cert)) say(`is not valid before ${cert.validFrom}`, "check this machine's clock");
  else if (endOf(cert) < now) say(`expired on ${cert.validTo}`, renewal(variable));
  return cert;
}

function renewal(variable: string): string {
  return variable === "CA_CERT"
    ? "give a root CA that is still valid"
    : "start a new PKI with an empty STATE_DIR; every instance and control plane must then be given the new root";
}

function readKey(source: Source, problems: Problem[]): KeyObject | undefined {
  const { keyVariable: variable, keyPath } = source;
  const pem = readText(variable, keyPath, problems);
  if (pem === undefined) return undefined;
  const say = (what: string, mend: string) => problems.push({ variable, what: `${keyPath} ${what}`, mend });
  try {
    const key = createPrivateKey(pem);
    if (canSign(key)) return key;
    say(`is of type ${key.asymmetricKeyType}`, "give a root CA with an RSA or EC key");
  } catch {
    if (/ENCRYPTED/.test(pem))
      say(
        "is encrypted with a passphrase",
        `decrypt it into a file of your own: (umask 077; openssl pkey -in ${keyPath} -out ca.key)`,
      );
    else say("is not a private key in PEM form", "give the root CA's private key as PEM");
  }
  return undefined;
}

function readText(variable: string, path: string, problems: Problem[]): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    problems.push({ variable, what: `can't read ${path}: ${messageOf(error)}`, mend: "mend its permissions" });
    return undefined;
  }
}

function oneLine(name: string): string {
  return name.split("\n").join(", ");
}

/** Certificates in the state folder that the root did not sign would lose their root if it took the empty place. */
function refuseOrphans(state: State, root: X509Certificate | undefined): void {
  const orphan = leafFiles(state).find((path) => {
    const leaf = parseCertificate(readFileSync(path, "utf8"));
    return leaf && !(root && isSignedBy(leaf, root));
  });
  if (orphan)
    refuse("STATE_DIR", `has ${orphan}, but its root ${state.path("ca", "ca.crt")} is gone`, {
      mend: "put ca/ca.crt and ca/ca.key back (or name them with CA_CERT and CA_KEY); for a new PKI use an empty STATE_DIR",
    });
}

/** The paths of all leaf certificates in the state folder, also those of instances that the settings no longer name. */
function leafFiles(state: State): string[] {
  let entries: string[] = [];
  try {
    entries = readdirSync(state.dir).filter((name) => /^mp[1-9]\d*$/.test(name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  return entries.flatMap((instance) =>
    LEAF_NAMES.map((leaf) => [instance, `${leaf}.crt`] as const)
      .filter((parts) => state.read(...parts) !== undefined)
      .map((parts) => state.path(...parts)),
  );
}
