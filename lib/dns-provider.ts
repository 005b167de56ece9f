import type { Answer } from "./dns-look.ts";
import type { DnsRecord } from "./dns-records.ts";

/** A name that is not yet as it should be. */
export interface Change {
  /** What the name should be: afterwards it has this record and no other A, AAAA or CNAME. */
  record: DnsRecord;
  /** What it was a moment ago. */
  seen: Answer;
}

/** A name that is to have no records any more. */
export interface Removal {
  name: string;
  /** What it was a moment ago. */
  seen: Answer;
}

/** A way of changing records. Providers only know how; `dns.ts` decides what, and verifies the result. */
export interface DnsProvider {
  /** What to try when the changes were made but can't be seen: the `next` line of the error. */
  readonly ifMissing: string;
  /**
   * Makes the changes, in the order given; replaces what a name has in one go, so that it is never without a record.
   * @throws StepError in the service's own words, with what to mend
   */
  change(changes: readonly Change[]): Promise<void>;
  /**
   * Takes all A, AAAA and CNAME records of names away.
   * @throws StepError in the service's own words, with what to mend
   */
  remove(removals: readonly Removal[]): Promise<void>;
  /**
   * Finds out whether a change would be taken, without making one.
   * @param names those that will be changed
   * @throws StepError as {@link change} does
   */
  rehearse?(names: readonly string[]): Promise<void>;
}
