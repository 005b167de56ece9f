/** What a certificate authority makes: keys and signatures by Node's own crypto, the X.509 around them by node-forge. */

import { createPublicKey, generateKeyPair, type KeyObject, randomBytes, sign, X509Certificate } from "node:crypto";
import { promisify } from "node:util";
import type { asn1, pki } from "node-forge";
import { beginOf, DAY_MS, endOf } from "./certificate.ts";

declare module "node-forge" {
  namespace pki {
    /** What is signed of a certificate. Exported by node-forge, but left out of its types. */
    function getTBSCertificate(certificate: Certificate): asn1.Asn1;
  }
}

type Forge = typeof import("node-forge");

/** A CA that signs: its certificate and its private key (RSA or EC). */
export interface Issuer {
  cert: X509Certificate;
  key: KeyObject;
}

/** What a leaf certificate is for. */
export interface LeafProfile {
  /** At most 64 characters. */
  commonName: string;
  dnsNames: readonly string[];
  uris: readonly string[];
  /** Extended key usage clientAuth beside serverAuth. */
  isClientToo: boolean;
  /** Lifetime in days; cut at the issuer's own end. */
  validDays: number;
}

/** Clocks of clients may be a little behind ours. */
const BACKDATE_MS = 5 * 60_000;

/** The signature algorithms: what stands in the certificate, and whether it has a NULL as parameter (RFC 4055, 5758). */
const SIGNATURES = {
  rsa: { oid: "1.2.840.113549.1.1.11", hasNull: true },
  ec: { oid: "1.2.840.10045.4.3.2", hasNull: false },
} as const;

/** Whether {@link makeLeaf} can sign with a key of this type. */
export function canSign(key: KeyObject): boolean {
  return key.asymmetricKeyType === "rsa" || key.asymmetricKeyType === "ec";
}

/** A new RSA private key, made in the thread pool: several at once use several processors. */
export async function makeKey(bits: number): Promise<KeyObject> {
  const { privateKey } = await promisify(generateKeyPair)("rsa", { modulusLength: bits });
  return privateKey;
}

/**
 * New RSA private keys.
 * @param atOnce how many are made side by side: more than there are processors free only hold each other up
 */
export async function makeKeys(count: number, bits: number, atOnce: number): Promise<KeyObject[]> {
  const keys: KeyObject[] = [];
  let begun = 0;
  const maker = async (): Promise<void> => {
    while (begun < count) {
      begun += 1;
      keys.push(await makeKey(bits));
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, atOnce) }, maker));
  return keys;
}

/** A private key as PEM (PKCS #8, not encrypted). */
export function keyPem(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}

/**
 * A self-signed root certificate (PEM) that signs leaves only: no CA below it.
 * @param key RSA
 * Guide: Create a PKI and Issue Certificates
 */
export async function makeRoot(key: KeyObject, validDays: number, now = new Date()): Promise<string> {
  const forge = await loadForge();
  const cert = blank(forge, key);
  cert.validity.notBefore = new Date(now.getTime() - BACKDATE_MS);
  cert.validity.notAfter = new Date(now.getTime() + validDays * DAY_MS);
  const keyId = cert.generateSubjectKeyIdentifier().bytes();
  // Two roots must not share a name: clients look a root up by it.
  const suffix = forge.util.bytesToHex(keyId).slice(0, 8);
  cert.setSubject([{ shortName: "CN", value: `tsb-active-standby root CA ${suffix}` }]);
  cert.setExtensions([
    { name: "basicConstraints", critical: true, cA: true, pathLenConstraint: 0 },
    { name: "keyUsage", critical: true, keyCertSign: true, cRLSign: true },
    { name: "subjectKeyIdentifier" },
    { name: "authorityKeyIdentifier", keyIdentifier: keyId },
  ]);
  return signed(forge, cert, undefined, key);
}

/**
 * A leaf certificate (PEM) for a server, and for a client where the profile says so. It never outlives its issuer.
 * @param key the leaf's own private key, RSA
 * Guide: Create a PKI and Issue Certificates
 */
export async function makeLeaf(
  issuer: Issuer,
  key: KeyObject,
  profile: LeafProfile,
  now = new Date(),
): Promise<string> {
  const forge = await loadForge();
  const cert = blank(forge, key);
  const { subject, keyId } = partsOf(forge, issuer.cert);
  const begin = Math.max(now.getTime() - BACKDATE_MS, beginOf(issuer.cert).getTime());
  const end = Math.min(now.getTime() + profile.validDays * DAY_MS, endOf(issuer.cert).getTime());
  cert.validity.notBefore = new Date(begin);
  cert.validity.notAfter = new Date(end);
  cert.setSubject([{ shortName: "CN", value: profile.commonName }]);
  cert.setExtensions(leafExtensions(profile, keyId));
  return signed(forge, cert, subject, issuer.key);
}

/** @param issuerKeyId an issuer without a key identifier has none to be named by */
function leafExtensions(profile: LeafProfile, issuerKeyId: string | undefined): object[] {
  const altNames = [
    ...profile.dnsNames.map((value) => ({ type: 2, value })),
    ...profile.uris.map((value) => ({ type: 6, value })),
  ];
  return [
    { name: "basicConstraints", critical: true, cA: false },
    { name: "keyUsage", critical: true, digitalSignature: true, keyEncipherment: true },
    { name: "extKeyUsage", serverAuth: true, ...(profile.isClientToo ? { clientAuth: true } : {}) },
    { name: "subjectAltName", altNames },
    { name: "subjectKeyIdentifier" },
    ...(issuerKeyId ? [{ name: "authorityKeyIdentifier", keyIdentifier: issuerKeyId }] : []),
  ];
}

/** Loaded only when something is issued, since most runs issue nothing; best while the keys are being made. */
export async function loadForge(): Promise<Forge> {
  return (await import("node-forge")).default;
}

/** A certificate with the public key and a random serial; node-forge makes version 3. */
function blank(forge: Forge, key: KeyObject): pki.Certificate {
  const cert = forge.pki.createCertificate();
  const publicPem = createPublicKey(key).export({ type: "spki", format: "pem" }).toString();
  cert.publicKey = forge.pki.publicKeyFromPem(publicPem);
  cert.serialNumber = randomSerial();
  return cert;
}

/** 128 random bits as the shortest positive DER integer, in hexadecimal digits (RFC 5280, 4.1.2.2). */
function randomSerial(): string {
  const shortest = randomBytes(16)
    .toString("hex")
    .replace(/^(00)+(?=.)/, "");
  return /^[89a-f]/.test(shortest) ? `00${shortest}` : shortest;
}

/**
 * Puts issuer and signature around a certificate.
 * @param issuer the issuer's name as it stands in its own certificate, byte for byte; undefined: self-signed
 */
function signed(forge: Forge, cert: pki.Certificate, issuer: asn1.Asn1 | undefined, key: KeyObject): string {
  const { Class, Type, create } = forge.asn1;
  const { oid, hasNull } = SIGNATURES[key.asymmetricKeyType === "ec" ? "ec" : "rsa"];
  const algorithm = create(Class.UNIVERSAL, Type.SEQUENCE, true, [
    create(Class.UNIVERSAL, Type.OID, false, forge.asn1.oidToDer(oid).getBytes()),
    ...(hasNull ? [create(Class.UNIVERSAL, Type.NULL, false, "")] : []),
  ]);
  cert.siginfo.algorithmOid = oid;
  const tbs = forge.pki.getTBSCertificate(cert);
  const [version, serial, , , validity, subject, ...rest] = childrenOf(tbs);
  if (!version || !serial || !validity || !subject) throw new Error("node-forge built an incomplete certificate");
  tbs.value = [version, serial, algorithm, issuer ?? subject, validity, subject, ...rest];
  const bytes = Buffer.from(forge.asn1.toDer(tbs).getBytes(), "latin1");
  const signature = sign("sha256", bytes, key).toString("latin1");
  const bits = create(Class.UNIVERSAL, Type.BITSTRING, false, `\u0000${signature}`);
  const whole = create(Class.UNIVERSAL, Type.SEQUENCE, true, [tbs, algorithm, bits]);
  return new X509Certificate(Buffer.from(forge.asn1.toDer(whole).getBytes(), "latin1")).toString();
}

/** An issuer's name and key identifier. Read from the DER, for node-forge itself parses RSA certificates only. */
function partsOf(forge: Forge, issuer: X509Certificate): { subject: asn1.Asn1; keyId: string | undefined } {
  const [tbs] = childrenOf(forge.asn1.fromDer(issuer.raw.toString("latin1")));
  const parts = tbs ? childrenOf(tbs) : [];
  const subject = parts[5];
  if (!subject) throw new Error("the root certificate is not of version 3");
  const [extensions] = childrenOf(parts.at(-1));
  const oid = forge.asn1.oidToDer("2.5.29.14").getBytes();
  const found = childrenOf(extensions).find((extension) => childrenOf(extension)[0]?.value === oid);
  const octets = childrenOf(found).at(-1)?.value;
  const keyId = typeof octets === "string" ? forge.asn1.fromDer(octets).value : undefined;
  return { subject, keyId: typeof keyId === "string" ? keyId : undefined };
}

function childrenOf(node: asn1.Asn1 | undefined): asn1.Asn1[] {
  return Array.isArray(node?.value) ? node.value : [];
}
