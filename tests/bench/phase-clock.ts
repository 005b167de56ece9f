/** How long each phase of a run lasts, by when the lines arrive that tell of it. */

/**
 * Knows two ways to tell: the scripts' headings, which may overlap ("== pki  one root CA", "pki: done in 0.2 s"), and
 * those of guide.sh, each of which ends the one before it ("@ Import the Secrets").
 */
export class PhaseClock {
  readonly #began = performance.now();
  readonly #open = new Map<string, number>();
  readonly #seconds: Record<string, number> = {};

  hear(line: string): void {
    const [, section] = /^@ (.+)$/.exec(line) ?? [];
    const [, step] = /^== ([a-z-]+) /.exec(line) ?? [];
    const [, done] = /^\s*([a-z-]+): done in /.exec(line) ?? [];
    if (section) this.#closeAll();
    const begins = section ?? step;
    if (begins) this.#open.set(begins, performance.now());
    if (done) this.#close(done);
  }

  /** Seconds since the clock was made. */
  seconds(): number {
    return (performance.now() - this.#began) / 1000;
  }

  /** Ends whatever is open; returns the seconds of each phase by its name. */
  finish(): Record<string, number> {
    this.#closeAll();
    return this.#seconds;
  }

  #closeAll(): void {
    for (const name of [...this.#open.keys()]) this.#close(name);
  }

  #close(name: string): void {
    const began = this.#open.get(name);
    if (began === undefined) return;
    this.#open.delete(name);
    this.#seconds[name] = (this.#seconds[name] ?? 0) + (performance.now() - began) / 1000;
  }
}
