/** `make lab-up`: brings the lab up; says so when it is up already. Settings: LAB_DIR, LAB_CLUSTERS, LAB_PACE. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ensureTools, type Tools, toolsFault } from "./build-tools.ts";
import { ControlClient } from "./control-client.ts";
import { checkOwnFolder, createLabFolder, removeLab } from "./lab-folder.ts";
import { withLock } from "./lock.ts";
import { runProgram, say } from "./program.ts";
import { checkout, type LabSettings, labSettings } from "./settings.ts";
import { readState } from "./state.ts";
import { ensureSystem } from "./system-packages.ts";

await runProgram("lab-up", async () => {
  const settings = labSettings();
  // Two lab-ups of one lab take turns; the second then finds it running.
  await withLock(
    settings.dir,
    () => say("another lab-up of this lab is under way; waiting for it"),
    () => up(settings),
  );
});

async function up(settings: LabSettings): Promise<void> {
  if (existsSync(settings.dir)) {
    checkOwnFolder(settings.dir);
    const status = await new ControlClient(settings.dir).status();
    if (status?.state === "ready") {
      checkSameClusters(settings);
      say(
        `lab is up: ${Object.entries(status.clusters)
          .map(([name, state]) => `${name} ${state}`)
          .join(", ")}; ${settings.dir}`,
      );
      return;
    }
    if (status?.state !== "starting") {
      say(`clearing away a lab that did not end properly: ${settings.dir}`);
      await removeLab(settings.dir);
    }
  }
  if (existsSync(settings.dir)) return await follow(settings);
  ensureSystem(say, { beside: await toolsFault() });
  const tools = await ensureTools(say);
  createLabFolder(settings.dir);
  await follow(settings, startSupervisor(settings, tools));
}

/** @throws when the running lab has other clusters than are asked for now */
function checkSameClusters({ dir, clusterNames }: LabSettings): void {
  const running = readState(dir)?.clusters ?? [];
  const absent = clusterNames.filter((name) => !running.includes(name));
  if (process.env.LAB_CLUSTERS && absent.length > 0) {
    throw new Error(
      `the lab that runs in ${dir} has no ${absent.join(", ")}\n  next: make lab-down, then make lab-up again`,
    );
  }
}

function startSupervisor({ dir }: LabSettings, tools: Tools): ChildProcess {
  const log = openSync(join(dir, "lab.log"), "a", 0o600);
  const child = spawn(
    process.execPath,
    ["--import", "tsx", join(checkout, "tests/lab/labd.ts"), JSON.stringify(tools)],
    {
      cwd: checkout,
      detached: true,
      stdio: ["ignore", log, log],
      env: {
        PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        HOME: process.env.HOME ?? "/",
        LAB_DIR: dir,
        LAB_CLUSTERS: process.env.LAB_CLUSTERS ?? "",
        LAB_PACE: process.env.LAB_PACE ?? "",
      },
    },
  );
  child.unref();
  return child;
}

/** Prints the supervisor's progress until it is ready. @throws when it fails or falls silent */
async function follow({ dir }: LabSettings, supervisor?: ChildProcess): Promise<void> {
  const client = new ControlClient(dir);
  let shown = 0;
  let silentSince = Date.now();
  for (;;) {
    const status = await client.status();
    if (status) silentSince = Date.now();
    for (const step of status?.steps.slice(shown) ?? []) say(`  ${step}`);
    shown = status?.steps.length ?? shown;
    if (status?.state === "ready") break;
    if (status?.state === "failed")
      throw new Error(`${status.error}\n  next: look into ${dir}, then make lab-up again`);
    if (Date.now() - silentSince > 60_000 || (supervisor && supervisor.exitCode !== null)) {
      throw new Error(
        `the supervisor ended or does not answer; end of ${dir}/lab.log:\n${readFileSync(join(dir, "lab.log"), "utf8").slice(-2000)}`,
      );
    }
    await sleep(150);
  }
  say(`lab is up: ${dir}\n  next: eval "$(make -s lab-env)"`);
}
