/** A root rotation as it is recorded in the state folder: how far it is, the old root and the new one. */

import { parseCertificate } from "./certificate.ts";
import type { Settings } from "./config.ts";
import { SettingsError, StepError } from "./errors.ts";
import type { Installed } from "./installed.ts";
import { issue, planPki } from "./issue.ts";
import { at, isObject, textAt } from "./json.ts";
import { LEAF_NAMES } from "./root-ca.ts";
import { State } from "./state.ts";
import { certificatesOf, keepTrust, readTrust } from "./trust.ts";

/** The phases, in their order; docs/certificates.md. */
export const PHASES = ["trust", "reissue", "retire"] as const;
export type Phase = (typeof PHASES)[number];

/** One rotation. It stays in the state folder when it is done, until another one begins. */
export interface Rotation {
  /** The phase that is under way or next; "done" after the last. */
  phase: Phase | "done";
  /** SHA-256 fingerprints of the old root and of the new one. */
  from: string;
  to: string;
  /** When it began, and when each phase was done: ISO 8601. */
  begun: string;
  completed: Partial<Record<Phase, string>>;
}

const RECORD = ["ca", "rotation.json"] as const;
/** The new root until it is adopted, in the same form as the state folder itself. */
const NEXT = "next-root";
/** Roots that were rotated away, with the certificates that they signed; each in a folder of its own. */
const PREVIOUS = "previous-roots";

/**
 * The rotation on record, under way or done.
 * @throws StepError when the record can't be read
 */
export function readRotation(state: State): Rotation | undefined {
  const text = state.read(...RECORD);
  if (text === undefined) return undefined;
  const found: unknown = parseJson(text);
  const phase = [...PHASES, "done" as const].find((one) => one === at(found, "phase"));
  const [from, to, begun] = [textAt(found, "from"), textAt(found, "to"), textAt(found, "begun")];
  if (!phase || !from || !to || !begun)
    throw new StepError(`${state.path(...RECORD)} is not the record of a rotation`, {
      next: "put it back from a copy of the state folder",
    });
  const completed = Object.fromEntries(
    PHASES.map((one) => [one, textAt(found, "completed", one)]).filter(([, v]) => v),
  );
  return { phase, from, to, begun, completed };
}

function parseJson(text: string): unknown {
  try {
    const parsed: unknown = JSON.parse(text);
    return isObject(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function record(state: State, rotation: Rotation): Rotation {
  state.write(`${JSON.stringify({ version: 1, ...rotation }, undefined, 2)}\n`, ...RECORD);
  return rotation;
}

/** Whether a rotation is under way. */
export function isRotating(state: State): boolean {
  return (readRotation(state)?.phase ?? "done") !== "done";
}

/**
 * Forbids what must not happen between two roots.
 * @param what "no certificate is issued"
 * @throws StepError (exit 1) while a rotation is under way
 */
export function refuseDuringRotation(state: State, what: string): void {
  const rotation = readRotation(state);
  if (!rotation || rotation.phase === "done") return;
  throw new StepError(`${what} while a root rotation is under way (phase ${rotation.phase}, begun ${rotation.begun})`, {
    next: "finish it first: make rotate-root",
  });
}

/**
 * Makes the new root beside the old one, or takes CA_CERT and CA_KEY; an interrupted run's is taken up.
 * @throws SettingsError (exit 2) when there is no root to rotate, or CA_CERT names the one in use
 */
export async function beginRotation(state: State, settings: Settings<"MP_FLOAT_DNS">): Promise<Rotation> {
  const old = state.read("ca", "ca.crt");
  const from = old && parseCertificate(old)?.fingerprint256;
  if (!old || !from)
    throw new SettingsError([
      { variable: "STATE_DIR", what: `has no root CA (${state.path("ca", "ca.crt")})`, mend: "make pki" },
    ]);
  const next = new State(state.path(NEXT));
  const plan = planPki(next, { ...settings, instances: [] });
  if ("cert" in plan.root && plan.root.cert.fingerprint256 === from)
    throw new SettingsError([
      {
        variable: "CA_CERT",
        what: "is the root in use",
        mend: "name the new root with CA_CERT and CA_KEY, or unset both to have one made",
      },
    ]);
  const root = await issue(next, plan, settings);
  return record(state, {
    phase: "trust",
    from,
    to: root.fingerprint256,
    begun: new Date().toISOString(),
    completed: {},
  });
}

/** Trusts both roots from now on, in all that works with the state folder. */
export function trustBoth(state: State, rotation: Rotation): void {
  const next = state.read(NEXT, "ca", "ca.crt");
  if (next === undefined) throw lost(state.path(NEXT, "ca", "ca.crt"));
  keepTrust(state, [oldRoot(state, rotation), next]);
}

function lost(path: string): StepError {
  return new StepError(`${path} is gone`, { next: "put it back from a copy of the state folder" });
}

/** Marks a phase as done; the next one follows. */
export function completePhase(state: State, rotation: Rotation, phase: Phase): Rotation {
  const next = PHASES[PHASES.indexOf(phase) + 1] ?? "done";
  const completed = { ...rotation.completed, [phase]: new Date().toISOString() };
  const after = record(state, { ...rotation, phase: next, completed });
  if (next === "done") for (const file of ["ca.key", "ca.crt"]) state.remove(NEXT, "ca", file);
  return after;
}

/**
 * Puts the new root in the old one's place, which is kept aside with the certificates that it signed. May be repeated.
 * @returns the folder with the old root
 */
export function adoptNewRoot(state: State, rotation: Rotation, installed: readonly Pick<Installed, "name">[]): string {
  const aside = state.path(PREVIOUS, folderOf(rotation));
  if (parseCertificate(state.read("ca", "ca.crt") ?? "")?.fingerprint256 === rotation.to) return aside;
  const leaves = installed.flatMap(({ name }) =>
    LEAF_NAMES.flatMap((leaf) => [
      [name, `${leaf}.crt`],
      [name, `${leaf}.key`],
    ]),
  );
  for (const entry of [["ca", "ca.crt"], ["ca", "ca.key"], ...leaves]) copyOnce(state, entry, rotation);
  // The key first: an interrupted run finds the old certificate, and does it again.
  for (const file of ["ca.key", "ca.crt"]) {
    const text = state.read(NEXT, "ca", file);
    if (text === undefined) throw lost(state.path(NEXT, "ca", file));
    state.write(text, "ca", file);
  }
  return aside;
}

/** What an earlier, interrupted run has put aside stays: in the entry's place there may be something newer by now. */
function copyOnce(state: State, entry: readonly string[], rotation: Rotation): void {
  const copy = [PREVIOUS, folderOf(rotation), ...entry];
  const text = state.read(...entry);
  if (text !== undefined && state.read(...copy) === undefined) state.write(text, ...copy);
}

function folderOf({ from }: Rotation): string {
  return from.replaceAll(":", "").slice(0, 16).toLowerCase();
}

/** The old root's certificate (PEM), wherever it is by now. */
export function oldRoot(state: State, rotation: Rotation): string {
  const kept = state.read(PREVIOUS, folderOf(rotation), "ca", "ca.crt") ?? state.read("ca", "ca.crt") ?? "";
  if (parseCertificate(kept)?.fingerprint256 === rotation.from) return kept;
  throw lost(state.path(PREVIOUS, folderOf(rotation), "ca", "ca.crt"));
}

/** The new root's certificate (PEM), from what is trusted now. */
export function newRoot(state: State, rotation: Rotation): string {
  const found = certificatesOf(readTrust(state) ?? "").find(({ fingerprint256 }) => fingerprint256 === rotation.to);
  if (!found) throw lost(state.path("ca", "trust.crt"));
  return found.toString();
}
