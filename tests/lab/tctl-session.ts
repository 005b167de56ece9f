/** What a tctl command starts from: the profile's management plane and organisation. */

import { type Flags, type Parsed, UsageError } from "./tctl-arguments.ts";
import { TctlClient } from "./tctl-client.ts";
import { configFile, profileOf, readConfig } from "./tctl-config.ts";

/** One command: its flags and what it does. */
export interface Command {
  flags: Flags;
  run(parsed: Parsed): Promise<void> | void;
}

export const OUTPUT = { "-o": "output", "--output-type": "output", "--output": "output" };

/** @throws Error when nothing is configured */
export function session(flags: Record<string, string>): { client: TctlClient; org: string } {
  const { cluster, user } = profileOf(readConfig(configFile(flags.config)), flags.profile);
  const org = flags.org ?? user.org;
  if (!org) throw new Error("no organization: use --org, or set it for the user");
  return { client: new TctlClient(cluster, user), org };
}

/** The one argument of a command. @throws UsageError unless there is exactly one */
export function only(positional: string[], name: string): string {
  const [first] = positional;
  if (first === undefined || positional.length !== 1) {
    throw new UsageError(`accepts 1 arg(s) (${name}), received ${positional.length}`);
  }
  return first;
}

/** @throws UsageError when the flag was not given */
export function requiredFlag(flags: Record<string, string>, name: string, spelling: string): string {
  const value = flags[name];
  if (!value) throw new UsageError(`required flag(s) "${spelling}" not set`);
  return value;
}
