/** The service account with which a standby introduces itself to the active, and its private key. */

import { createHash } from "node:crypto";
import { yamlAnswer } from "./answer.ts";
import { StepError } from "./errors.ts";
import { isObject, textAt } from "./json.ts";
import { type Finished, failure } from "./run.ts";
import { STANDBY_SA } from "./secrets.ts";
import type { State } from "./state.ts";
import { isNotFound, type Tctl } from "./tctl.ts";

/** The key's file in the state folder, as the guide names it: base64 of what tctl printed. */
export const KEY_FILE = "tsb-standby-sa-b64e";
/** Written before the account is created, removed when its key is kept: tells a killed run from a lost key. */
const CREATING = "tsb-standby-sa.creating";

/** The account's name within its organisation. */
export function serviceAccountFqn(organisation: string): string {
  return `organizations/${organisation}/serviceaccounts/${STANDBY_SA}`;
}

/** Whether the management plane has the account. */
export async function accountExists(tctl: Tctl): Promise<boolean> {
  const doing = `reading service account ${STANDBY_SA}`;
  const ended = await call(tctl, ["get", STANDBY_SA], doing, false);
  if (ended.exitCode === 0) return true;
  if (isNotFound(ended)) return false;
  throw failure("tctl", ["sa", "get", STANDBY_SA], ended, { doing });
}

/**
 * The account as tctl prints it, with the public halves of its keys; undefined when the management plane has none.
 * @throws StepError when it can't be read
 */
export async function readAccount(tctl: Tctl): Promise<unknown> {
  const doing = `reading service account ${STANDBY_SA}`;
  const args = ["get", STANDBY_SA, "-o", "yaml"];
  const ended = await call(tctl, args, doing, false);
  if (ended.exitCode === 0) return yamlAnswer(ended.stdout, doing);
  if (isNotFound(ended)) return undefined;
  throw failure("tctl", ["sa", ...args], ended, { doing });
}

/**
 * Creates the account and keeps its private key in the state folder at once: the server has the public half only.
 * Guide: Create a service account with read permissions.
 * @returns base64 of the JWK, as in tsb-standby-sa-b64e
 */
export async function createAccount(tctl: Tctl, state: State): Promise<string> {
  state.write(`${new Date().toISOString()}\n`, CREATING);
  return keepKey(await printedKey(tctl, "create"), state);
}

/**
 * Makes another key for an account whose first key never reached us because that run was killed.
 * @returns as {@link createAccount}
 */
export async function replaceLostKey(tctl: Tctl, state: State): Promise<string> {
  return keepKey(await printedKey(tctl, "gen-key"), state);
}

/** Whether a run of ours was killed between creating the account and keeping its key. */
export function wasInterrupted(state: State): boolean {
  return state.read(CREATING) !== undefined;
}

/** The key kept in the state folder: base64 of the JWK, or undefined. */
export function keptKey(state: State): string | undefined {
  return state.read(KEY_FILE)?.trim();
}

/** Keeps a key in the state folder: from now on, one that is missing was lost. */
export function keepKey(jwkBase64: string, state: State): string {
  if (keptKey(state) !== jwkBase64) state.write(jwkBase64, KEY_FILE);
  state.remove(CREATING);
  return jwkBase64;
}

/**
 * What can be told of a key without showing it: its `kid` and the hash of its public half.
 * @throws StepError when the text is not base64 of a private RSA key in JWK form
 */
export function describeKey(jwkBase64: string, where: string): string {
  const jwk = parseKey(jwkBase64);
  if (!jwk)
    throw new StepError(`${where} does not hold a private key as tctl prints it (base64 of one JSON Web Key)`, {
      next: "move it away if it is damaged; the other copy, in the state folder or the active's Secret, will be used",
    });
  const thumb = createHash("sha256")
    .update(textAt(jwk, "n") ?? "")
    .digest("hex")
    .slice(0, 12);
  return `kid ${textAt(jwk, "kid") ?? "none"}, modulus sha256 ${thumb}`;
}

/** The private JWK that such a text holds; undefined where it holds none. */
export function parseKey(jwkBase64: string): unknown {
  try {
    const jwk: unknown = JSON.parse(Buffer.from(jwkBase64, "base64").toString("utf8"));
    return isObject(jwk) && jwk.kty === "RSA" && typeof jwk.d === "string" && typeof jwk.n === "string"
      ? jwk
      : undefined;
  } catch {
    return undefined;
  }
}

async function printedKey(tctl: Tctl, command: "create" | "gen-key"): Promise<string> {
  const doing = `${command === "create" ? "creating" : "making a new key for"} service account ${STANDBY_SA}`;
  const ended = await call(tctl, [command, STANDBY_SA], doing, true);
  if (ended.exitCode !== 0) throw failure("tctl", ["sa", command, STANDBY_SA], ended, { doing });
  // The bytes exactly as printed: the guide's `| base64 -w0`.
  const base64 = Buffer.from(ended.stdout, "utf8").toString("base64");
  describeKey(base64, `the output of tctl sa ${command}`);
  return base64;
}

/** `tctl sa …`, or `tctl x sa …` where the former is not known yet (older releases). */
async function call(tctl: Tctl, args: readonly string[], doing: string, mutates: boolean): Promise<Finished> {
  const ended = await tctl.attempt(["sa", ...args], doing, { mutates });
  const isUnknown = ended.exitCode !== 0 && /unknown command|unknown flag/i.test(ended.stderr);
  return isUnknown ? tctl.attempt(["x", "sa", ...args], doing, { mutates }) : ended;
}
