/**
 * Fills the empty passwords of the env file with strong random ones; they are never printed.
 *
 * Guide: Install the active Management Plane instance (fixed passwords, which the standby must share)
 * Settings: ENV_FILE (default .env); nothing else has to be set yet
 * Writes: the lines of the four passwords in ENV_FILE that are empty or missing; every other byte stays; mode 0600
 * Rerun: passwords that are there stay
 * Verified: the edited text is parsed before it is written: the passwords are in it, and all else is as before
 */

import { randomBytes } from "node:crypto";
import { chmodSync, readFileSync, realpathSync, statSync } from "node:fs";
import { fillEmpty } from "../lib/env-file.ts";
import { messageOf, SettingsError } from "../lib/errors.ts";
import * as output from "../lib/output.ts";
import { writeFileAtomically } from "../lib/state.ts";
import { stepOnEnvFile } from "../lib/step.ts";

const PASSWORDS = ["POSTGRES_PASSWORD", "ELASTIC_PASSWORD", "LDAP_BIND_PASSWORD", "TSB_ADMIN_PASSWORD"] as const;

const info = {
  name: "passwords",
  summary: "fill the empty passwords with strong random ones",
  guide: "Install the active Management Plane instance",
  heeds: PASSWORDS,
} as const;

await stepOnEnvFile(info, async (envFile, { dryRun }) => {
  const { path, text } = read(envFile);
  const { text: edited, filled } = fillEmpty(text, PASSWORDS, makePassword);
  for (const name of PASSWORDS) {
    if (!filled.includes(name)) output.already(`${name}: is set in ${envFile}`);
    else if (dryRun) output.wouldDo(`fill ${name} in ${envFile}`);
    else output.done(`${name}: filled with a random one`);
  }
  const isOpen = (statSync(path).mode & 0o077) !== 0;
  if (dryRun) return;
  if (filled.length > 0) writeFileAtomically(path, edited);
  else if (isOpen) chmodSync(path, 0o600);
  if (isOpen) output.done(`${envFile}: only you can read it now (mode 0600)`);
});

/** The file itself, where ENV_FILE is a link to it, and its text. */
function read(envFile: string): { path: string; text: string } {
  const refuse = (what: string, mend: string) => new SettingsError([{ variable: "ENV_FILE", what, mend }]);
  try {
    const path = realpathSync(envFile);
    const bytes = readFileSync(path);
    const text = bytes.toString("utf8");
    if (!Buffer.from(text).equals(bytes)) throw refuse(`"${envFile}" is not UTF-8 text`, "write it as UTF-8");
    return { path, text };
  } catch (error) {
    if (error instanceof SettingsError) throw error;
    throw refuse(`can't read "${envFile}": ${messageOf(error)}`, "cp env.example .env");
  }
}

/** 32 letters and digits: 190 bits, and nothing that a URL, a shell or YAML would read otherwise. */
function makePassword(): string {
  const letters = randomBytes(64).toString("base64url").replace(/[-_]/g, "");
  return letters.slice(0, 32);
}
