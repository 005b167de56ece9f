/** tctl's configuration file: clusters, users, and the profiles that pair them. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { parse, stringify } from "yaml";
import { isRecord, stringsOf } from "./api-http.ts";

export interface ClusterEntry {
  bridgeAddress: string;
  tlsCustomCaFile?: string | undefined;
  tlsInsecure?: boolean | undefined;
}

export interface UserEntry {
  org?: string | undefined;
  tenant?: string | undefined;
  username?: string | undefined;
  password?: string | undefined;
  token?: string | undefined;
}

export interface ProfileEntry {
  cluster: string;
  username: string;
}

/** The file's content. */
export interface TctlConfig {
  clusters: Record<string, ClusterEntry>;
  users: Record<string, UserEntry>;
  profiles: Record<string, ProfileEntry>;
  currentProfile: string | undefined;
}

/** @param flag the value of -c, if given */
export function configFile(flag: string | undefined): string {
  return flag || process.env.TCTL_CONFIG || join(homedir(), ".tctl", "config.yaml");
}

/** A missing or empty file is an empty configuration. @throws Error when the file is not one of tctl's */
export function readConfig(file: string): TctlConfig {
  const content: unknown = existsSync(file) ? parse(readFileSync(file, "utf8")) : undefined;
  if (content === undefined || content === null)
    return { clusters: {}, users: {}, profiles: {}, currentProfile: undefined };
  if (!isRecord(content)) throw new Error(`${file} is not a tctl configuration`);
  const current = content.currentProfile;
  return {
    clusters: mapped(content.clusters, (entry) => ({
      bridgeAddress: entry.bridgeAddress ?? "",
      tlsCustomCaFile: entry.tlsCustomCaFile,
      tlsInsecure: entry.tlsInsecure === "true",
    })),
    users: mapped(content.users, (entry) => entry),
    profiles: mapped(content.profiles, (entry) => ({ cluster: entry.cluster ?? "", username: entry.username ?? "" })),
    currentProfile: typeof current === "string" ? current : undefined,
  };
}

/** Readable by its owner only: there may be a password or a token in it. */
export function writeConfig(file: string, config: TctlConfig): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(`${file}.new`, stringify(config), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** @throws Error when the profile, or what it names, is not configured */
export function profileOf(
  config: TctlConfig,
  flag: string | undefined,
): { name: string; userName: string; cluster: ClusterEntry; user: UserEntry } {
  const name = flag ?? config.currentProfile ?? "default";
  const profile = config.profiles[name];
  if (profile === undefined) throw new Error(`profile "${name}" does not exist: use "tctl config profiles set"`);
  const cluster = config.clusters[profile.cluster];
  if (cluster === undefined) throw new Error(`cluster "${profile.cluster}" of profile "${name}" does not exist`);
  return { name, userName: profile.username, cluster, user: config.users[profile.username] ?? {} };
}

function mapped<T>(value: unknown, entry: (fields: Record<string, string | undefined>) => T): Record<string, T> {
  const entries = isRecord(value) ? Object.entries(value) : [];
  return Object.fromEntries(entries.map(([name, fields]) => [name, entry(stringsOf(fields))]));
}
