/** What the PKI lacks, and its making: one root CA for all instances, two leaf certificates with keys for each. */

import { type KeyObject, X509Certificate } from "node:crypto";
import { availableParallelism } from "node:os";
import { type Issuer, keyPem, loadForge, makeKey, makeKeys, makeLeaf, makeRoot } from "./authority.ts";
import { alternativeNames, beginOf, daysLeft, endOf, isSignedBy, parseCertificate } from "./certificate.ts";
import type { InstanceNames, Settings } from "./config.ts";
import { SettingsError } from "./errors.ts";
import { isPair } from "./pki.ts";
import { LEAF_NAMES, lookAtRoot, type Root } from "./root-ca.ts";
import type { State } from "./state.ts";

type LeafName = (typeof LEAF_NAMES)[number];
type PkiSettings = Settings<"MP_FLOAT_DNS">;

/** What TSB asks of each leaf beside its DNS names. */
const PROFILES: Record<LeafName, { isClientToo: boolean; uris: readonly string[] }> = {
  tsb_certs: { isClientToo: false, uris: [] },
  // Releases that still dial central by mutual TLS look for this URI; later ones pass over it.
  "xcp-central-cert": { isClientToo: true, uris: ["spiffe://xcp.tetrate.io/central"] },
};

/** One leaf certificate of one instance. */
export interface Leaf {
  instance: InstanceNames;
  name: LeafName;
  /** MP_DNS, then MP_FLOAT_DNS. */
  dnsNames: readonly string[];
  /** Why it must be issued; undefined: it is kept. */
  reason: string | undefined;
  certPath: string;
  keyPath: string;
}

/** What is there and what is to be issued. */
export interface Plan {
  root: Root;
  leaves: readonly Leaf[];
}

/**
 * Looks at the root and at both leaves of every instance in the settings; writes nothing.
 * @throws SettingsError (exit 2) when the root can't be used, or can't sign what must be issued
 * Guide: Create a PKI and Issue Certificates
 */
export function planPki(state: State, settings: PkiSettings, now = new Date()): Plan {
  const root = lookAtRoot(state, settings, now);
  const rootCert = "cert" in root ? root.cert : undefined;
  const leaves = settings.instances.flatMap((instance) =>
    LEAF_NAMES.map((name): Leaf => {
      const dnsNames = [instance.dns, settings.MP_FLOAT_DNS];
      const reason = reasonToIssue(state, { instance, name, dnsNames }, rootCert, settings.RENEW_BEFORE, now);
      const [certPath, keyPath] = [state.path(instance.name, `${name}.crt`), state.path(instance.name, `${name}.key`)];
      return { instance, name, dnsNames, reason, certPath, keyPath };
    }),
  );
  if (root.action === "keep" && !root.key) refuseToSign(state, leaves);
  return { root, leaves };
}

function reasonToIssue(
  state: State,
  leaf: Pick<Leaf, "instance" | "name" | "dnsNames">,
  root: X509Certificate | undefined,
  renewBeforeDays: number,
  now: Date,
): string | undefined {
  const certPem = state.read(leaf.instance.name, `${leaf.name}.crt`);
  if (certPem === undefined) return "there is none yet";
  const cert = parseCertificate(certPem);
  if (!cert) return "the certificate can't be read";
  const wanted = [
    ...leaf.dnsNames.map((name) => `DNS:${name}`),
    ...PROFILES[leaf.name].uris.map((uri) => `URI:${uri}`),
  ];
  if (alternativeNames(cert).join() !== wanted.sort().join()) return "its names changed";
  if (!root || !isSignedBy(cert, root)) return "another root signed it";
  if (!isPair(cert, state.read(leaf.instance.name, `${leaf.name}.key`))) return "its key does not match";
  if (now < beginOf(cert)) return `it is not valid before ${cert.validFrom}: a clock was ahead when it was issued`;
  const days = daysLeft(cert, now);
  // Issued again, it could not last longer than its root.
  const isLast = endOf(cert) >= endOf(root);
  if (days < renewBeforeDays && !isLast) return days < 0 ? "it expired" : `it ends in ${days} days`;
  return undefined;
}

function refuseToSign(state: State, leaves: readonly Leaf[]): void {
  const due = leaves.filter((leaf) => leaf.reason !== undefined);
  if (due.length === 0) return;
  const names = due.map((leaf) => `${leaf.instance.name}/${leaf.name} (${leaf.reason})`).join(", ");
  throw new SettingsError([
    {
      variable: "STATE_DIR",
      what: `has no ${state.path("ca", "ca.key")}, but the root must sign: ${names}`,
      mend: "put ca.key back from where you keep it (or name it and ca.crt with CA_KEY and CA_CERT)",
    },
  ]);
}

/**
 * Makes and writes what the plan says must be issued, all keys side by side. A key is written before its certificate,
 * so that a run killed in between leaves a pair that does not match, which the next run issues again.
 * @returns the root that signed
 */
export async function issue(state: State, plan: Plan, settings: PkiSettings): Promise<X509Certificate> {
  const due = plan.leaves.filter((leaf) => leaf.reason !== undefined);
  // The root's key takes longest by far: it has a processor to itself.
  const free = availableParallelism() - (plan.root.action === "create" ? 1 : 0);
  const [root, keys] = await Promise.all([
    establishRoot(state, plan.root, settings),
    makeKeys(due.length, settings.LEAF_KEY_BITS, free),
    loadForge(),
  ]);
  for (const [i, leaf] of due.entries()) {
    const key = keys[i];
    if (!key || !root.key) throw new Error(`nothing to sign ${leaf.certPath} with`);
    await writeLeaf(state, { cert: root.cert, key: root.key }, leaf, key, settings.LEAF_DAYS);
  }
  return root.cert;
}

async function writeLeaf(state: State, issuer: Issuer, leaf: Leaf, key: KeyObject, validDays: number): Promise<void> {
  const [permanent = ""] = leaf.dnsNames;
  // A common name holds 64 characters; clients go by the alternative names anyway.
  const commonName = permanent.length <= 64 ? permanent : leaf.instance.name;
  const profile = { ...PROFILES[leaf.name], dnsNames: leaf.dnsNames, commonName, validDays };
  const certPem = await makeLeaf(issuer, key, profile);
  state.write(keyPem(key), leaf.instance.name, `${leaf.name}.key`);
  state.write(certPem, leaf.instance.name, `${leaf.name}.crt`);
}

/** A root is only ever put in a free place: of two runs at once, one fails rather than take the other's root away. */
async function establishRoot(state: State, root: Root, settings: PkiSettings) {
  if (root.action === "keep") return root;
  if (root.action === "bring") {
    // The certificate first: a key alone would look like a root of our own that is half made.
    if (state.read("ca", "ca.crt") === undefined) state.create(root.cert.toString(), "ca", "ca.crt");
    state.write(keyPem(root.key), "ca", "ca.key");
    return root;
  }
  const key = root.action === "finish" ? root.key : await makeKey(settings.CA_KEY_BITS);
  const certPem = await makeRoot(key, settings.CA_DAYS);
  if (root.action === "create") state.create(keyPem(key), "ca", "ca.key");
  state.create(certPem, "ca", "ca.crt");
  return { cert: new X509Certificate(certPem), key };
}
