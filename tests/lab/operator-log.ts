/** The operator's log, in the format that a kubelet keeps, so that `kubectl logs` can serve it. */
import { appendFileSync, existsSync, renameSync, writeFileSync } from "node:fs";

/** Appends lines such as `… stdout F <time>\terror\t<component>\t<message>` to one file. */
export class OperatorLog {
  readonly #file: string;
  readonly #component: string;

  constructor(file: string, component: string) {
    this.#file = file;
    this.#component = component;
    if (!existsSync(file)) writeFileSync(file, "", { mode: 0o644 });
  }

  info(message: string): void {
    this.#write("info", message);
  }

  error(message: string): void {
    this.#write("error", message);
  }

  /** A new operator pod begins with an empty log; readers that follow by name notice the rename. */
  rotate(): void {
    if (existsSync(this.#file)) renameSync(this.#file, `${this.#file}.1`);
    writeFileSync(this.#file, "", { mode: 0o644 });
  }

  #write(level: string, message: string): void {
    const now = new Date().toISOString();
    const text = `${now}\t${level}\t${this.#component}\t${message.replaceAll("\n", " ")}`;
    appendFileSync(this.#file, `${now.replace("Z", "000000Z")} stdout F ${text}\n`);
  }
}
