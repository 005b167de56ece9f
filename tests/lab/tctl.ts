/** The lab's stand-in for tctl, TSB's command-line client. */
import { parseFlags, splitCommand, UsageError } from "./tctl-arguments.ts";
import { COMMANDS } from "./tctl-commands.ts";

/** Words that only group other commands. */
const GROUPS: ReadonlySet<string> = new Set(
  Object.keys(COMMANDS).flatMap((command) =>
    command
      .split(" ")
      .slice(0, -1)
      .map((_, at, words) => words.slice(0, at + 1).join(" ")),
  ),
);

async function main(argv: readonly string[]): Promise<void> {
  const words = argv[0] === "x" || argv[0] === "experimental" ? argv.slice(1) : argv;
  const { command, rest } = splitCommand(words, GROUPS);
  const found = COMMANDS[command];
  if (found === undefined) {
    const known = Object.keys(COMMANDS).filter((name) => command === "" || name.startsWith(`${command} `));
    const hint = known.length > 0 ? `; there are: ${known.join(", ")}` : "";
    throw new UsageError(`unknown command "${command}" for "tctl"${hint}`);
  }
  await found.run(parseFlags(rest, found.flags));
}

main(process.argv.slice(2)).catch((error: unknown) => {
  const message = error instanceof Error ? error.message : String(error);
  const usage = error instanceof UsageError ? "\nRun 'tctl' with a command from its documentation." : "";
  process.stderr.write(`Error: ${message}${usage}\n`);
  process.exitCode = 1;
});
