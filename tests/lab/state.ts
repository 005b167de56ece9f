import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ProcessMark } from "./processes.ts";

/** What `$LAB_DIR/lab.json` (mode 0600) keeps of a lab: for `lab-env`, and for whoever has to tidy up after a crash. */
export interface LabState {
  readonly madeBy: "tsb-active-standby";
  readonly checkout: string;
  readonly supervisor: ProcessMark;
  readonly clusters: readonly string[];
  /** Set once the network is claimed. */
  readonly chartUrl: string;
  /** "127.0.0.1:port" */
  readonly nameServer: string;
  readonly passwords: Readonly<Record<PasswordName, string>>;
}

type PasswordName = "POSTGRES_PASSWORD" | "ELASTIC_PASSWORD" | "LDAP_BIND_PASSWORD" | "TSB_ADMIN_PASSWORD";

/** Random passwords, new with every lab. */
export function newPasswords(): Record<PasswordName, string> {
  const one = () => randomBytes(18).toString("base64url");
  return { POSTGRES_PASSWORD: one(), ELASTIC_PASSWORD: one(), LDAP_BIND_PASSWORD: one(), TSB_ADMIN_PASSWORD: one() };
}

/** Writes it whole or not at all. */
export function writeState(dir: string, state: LabState): void {
  const file = join(dir, "lab.json");
  writeFileSync(`${file}.new`, JSON.stringify(state, undefined, 2), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** @returns undefined when there is no lab in that folder */
export function readState(dir: string): LabState | undefined {
  const file = join(dir, "lab.json");
  if (!existsSync(file)) return undefined;
  const state: LabState = JSON.parse(readFileSync(file, "utf8"));
  return state.madeBy === "tsb-active-standby" ? state : undefined;
}
