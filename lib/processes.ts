/** Other processes of this machine, and of others that share a folder with it. */

import { createHash } from "node:crypto";
import { hostname } from "node:os";

/** Another machine has processes of the same numbers. */
const MACHINE = createHash("sha256").update(hostname()).digest("hex").slice(0, 8);

/** Tells this process from all others, in the names of files that it has not finished: "5d41402a-4711". */
export const OWN_MARK = `${MACHINE}-${process.pid}`;
/** A mark in the form of {@link OWN_MARK}. */
export const MARK = /[0-9a-f]{8}-\d+/;

/** Whether a process runs by its mark, whoever it belongs to; undefined where only another machine could tell. */
export function isMarkAlive(mark: string): boolean | undefined {
  const [machine, pid] = mark.split("-");
  return machine === MACHINE ? isAlive(Number(pid)) : undefined;
}

/** Whether a process runs, whoever it belongs to. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
