/** Something done again and again, whatever goes wrong in between. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Lab } from "./lab.ts";
import { messageOf } from "./operator-verdict.ts";

/** Calls `round` again and again with a pause in between; a round that fails is logged once per message. */
export class Rounds {
  readonly #lab: Lab;
  readonly #name: string;
  readonly #round: () => Promise<void>;
  readonly #intervalMs: number;
  #running: Promise<void> | undefined;
  #abort = new AbortController();

  constructor(lab: Lab, name: string, intervalMs: number, round: () => Promise<void>) {
    this.#lab = lab;
    this.#intervalMs = intervalMs;
    this.#name = name;
    this.#round = round;
  }

  start(): void {
    if (this.#running !== undefined) return;
    this.#abort = new AbortController();
    this.#running = this.#run(this.#abort.signal);
  }

  /** Resolves when the round under way, if any, is over. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#running;
    this.#running = undefined;
  }

  async #run(signal: AbortSignal): Promise<void> {
    let failed = "";
    while (!signal.aborted) {
      try {
        await this.#round();
        failed = "";
      } catch (error) {
        const message = messageOf(error);
        if (message !== failed) this.#lab.log(`${this.#name}: ${message}`);
        failed = message;
      }
      await sleep(this.#intervalMs, undefined, { signal }).catch(() => undefined);
    }
  }
}
