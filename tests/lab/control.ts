/**
 * Faults in a running lab, and a look at it:
 *   control.ts status | kill mp1 | revive mp1 | signal mp1/etcd STOP | restart mp1/etcd
 */
import { ControlClient } from "./control-client.ts";
import { runProgram, say } from "./program.ts";
import { labSettings, SettingsError } from "./settings.ts";

const usage = "usage: control.ts status | kill CLUSTER | revive CLUSTER | signal DAEMON SIGNAL | restart DAEMON";

await runProgram("lab", async () => {
  const { dir } = labSettings();
  const client = new ControlClient(dir);
  const [verb, target = "", signal = ""] = process.argv.slice(2);
  const started = Date.now();
  if (verb !== "status" && !target) throw new SettingsError(usage);
  const status = await client.status();
  if (!status) throw new Error(`no lab runs in ${dir}\n  next: make lab-up`);
  if (verb === "status") {
    process.stdout.write(`${JSON.stringify(status, undefined, 2)}\n`);
    return;
  }
  if (verb === "kill") await client.post("/kill", { cluster: target });
  else if (verb === "revive") await client.post("/revive", { cluster: target });
  else if (verb === "signal") await client.post("/signal", { daemon: target, signal });
  else if (verb === "restart") await client.post("/restart", { daemon: target });
  else throw new SettingsError(usage);
  say(`${verb} ${target}${signal && ` ${signal}`}: done in ${((Date.now() - started) / 1000).toFixed(1)} s`);
});
