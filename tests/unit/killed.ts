/**
 * node --import …/killed.js: the process is killed, as by SIGKILL, in place of the KILL_AT-th time that it opens a file for
 * writing, moves or links one, or removes one. Standard error says so; without that line it ended before.
 */

import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

let left = Number(process.env.KILL_AT);

function count(): void {
  left -= 1;
  if (left > 0) return;
  fs.writeSync(2, "killed\n");
  process.kill(process.pid, "SIGKILL");
}

const { openSync, renameSync, linkSync, rmSync } = fs;
Object.assign(fs, {
  openSync: (...args: Parameters<typeof openSync>) => {
    if (args[1] === "w") count();
    return openSync(...args);
  },
  renameSync: (...args: Parameters<typeof renameSync>) => {
    count();
    renameSync(...args);
  },
  linkSync: (...args: Parameters<typeof linkSync>) => {
    count();
    linkSync(...args);
  },
  rmSync: (...args: Parameters<typeof rmSync>) => {
    count();
    rmSync(...args);
  },
});
syncBuiltinESMExports();
