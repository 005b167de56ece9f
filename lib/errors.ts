/** One thing wrong with the settings: which variable, what about it, and how to mend it. */
export interface Problem {
  /** The setting's name as it stands in `.env`, or a command-line flag. */
  variable: string;
  /** What is wrong, with the offending value unless it is a secret. */
  what: string;
  /** What the operator should do about it. */
  mend: string;
  /** Who set it: "environment", the env file's path, or "unset". */
  from?: string;
}

/** The step failed after it began: exit code 1 unless told otherwise. */
export class StepError extends Error {
  /** What to try next, in one line. */
  readonly next: string | undefined;
  readonly exitCode: number;
  /** Waiting longer can't help. */
  readonly isFinal: boolean;
  /** Further lines worth reading: pods that are not ready, the operator's last log lines, a tool's own words. */
  readonly details: readonly string[];

  /**
   * @param message what failed, where, and why
   * @param options.next what to try next
   * @param options.details lines shown below the message
   * @param options.exitCode 1 (failed) or 4 (a role change begun but not finished)
   * @param options.isFinal true ends a wait at once
   */
  constructor(
    message: string,
    options: { next?: string; details?: readonly string[]; cause?: unknown; exitCode?: number; isFinal?: boolean } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = "StepError";
    this.next = options.next;
    this.details = options.details ?? [];
    this.isFinal = options.isFinal ?? false;
    this.exitCode = options.exitCode ?? 1;
  }
}

/** Wrong settings or usage, found before anything was touched: exit code 2, every problem at once. */
export class SettingsError extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map((problem) => `${problem.variable}: ${problem.what}`).join("; "));
    this.name = "SettingsError";
    this.problems = problems;
  }
}

/** SIGINT or SIGTERM arrived: exit code 130. */
export class Interrupted extends Error {
  constructor() {
    super("interrupted");
    this.name = "Interrupted";
  }
}

/** The message of anything thrown, for use inside our own messages. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
