/** `make lab-down`: ends the lab and removes LAB_DIR. Says so when there is none. */
import { existsSync } from "node:fs";
import { ControlClient } from "./control-client.ts";
import { checkOwnFolder, removeLab } from "./lab-folder.ts";
import { waitGone } from "./processes.ts";
import { runProgram, say } from "./program.ts";
import { labSettings } from "./settings.ts";
import { readState } from "./state.ts";

await runProgram("lab-down", async () => {
  const { dir } = labSettings();
  if (!existsSync(dir)) {
    say(`no lab in ${dir}`);
    return;
  }
  checkOwnFolder(dir);
  const client = new ControlClient(dir);
  const supervisor = readState(dir)?.supervisor;
  if (await client.status()) {
    await client.post("/down");
    if (supervisor) await waitGone([supervisor], 10);
  }
  await removeLab(dir);
  say(`lab is down: ${dir} removed`);
});
