import { chmodSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { build, stop } from "esbuild";
import type { Tools } from "./build-tools.ts";

/** What the lab's tctl knows without being told: a caller's environment must not matter. */
export interface BakedIn {
  /** LAB_DIR */
  readonly dir: string;
  /** "127.0.0.1:port" of the lab's name server. */
  readonly nameServer: string;
}

/** Fills $LAB_DIR/bin with what a user of the lab finds on PATH: kubectl, helm, helm3 and the stand-in tctl. */
export async function fillBin(bin: string, tools: Tools, bakedIn: BakedIn): Promise<void> {
  mkdirSync(bin, { mode: 0o755 });
  for (const name of ["kubectl", "helm", "helm3"] as const) symlinkSync(tools[name], join(bin, name));
  const outfile = join(bin, "tctl");
  await build({
    entryPoints: [join(import.meta.dirname, "tctl.ts")],
    outfile,
    bundle: true,
    platform: "node",
    target: "node20",
    // CommonJS: a file without an extension is no module to Node.
    format: "cjs",
    banner: { js: "#!/usr/bin/env node" },
    define: {
      "process.env.LAB_DIR": JSON.stringify(bakedIn.dir),
      "process.env.LAB_DNS": JSON.stringify(bakedIn.nameServer),
    },
    logLevel: "error",
  });
  await stop();
  chmodSync(outfile, 0o755);
}
