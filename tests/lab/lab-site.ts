import type { ControlPlane } from "./control-plane.ts";
import type { StandIn } from "./lab.ts";

/** How a site is; a killed one keeps its data. */
export type SiteState = "starting" | "up" | "killed";

/** One cluster with all that runs on it. What is asked of it happens one after the other. */
export class LabSite {
  readonly name: string;
  state: SiteState = "starting";
  readonly #controlPlane: ControlPlane;
  readonly #standIn: StandIn;
  #last: Promise<unknown> = Promise.resolve();

  constructor(name: string, controlPlane: ControlPlane, standIn: StandIn) {
    this.name = name;
    this.#controlPlane = controlPlane;
    this.#standIn = standIn;
  }

  /** First start. */
  start(): Promise<void> {
    return this.#inTurn(() => this.#start());
  }

  /** SIGKILL to everything, as when a whole site loses power. Does nothing when it is killed already. */
  kill(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.state === "killed") return;
      this.state = "killed";
      await Promise.all([this.#controlPlane.kill(), this.#standIn.kill()]);
    });
  }

  /** Starts a killed site again, on its old data and addresses. Does nothing when it is up. */
  revive(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.state !== "killed") return;
      try {
        await this.#start();
      } catch (error) {
        await this.#controlPlane.kill(); // Half a site would stand in the way of the next attempt.
        throw error;
      }
    });
  }

  /** Orderly end of what must not be killed. */
  stop(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.state === "up") await this.#standIn.stop();
    });
  }

  async #start(): Promise<void> {
    await this.#controlPlane.start();
    await this.#standIn.start();
    this.state = "up";
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const next = this.#last.then(work, work);
    this.#last = next.catch(() => {});
    return next;
  }
}
