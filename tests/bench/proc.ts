/** What /proc tells of the machine's processors and of our scripts' processes. */
import { readFileSync } from "node:fs";

/** Ticks of all processors since the machine started: those in which they were busy, and all. */
export function processorTicks(): { busy: number; all: number } {
  const [line = ""] = readFileSync("/proc/stat", "utf8").split("\n");
  // user nice system idle iowait irq softirq steal; what guests use is in user already.
  const ticks = line.trim().split(/\s+/).slice(1, 9).map(Number);
  const all = ticks.reduce((sum, one) => sum + one, 0);
  return { busy: all - (ticks[3] ?? 0) - (ticks[4] ?? 0), all };
}

/** Memory of the scripts (`node .build/….mjs`) among the descendants of a process. */
export function ownProcesses(pid: number): { peakMiB: number; residentMiB: number }[] {
  return descendants(pid).flatMap((one) => {
    const [program = "", script = ""] = read(`/proc/${one}/cmdline`).split("\0");
    if (!program.endsWith("node") || !/^\.build\/.*\.mjs$/.test(script)) return [];
    const status = read(`/proc/${one}/status`);
    const peakMiB = mebibytes(status, "VmHWM");
    return peakMiB === 0 ? [] : [{ peakMiB, residentMiB: mebibytes(status, "VmRSS") }];
  });
}

function descendants(pid: number): number[] {
  const children = read(`/proc/${pid}/task/${pid}/children`).trim().split(" ").filter(Boolean).map(Number);
  return children.flatMap((child) => [child, ...descendants(child)]);
}

function mebibytes(status: string, field: string): number {
  const [, kibibytes = "0"] = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status) ?? [];
  return Number(kibibytes) / 1024;
}

/** @returns an empty text where the process has ended meanwhile */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
