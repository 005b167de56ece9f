/** Helm values, as data: the guide's, what TSB needs in every install, and the user's own merged in. */

import { readFileSync } from "node:fs";
import { parse, stringify } from "yaml";
import { messageOf, type Problem, SettingsError } from "./errors.ts";
import { isObject, isSame, type JsonObject } from "./json.ts";
import type { InstancePems } from "./pki.ts";

/** The settings that every management plane's values are made of. */
export interface ManagementPlaneSettings {
  TSB_ORG: string;
  TSB_VERSION: string;
  TSB_REGISTRY: string;
  MP_PORT: number;
  POSTGRES_PASSWORD: string;
  ELASTIC_PASSWORD: string;
  LDAP_BIND_DN: string;
  LDAP_BIND_PASSWORD: string;
  TSB_ADMIN_PASSWORD: string;
}

/** The passwords that the guide prints: known to everybody who has read it. */
const GUIDE_PASSWORDS = {
  ELASTIC_PASSWORD: "tsb-elastic-password",
  LDAP_BIND_PASSWORD: "admin",
  POSTGRES_PASSWORD: "tsb-postgres-password",
  TSB_ADMIN_PASSWORD: "tsb-admin-password",
} as const;

/** The names of the settings that still hold the guide's example passwords. */
export function examplePasswords(settings: ManagementPlaneSettings): string[] {
  return Object.entries(GUIDE_PASSWORDS).flatMap(([name, example]) =>
    settings[name as keyof typeof GUIDE_PASSWORDS] === example ? [name] : [],
  );
}

/** `spec.highAvailability` of the active: Postgres exposed on port 5432. Guide: Install the active Management Plane instance. */
export function activeRole(): JsonObject {
  return { active: { exposeEmbeddedPostgresInFrontEnvoy: true } };
}

/**
 * `spec.highAvailability` of a standby that is configured by the active's synchronisation endpoint.
 * Guide: Deploy the Standby instance.
 * @param activeDns the active's permanent FQDN; @param port of the active's front envoy
 */
export function standbyRole(activeDns: string, port: number): JsonObject {
  // The certificates come from our own root, so selfSigned is always needed.
  return { standby: { activeMpSynchronizationEndpoint: { host: activeDns, port, selfSigned: true } } };
}

/**
 * `spec.highAvailability` of a standby with replication settings of the user's own, carried as they are given.
 * Guide: Additional notes.
 * @param file YAML: the settings themselves, or a mapping with embeddedPostgresReplicationSettings at its top
 * @throws SettingsError when the file is not a YAML mapping
 */
export function manualStandbyRole(file: string): JsonObject {
  const given = readValues("REPLICATION_SETTINGS", file);
  const settings = given.embeddedPostgresReplicationSettings ?? given;
  return { standby: { embeddedPostgresReplicationSettings: settings } };
}

/**
 * The values of a management plane. Guide: Install the active Management Plane instance, and Deploy the Standby
 * instance, which differ in the certificates and in `role` alone.
 * @param role what goes under `spec.highAvailability`
 */
export function managementPlaneValues(
  settings: ManagementPlaneSettings,
  pems: InstancePems,
  role: JsonObject,
): JsonObject {
  return {
    image: { registry: settings.TSB_REGISTRY, tag: settings.TSB_VERSION },
    secrets: {
      elasticsearch: { username: "tsb", password: settings.ELASTIC_PASSWORD },
      ldap: { binddn: settings.LDAP_BIND_DN, bindpassword: settings.LDAP_BIND_PASSWORD },
      postgres: { username: "tsb", password: settings.POSTGRES_PASSWORD },
      tsb: { adminPassword: settings.TSB_ADMIN_PASSWORD, cert: pems.tsbCert, key: pems.tsbKey },
      xcp: {
        autoGenerateCerts: false,
        central: { cert: pems.xcpCert, key: pems.xcpKey },
        rootca: pems.rootCa,
      },
    },
    spec: {
      hub: settings.TSB_REGISTRY,
      organization: settings.TSB_ORG,
      components: { frontEnvoy: { port: settings.MP_PORT } },
      highAvailability: role,
    },
  };
}

/**
 * The values of a control plane. Guide: Onboard Control Plane clusters.
 * @param template values that TSB returned for the cluster object, with its service account
 */
export function controlPlaneValues(
  settings: { TSB_VERSION: string; TSB_REGISTRY: string; MP_PORT: number },
  cluster: { name: string; host: string; rootCa: string; template: JsonObject },
): JsonObject {
  const guide = {
    image: { registry: settings.TSB_REGISTRY, tag: settings.TSB_VERSION },
    secrets: {
      elasticsearch: { cacert: cluster.rootCa },
      tsb: { cacert: cluster.rootCa },
      xcp: { rootca: cluster.rootCa },
    },
    spec: {
      hub: settings.TSB_REGISTRY,
      managementPlane: { clusterName: cluster.name, host: cluster.host, port: settings.MP_PORT, selfSigned: true },
    },
  };
  return overlay(cluster.template, guide);
}

/**
 * The guide's values with the user's own merged in.
 * @param variable the setting that names the file, for messages
 * @throws SettingsError when the file is no YAML mapping or contradicts what the guide sets, naming every such key
 */
export function withUserValues(
  guide: JsonObject,
  variable: "MP_VALUES" | "CP_VALUES",
  file: string | undefined,
): JsonObject {
  if (!file) return guide;
  const user = readValues(variable, file);
  const problems = contradictions(guide, user).map((path): Problem => {
    const mend = "remove it from the file: the settings and the guide decide it";
    return { variable, what: `sets ${path}, against the guide's values`, mend, from: file };
  });
  if (problems.length > 0) throw new SettingsError(problems);
  return overlay(user, guide);
}

function readValues(variable: string, file: string): JsonObject {
  let parsed: unknown;
  try {
    parsed = parse(readFileSync(file, "utf8"), { version: "1.1", maxAliasCount: 100 });
  } catch (error) {
    const what = `is not YAML: ${messageOf(error).split("\n")[0]}`;
    throw new SettingsError([{ variable, what, mend: "mend the file", from: file }]);
  }
  if (isObject(parsed)) return parsed;
  throw new SettingsError([{ variable, what: "is not a YAML mapping", mend: "mend the file", from: file }]);
}

/** Paths that the user sets to something else than the guide; everything under spec.highAvailability is the guide's. */
function contradictions(guide: JsonObject, user: JsonObject, prefix = ""): string[] {
  return Object.entries(user).flatMap(([key, theirs]) => {
    const path = `${prefix}${key}`;
    if (path === "spec.highAvailability") return [path];
    if (!(key in guide)) return [];
    const ours = guide[key];
    if (isObject(ours) && isObject(theirs)) return contradictions(ours, theirs, `${path}.`);
    return isSame(ours, theirs) ? [] : [path];
  });
}

/** `top` laid over `base`, mapping by mapping. */
function overlay(base: JsonObject, top: JsonObject): JsonObject {
  const merged = { ...base };
  for (const [key, value] of Object.entries(top)) {
    const below = merged[key];
    merged[key] = isObject(below) && isObject(value) ? overlay(below, value) : value;
  }
  return merged;
}

/** Values as YAML text that helm's YAML 1.1 reads as they are meant ("y" stays text), with PEM texts as blocks. */
export function valuesYaml(values: JsonObject): string {
  return stringify(values, { version: "1.1", lineWidth: 0 });
}
