/**
 * The lab's supervisor, one process for each lab: parent of every daemon, and itself the TSB software.
 * Started by up.ts, detached; its argument is the tools' paths as JSON. Ends on POST /down or SIGTERM.
 */
import { join } from "node:path";
import type { Tools } from "./build-tools.ts";
import { serveControl } from "./control-server.ts";
import { labSettings } from "./settings.ts";
import { Supervisor } from "./supervisor.ts";

const settings = labSettings();
const tools: Tools = JSON.parse(process.argv[2] ?? "{}");
const supervisor = new Supervisor(settings, tools);

// A fault in one stand-in must not take three clusters down with it; it must not go unseen either.
process.on("uncaughtException", (error) => supervisor.log(`BUG: ${error.stack ?? error.message}`));
process.on("unhandledRejection", (reason) =>
  supervisor.log(`BUG: ${reason instanceof Error ? reason.stack : String(reason)}`),
);

async function end(): Promise<void> {
  await supervisor.down();
  setImmediate(() => process.exit(0)); // After the answer to POST /down is out.
}

await serveControl(join(settings.dir, "control.sock"), {
  status: () => supervisor.status(),
  kill: (cluster) => supervisor.kill(cluster),
  revive: (cluster) => supervisor.revive(cluster),
  signal: (daemon, signal) => supervisor.signal(daemon, signal),
  restart: (daemon) => supervisor.restart(daemon),
  down: end,
});
process.on("SIGTERM", () => void end());
process.on("SIGINT", () => void end());
supervisor.start().catch(async () => {
  // Stays for up.ts to read why, without daemons, but not for ever.
  await supervisor.endDaemons();
  setTimeout(() => process.exit(1), 60_000);
});
