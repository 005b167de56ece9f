/** Where helm values hold certificates, and values with other certificates but nothing else changed. */

import { at, isObject, isSame, type JsonObject, textAt } from "./json.ts";
import type { InstancePems } from "./pki.ts";

/** Guide: Install the active Management Plane instance. */
const MANAGEMENT_PLANE_PATHS: Record<keyof InstancePems, readonly string[]> = {
  tsbCert: ["secrets", "tsb", "cert"],
  tsbKey: ["secrets", "tsb", "key"],
  xcpCert: ["secrets", "xcp", "central", "cert"],
  xcpKey: ["secrets", "xcp", "central", "key"],
  rootCa: ["secrets", "xcp", "rootca"],
};

/** The roots that a control plane trusts. Guide: Onboard Control Plane clusters. */
const TRUST_PATHS: readonly (readonly string[])[] = [
  ["secrets", "elasticsearch", "cacert"],
  ["secrets", "tsb", "cacert"],
  ["secrets", "xcp", "rootca"],
];

/** The certificates and keys in a management plane's values: PEM texts; undefined where there is none. */
export function certificatesIn(values: unknown): Partial<InstancePems> {
  const found: Partial<InstancePems> = {};
  for (const name of pemNames()) {
    const pem = textAt(values, ...MANAGEMENT_PLANE_PATHS[name]);
    if (pem !== undefined) found[name] = pem;
  }
  return found;
}

/** A management plane's values with other certificates; everything else, known to us or not, as it is. */
export function withCertificates(values: unknown, pems: Partial<InstancePems>): JsonObject {
  let changed = isObject(values) ? values : {};
  for (const name of pemNames()) {
    const pem = pems[name];
    if (pem !== undefined) changed = withValue(changed, MANAGEMENT_PLANE_PATHS[name], pem);
  }
  return changed;
}

/** The roots in a control plane's values, PEM texts. */
export function trustIn(values: unknown): string[] {
  return TRUST_PATHS.flatMap((path) => textAt(values, ...path) ?? []);
}

/** A control plane's values that trust other roots. */
export function withTrust(values: unknown, trustPem: string): JsonObject {
  return TRUST_PATHS.reduce((changed, path) => withValue(changed, path, trustPem), isObject(values) ? values : {});
}

/** The paths ("secrets.tsb.cert") at which two values differ. Their contents may be secret and are not told. */
export function differingPaths(a: unknown, b: unknown, prefix = ""): string[] {
  if (!isObject(a) || !isObject(b)) return isSame(a ?? null, b ?? null) ? [] : [prefix];
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();
  return keys.flatMap((key) => differingPaths(a[key], b[key], prefix ? `${prefix}.${key}` : key));
}

/** The paths whose texts hold a certificate (PEM), however they are wrapped or indented. */
export function pathsHolding(values: unknown, certPem: string, prefix = ""): string[] {
  if (typeof values === "string") return bare(values).includes(bare(certPem)) ? [prefix] : [];
  const entries = Array.isArray(values) ? [...values.entries()] : isObject(values) ? Object.entries(values) : [];
  return entries.flatMap(([key, value]: [string | number, unknown]) =>
    pathsHolding(value, certPem, prefix ? `${prefix}.${key}` : `${key}`),
  );
}

function bare(pem: string): string {
  return pem.replace(/\s+/g, "");
}

function pemNames(): (keyof InstancePems)[] {
  return ["tsbCert", "tsbKey", "xcpCert", "xcpKey", "rootCa"];
}

function withValue(values: JsonObject, [key, ...rest]: readonly string[], value: string): JsonObject {
  if (key === undefined) return values;
  if (rest.length === 0) return { ...values, [key]: value };
  const below = at(values, key);
  return { ...values, [key]: withValue(isObject(below) ? below : {}, rest, value) };
}
