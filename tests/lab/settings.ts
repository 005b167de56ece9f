import { createHash } from "node:crypto";
import { userInfo } from "node:os";
import { resolve } from "node:path";

/** What a lab is made of, before it runs; from the environment, with defaults. */
export interface LabSettings {
  /** LAB_DIR: absolute, on a path that the Postgres user may traverse and short enough for socket names. */
  readonly dir: string;
  /** LAB_CLUSTERS: "mp*" are management planes, "cp*" control planes. */
  readonly clusterNames: readonly string[];
  /** LAB_PACE: scales every deliberate delay. */
  readonly pace: number;
}

/** Wrong settings; the programs turn it into exit code 2. */
export class SettingsError extends Error {}

/** The checkout that this file lies in. */
export const checkout = resolve(import.meta.dirname, "../..");

/** Every name of the lab lies in this zone. */
export const zone = "tsb.example.com";

/** The floating FQDN of the pair. */
export const floatDns = `active.${zone}`;

/** Sockets are limited to 107 bytes; the longest path below LAB_DIR takes about 40. */
const longestDir = 64;

/** @throws SettingsError naming every variable that is wrong */
export function labSettings(env: NodeJS.ProcessEnv = process.env): LabSettings {
  const { uid } = userInfo();
  const hash = createHash("sha256").update(checkout).digest("hex").slice(0, 8);
  const dir = resolve(env.LAB_DIR || `/tmp/tsb-lab-${uid}-${hash}`);
  const clusterNames = (env.LAB_CLUSTERS || "mp1 mp2 cp1").split(/[\s,]+/).filter(Boolean);
  const pace = Number(env.LAB_PACE || "1");
  const wrong: string[] = [];
  if (dir.length > longestDir) wrong.push(`LAB_DIR: "${dir}" is longer than ${longestDir} characters`);
  if (/[\s'":;]/.test(dir)) wrong.push(`LAB_DIR: "${dir}" has blanks, quotes, colons or semicolons`);
  for (const name of clusterNames) {
    if (!/^(mp[1-9]|cp[1-9]\d?)$/.test(name))
      wrong.push(`LAB_CLUSTERS: "${name}" is neither mp1 to mp9 nor cp1 to cp99`);
  }
  // So many addresses are between those of the API servers and those of the front envoys.
  if (clusterNames.length > 80) wrong.push(`LAB_CLUSTERS: ${clusterNames.length} clusters are more than 80`);
  if (new Set(clusterNames).size < clusterNames.length) wrong.push("LAB_CLUSTERS: a name is there twice");
  if (!Number.isFinite(pace) || pace < 0) wrong.push(`LAB_PACE: "${env.LAB_PACE}" is not a number from 0`);
  if (wrong.length > 0) throw new SettingsError(wrong.join("\n"));
  return { dir, clusterNames, pace };
}
