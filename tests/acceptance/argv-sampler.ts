/**
 * argv-sampler.ts MARK FILE: until SIGTERM, looks at every process under /proc whose environment has the MARK, a few
 * hundred times a second; then writes the command lines it saw to FILE, one a line, and to FILE.env each variable of
 * their environments, with the command line before it.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const [mark = "", file = ""] = process.argv.slice(2);
const seen = new Set<string>();
/** A process and its command line: what it was before it became another program counts as well. */
const known = new Set<string>();
const variables = new Set<string>();
/** Processes that have nothing to do with the run. */
const strangers = new Set<string>(readdirSync("/proc"));
let isOver = false;
process.once("SIGTERM", () => {
  isOver = true;
});

while (!isOver) {
  for (const pid of readdirSync("/proc")) {
    if (strangers.has(pid)) continue;
    const commandLine = commandLineOf(pid);
    // Looked at already: the less there is to read, the shorter a life escapes.
    if (known.has(`${pid} ${commandLine}`)) continue;
    const environment = read(pid, "environ");
    // Between fork and exec, or at its end, a process has neither; and just now it may have become another one.
    if (environment === "" || commandLine === "" || commandLineOf(pid) !== commandLine) continue;
    if (!environment.includes(mark)) strangers.add(pid);
    else {
      known.add(`${pid} ${commandLine}`);
      seen.add(commandLine);
      for (const one of environment.split("\0").filter(Boolean)) variables.add(`${commandLine}\t${oneLine(one)}`);
    }
  }
  await sleep(3);
}
writeFileSync(file, [...seen, ""].join("\n"), { mode: 0o600 });
writeFileSync(`${file}.env`, [...variables, ""].join("\n"), { mode: 0o600 });

function commandLineOf(pid: string): string {
  return oneLine(read(pid, "cmdline").replaceAll("\0", " ").trim());
}

function oneLine(text: string): string {
  return text.replaceAll("\n", "\\n");
}

function read(pid: string, entry: string): string {
  try {
    return readFileSync(`/proc/${pid}/${entry}`, "utf8");
  } catch {
    return "";
  }
}
