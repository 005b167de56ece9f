/** What a PostgreSQL server says in its own log since it was last told something new. */
import { existsSync, readFileSync, statSync } from "node:fs";

const LINES = 500;

/** Reads from a mark onwards, so that what an earlier life complained of is not told again. */
export class PostgresLog {
  readonly file: string;
  #mark = 0;

  constructor(file: string) {
    this.file = file;
  }

  /** From here on. */
  mark(): void {
    this.#mark = existsSync(this.file) ? statSync(this.file).size : 0;
  }

  /** The last FATAL or ERROR line, or "". */
  lastComplaint(): string {
    const complaint = this.#lines().findLast((line) => /(FATAL|ERROR|PANIC): /.test(line));
    return complaint?.replace(/^.*?(FATAL|ERROR|PANIC): +/, "") ?? "";
  }

  /**
   * What the server says when its data went another way than its primary's. It then goes on asking for ever, and looks
   * as if it streamed while it does.
   */
  divergence(): string | undefined {
    const line = this.#lines().findLast((text) => text.includes("forked off current database system timeline"));
    return line?.replace(/^.*?LOG: +/, "");
  }

  #lines(): string[] {
    if (!existsSync(this.file)) return [];
    return readFileSync(this.file).subarray(this.#mark).toString("utf8").split("\n").slice(-LINES);
  }
}
