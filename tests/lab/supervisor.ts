import { appendFileSync } from "node:fs";
import { join } from "node:path";
import type { Tools } from "./build-tools.ts";
import type { ControlHandlers, LabStatus } from "./control-server.ts";
import { Daemons } from "./daemons.ts";
import { buildLab } from "./lab-build.ts";
import type { LabSite } from "./lab-site.ts";
import type { LabSettings } from "./settings.ts";

/** Has a lab built, holds it together, and does what is asked of it over the control socket. */
export class Supervisor implements ControlHandlers {
  readonly #settings: LabSettings;
  readonly #tools: Tools;
  readonly #daemons: Daemons;
  readonly #sites = new Map<string, LabSite>();
  readonly #steps: string[] = [];
  readonly #started = Date.now();
  #state: LabStatus["state"] = "starting";
  #error: string | undefined;
  #secondsToReady: number | undefined;

  constructor(settings: LabSettings, tools: Tools) {
    this.#settings = settings;
    this.#tools = tools;
    this.#daemons = new Daemons(settings.dir, (line) => this.log(line));
  }

  /** Brings everything up, clusters side by side. A failure is kept for `status` and thrown. */
  async start(): Promise<void> {
    try {
      await buildLab({
        settings: this.#settings,
        tools: this.#tools,
        daemons: this.#daemons,
        log: (line) => this.log(line),
        step: (what) => this.#step(what),
        addSite: (site) => this.#sites.set(site.name, site),
      });
      this.#secondsToReady = this.#seconds();
      this.#state = "ready";
      this.#step("lab ready");
    } catch (error) {
      this.#state = "failed";
      this.#error = describe(error);
      this.log(`failed: ${this.#error}`);
      throw error;
    }
  }

  status(): LabStatus {
    return {
      state: this.#state,
      steps: this.#steps,
      ...(this.#error !== undefined && { error: this.#error }),
      ...(this.#secondsToReady !== undefined && { secondsToReady: this.#secondsToReady }),
      clusters: Object.fromEntries([...this.#sites].map(([name, site]) => [name, site.state])),
      daemons: this.#daemons.status(),
      supervisorMiB: Math.round(process.memoryUsage.rss() / 2 ** 20),
    };
  }

  kill(cluster: string): Promise<void> {
    this.log(`killing ${cluster}`);
    return this.#site(cluster).kill();
  }

  revive(cluster: string): Promise<void> {
    this.log(`reviving ${cluster}`);
    return this.#site(cluster).revive();
  }

  signal(daemon: string, signal: NodeJS.Signals): void {
    this.log(`${signal} to ${daemon}`);
    this.#daemons.get(daemon).kill(signal);
  }

  async restart(daemon: string): Promise<void> {
    this.log(`restarting ${daemon}`);
    await this.#daemons.restart(daemon);
  }

  /** Ends everything but this process. */
  async down(): Promise<void> {
    if (this.#state === "stopping") return;
    this.#state = "stopping";
    await this.endDaemons();
  }

  /** Ends the stand-ins in order, then all daemons by SIGKILL. */
  async endDaemons(): Promise<void> {
    const orderly = [...this.#sites.values()].map((site) => site.stop());
    await Promise.race([Promise.allSettled(orderly), new Promise((resolve) => setTimeout(resolve, 10_000))]);
    await this.#daemons.close();
  }

  log(line: string): void {
    appendFileSync(join(this.#settings.dir, "lab.log"), `${new Date().toISOString()} ${line}\n`);
  }

  #site(name: string): LabSite {
    const site = this.#sites.get(name);
    if (!site) throw new Error(`no cluster "${name}"; there are: ${[...this.#sites.keys()].join(", ")}`);
    return site;
  }

  #step(what: string): void {
    this.#steps.push(`${what} (${this.#seconds()} s)`);
    this.log(what);
  }

  #seconds(): number {
    return Math.round((Date.now() - this.#started) / 100) / 10;
  }
}

/** An error with its causes, each on a line. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}\n  because: ${describe(error.cause)}`;
}
