import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Daemon, DaemonOptions } from "./lab.ts";
import { isStopped, markProcess, type ProcessMark, residentKiB } from "./processes.ts";

/** A daemon as `status` shows it. */
export interface DaemonStatus {
  name: string;
  pid: number;
  state: "running" | "stopped" | "gone";
  residentMiB: number;
}

interface Entry {
  readonly argv: readonly string[];
  readonly options: DaemonOptions;
  readonly child: ChildProcess;
  readonly daemon: Daemon;
  gone: boolean;
}

/** The children of this process, by name; a name belongs to the one started last. */
export class Daemons {
  readonly #entries = new Map<string, Entry>();
  readonly #pidsFile: string;
  readonly #log: (line: string) => void;
  #closed = false;

  /** @param dir LAB_DIR: `pids.json` there names the children, for whoever has to tidy up after this process */
  constructor(dir: string, log: (line: string) => void) {
    this.#pidsFile = join(dir, "pids.json");
    this.#log = log;
  }

  /** Starts a direct child that the kernel kills when this process ends. @throws when it cannot be started */
  start(name: string, argv: readonly string[], options: DaemonOptions): Daemon {
    if (this.#closed) throw new Error(`${name}: not started, the lab is going down`);
    const running = this.#entries.get(name);
    if (running && !running.gone) throw new Error(`${name} runs already (pid ${running.daemon.pid})`);
    const asUser =
      options.user && process.getuid?.() === 0
        ? ["--reuid", options.user, "--regid", options.user, "--clear-groups"]
        : [];
    const log = openSync(options.logFile, "a", 0o644);
    // setpriv becomes the daemon by exec: its pid is the daemon's, and no shell stands between.
    const child = spawn(setpriv(), ["--pdeathsig", "KILL", ...asUser, "--", ...argv], {
      env: options.env ?? {},
      cwd: options.cwd ?? "/",
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    if (child.pid === undefined) throw new Error(`${name}: cannot start ${argv[0]}`);
    const entry: Entry = { argv, options, child, daemon: this.#daemon(name, child, child.pid), gone: false };
    child.once("exit", (code, signal) => {
      entry.gone = true;
      this.#log(`${name} ended (${signal ?? `exit ${code}`})`);
    });
    this.#entries.set(name, entry);
    this.#recordPids();
    return entry.daemon;
  }

  /** @throws when no daemon of that name was ever started */
  get(name: string): Daemon {
    return this.#entry(name).daemon;
  }

  /** SIGKILL if it still runs, then the same command again. */
  async restart(name: string): Promise<Daemon> {
    const { argv, options, daemon, gone } = this.#entry(name);
    if (!gone) daemon.kill("SIGKILL");
    await daemon.exited;
    return this.start(name, argv, options);
  }

  /** SIGKILL to all, or to those chosen by name; resolves when they are gone and reaped. */
  async killAll(chosen: (name: string) => boolean = () => true): Promise<void> {
    const running = [...this.#entries.values()].filter((entry) => !entry.gone && chosen(entry.daemon.name));
    for (const { daemon } of running) daemon.kill("SIGKILL");
    await Promise.all(running.map(({ daemon }) => daemon.exited));
  }

  /** SIGKILL to all, and none is started any more. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.killAll();
  }

  status(): DaemonStatus[] {
    return [...this.#entries].map(([name, { daemon, gone }]) => ({
      name,
      pid: daemon.pid,
      state: gone ? "gone" : isStopped(daemon.pid) ? "stopped" : "running",
      residentMiB: gone ? 0 : Math.round(residentKiB(daemon.pid) / 1024),
    }));
  }

  #entry(name: string): Entry {
    const entry = this.#entries.get(name);
    if (!entry) throw new Error(`no daemon "${name}"; there are: ${[...this.#entries.keys()].join(", ")}`);
    return entry;
  }

  #daemon(name: string, child: ChildProcess, pid: number): Daemon {
    const exited = new Promise<void>((resolve) => {
      child.once("exit", () => resolve());
      child.once("error", () => resolve());
    });
    return { name, pid, exited, kill: (signal) => void child.kill(signal) };
  }

  #recordPids(): void {
    const marks = [...this.#entries]
      .filter(([, entry]) => !entry.gone)
      .map(([name, { daemon }]) => markProcess(name, daemon.pid))
      .filter((mark): mark is ProcessMark => mark !== undefined);
    writeFileSync(`${this.#pidsFile}.new`, JSON.stringify(marks));
    renameSync(`${this.#pidsFile}.new`, this.#pidsFile);
  }
}

function setpriv(): string {
  return existsSync("/usr/bin/setpriv") ? "/usr/bin/setpriv" : "/bin/setpriv";
}
