/** tctl's command line, taken apart; what it does not know is an error, as with the real one. */

/** Flags of every command: canonical name by spelling. */
const GLOBAL: Record<string, string> = {
  "-c": "config",
  "--config": "config",
  "-p": "profile",
  "--profile": "profile",
};

/** First words that mean another. */
const ALIASES: Record<string, string> = {
  "service-account": "sa",
  "service-accounts": "sa",
  serviceaccount: "sa",
};

/** Second words of `config` that mean another. */
const CONFIG_ALIASES: Record<string, string> = { cluster: "clusters", user: "users", profile: "profiles" };

export interface Flags {
  /** Canonical name by spelling; the value follows. */
  valued: Record<string, string>;
  /** Canonical name by spelling; no value. */
  switches?: Record<string, string>;
}

export interface Parsed {
  positional: string[];
  flags: Record<string, string>;
}

/** A wrong command line. */
export class UsageError extends Error {}

/** @throws UsageError for a flag that the command does not have, or that lacks its value */
export function parseFlags(args: readonly string[], accepted: Flags): Parsed {
  const valued = { ...GLOBAL, ...accepted.valued };
  const parsed: Parsed = { positional: [], flags: {} };
  for (let at = 0; at < args.length; at++) {
    const argument = args[at] ?? "";
    if (!argument.startsWith("-") || argument === "-") {
      parsed.positional.push(argument);
      continue;
    }
    const [spelling = "", inline] = splitOnce(argument);
    const toggle = accepted.switches?.[spelling];
    const name = valued[spelling];
    if (toggle !== undefined) parsed.flags[toggle] = inline ?? "true";
    else if (name === undefined)
      throw new UsageError(`unknown ${spelling.startsWith("--") ? "flag" : "shorthand flag"}: ${spelling}`);
    else {
      const value = inline ?? args[++at];
      if (value === undefined) throw new UsageError(`flag needs an argument: ${spelling}`);
      parsed.flags[name] = value;
    }
  }
  return parsed;
}

/** Splits "tctl -p x config clusters set …" into its command words and the rest. `groups` are words that take a subcommand. */
export function splitCommand(
  argv: readonly string[],
  groups: ReadonlySet<string>,
): { command: string; rest: string[] } {
  const rest = [...argv];
  const words: string[] = [];
  const leading: string[] = [];
  while (rest.length > 0) {
    const next = rest[0] ?? "";
    if (next.startsWith("-")) {
      leading.push(...rest.splice(0, GLOBAL[next] === undefined ? 1 : 2));
      continue;
    }
    rest.shift();
    const aliases = words.length === 0 ? ALIASES : words[0] === "config" ? CONFIG_ALIASES : {};
    words.push(aliases[next] ?? next);
    if (!groups.has(words.join(" "))) break;
  }
  return { command: words.join(" "), rest: [...leading, ...rest] };
}

function splitOnce(argument: string): [string, string | undefined] {
  const at = argument.startsWith("--") ? argument.indexOf("=") : -1;
  return at < 0 ? [argument, undefined] : [argument.slice(0, at), argument.slice(at + 1)];
}
