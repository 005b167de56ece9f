/** One measured run: how long it took, how busy the machine was, and how much memory our own processes took. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { ROOT } from "../torture/killed-run.ts";
import { PhaseClock } from "./phase-clock.ts";
import { ownProcesses, processorTicks } from "./proc.ts";

/** How often memory is looked at. A process's peak never falls: the last look before its end is near it. */
const SAMPLE_MS = 20;

/** What a run cost. */
export interface Measured {
  seconds: number;
  /** Processor seconds of everything that it started; what the clusters did for it is not among them. */
  cpuSeconds: number;
  /** Share of the machine's processors that was busy meanwhile, whoever used them: 1 is all. */
  busy: number;
  /** Memory of our scripts' processes (node) in MiB: the peak of the largest, and of all that ran at one moment. */
  peakMiB: number;
  togetherMiB: number;
  /** Seconds of each phase, by name; phases may overlap. */
  phases: Record<string, number>;
}

/**
 * Runs a program, and measures it.
 * @param cwd default: the checkout
 * @throws Error with the end of its output when it fails
 */
export async function measure(command: readonly string[], env: NodeJS.ProcessEnv, cwd = ROOT): Promise<Measured> {
  const before = processorTicks();
  const clock = new PhaseClock();
  // bash's own `time` knows the processor seconds of all descendants that were waited for.
  const timed = 'TIMEFORMAT="cpu %U %S"; time "$@"';
  const child = spawn("bash", ["-c", timed, "bash", ...command], {
    ...{ cwd, env: { ...env, LC_ALL: "C" }, stdio: ["ignore", "pipe", "pipe"] as const },
  });
  const said: string[] = [];
  const heard = [child.stdout, child.stderr].map((stream) => {
    const lines = createInterface({ input: stream });
    lines.on("line", (line) => {
      said.push(line);
      clock.hear(line);
    });
    return once(lines, "close");
  });
  let [peakMiB, togetherMiB] = [0, 0];
  const sampler = setInterval(() => {
    const processes = ownProcesses(child.pid ?? 0);
    peakMiB = Math.max(peakMiB, ...processes.map((one) => one.peakMiB));
    togetherMiB = Math.max(
      togetherMiB,
      processes.reduce((sum, one) => sum + one.residentMiB, 0),
    );
  }, SAMPLE_MS);
  const [code] = await once(child, "exit");
  clearInterval(sampler);
  const seconds = clock.seconds();
  await Promise.all(heard);
  if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}:\n${said.slice(-30).join("\n")}`);
  const after = processorTicks();
  return {
    ...{ seconds, cpuSeconds: processorSeconds(said), peakMiB, togetherMiB, phases: clock.finish() },
    busy: (after.busy - before.busy) / Math.max(1, after.all - before.all),
  };
}

function processorSeconds(said: readonly string[]): number {
  const line = said.findLast((one) => /^cpu [\d.]+ [\d.]+$/.test(one)) ?? "";
  const [, user, system] = line.split(" ");
  return Number(user) + Number(system);
}
