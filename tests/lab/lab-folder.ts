import { execFileSync } from "node:child_process";
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { killAll, type ProcessMark } from "./processes.ts";
import { SettingsError } from "./settings.ts";
import { readState } from "./state.ts";

/** Makes an empty LAB_DIR that others may traverse but not list (PostgreSQL runs as another user). */
export function createLabFolder(dir: string): void {
  mkdirSync(dir, { mode: 0o711 });
}

/**
 * Makes sure that a LAB_DIR which exists is a lab of this user, before anything in it is believed or deleted.
 * @throws SettingsError when it is something else
 */
export function checkOwnFolder(dir: string): void {
  const found = lstatSync(dir);
  const ours = found.isDirectory() && found.uid === process.getuid?.();
  if (ours && (readdirSync(dir).length === 0 || readState(dir) || existsSync(join(dir, "lab.log")))) return;
  throw new SettingsError(`LAB_DIR: "${dir}" exists and is not a lab of yours\n  next: move it away, or set LAB_DIR`);
}

/** Ends what is left of a lab whose supervisor does not answer, and deletes its folder. */
export async function removeLab(dir: string): Promise<void> {
  const supervisor = readState(dir)?.supervisor;
  // The supervisor first: the kernel then kills its children; the list is for those that slipped through.
  if (supervisor) await killAll([supervisor]);
  const pids = join(dir, "pids.json");
  if (existsSync(pids)) {
    const marks: ProcessMark[] = JSON.parse(readFileSync(pids, "utf8"));
    await killAll(marks);
  }
  freeSharedMemory(dir);
  rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
}

/** A PostgreSQL that was killed leaves a small shared memory segment behind; its pid file says which. */
function freeSharedMemory(dir: string): void {
  for (const file of readdirSync(dir, { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith("postmaster.pid")) continue;
    const id = /^\s*\d+\s+(\d+)\s*$/.exec(readFileSync(join(dir, file), "utf8").split("\n")[6] ?? "")?.[1];
    if (id) tryToFree(id);
  }
}

function tryToFree(id: string): void {
  try {
    execFileSync("ipcrm", ["-m", id], { stdio: "ignore" });
  } catch {
    // Already gone: then there is nothing to free.
  }
}
