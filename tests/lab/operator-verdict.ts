/** How a round of reconciling ended. */

/** Why the operator does not go on: ends up in its log, in the resource's Ready condition and in an Event. */
export class Blocked extends Error {
  /** CamelCase, for the condition. */
  readonly reason: string;

  constructor(reason: string, message: string) {
    super(message);
    this.name = "Blocked";
    this.reason = reason;
  }
}

/** What goes into the Ready condition when nothing is wrong. */
export interface Verdict {
  ready: boolean;
  reason: string;
  message: string;
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
