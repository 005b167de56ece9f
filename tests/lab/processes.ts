import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** One certain process: a pid may be given again, a pid with its start time may not. */
export interface ProcessMark {
  readonly name: string;
  readonly pid: number;
  /** Clock ticks since boot, field 22 of /proc/PID/stat. */
  readonly startTime: string;
}

/** @returns state letter and start time, or undefined when there is no such process */
function readStat(pid: number): { state: string; startTime: string } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The command's name, in parentheses, may itself hold blanks and parentheses.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { state: fields[0] ?? "", startTime: fields[19] ?? "" };
  } catch {
    return undefined;
  }
}

/** @returns the mark, or undefined when the process is already gone */
export function markProcess(name: string, pid: number): ProcessMark | undefined {
  const stat = readStat(pid);
  return stat && { name, pid, startTime: stat.startTime };
}

/** Whether that very process still runs; a zombie does not. */
export function isAlive(mark: ProcessMark): boolean {
  const stat = readStat(mark.pid);
  return stat !== undefined && stat.startTime === mark.startTime && !"ZX".includes(stat.state);
}

/** Whether it is stopped by SIGSTOP. */
export function isStopped(pid: number): boolean {
  return readStat(pid)?.state === "T";
}

/** SIGKILL to those that still run, then waits until they are gone. @throws when one stays for 10 seconds */
export async function killAll(marks: readonly ProcessMark[]): Promise<void> {
  for (const mark of marks.filter(isAlive)) process.kill(mark.pid, "SIGKILL");
  await waitGone(marks, 10);
}

/** @throws when one still runs after `seconds` */
export async function waitGone(marks: readonly ProcessMark[], seconds: number): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const alive = marks.filter(isAlive);
    if (alive.length === 0) return;
    if (Date.now() > deadline) {
      throw new Error(`still running after ${seconds} s: ${alive.map((m) => `${m.name} (pid ${m.pid})`).join(", ")}`);
    }
    await sleep(50);
  }
}

/** Resident memory of a process in KiB, 0 when it is gone. */
export function residentKiB(pid: number): number {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
