/** The rehearsal lab, as a person would use it: by its commands. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { ROOT } from "./killed-run.ts";

const execute = promisify(execFile);

/** Runs a program in the checkout; returns its standard output. @throws Error with the program's words */
export async function call(env: NodeJS.ProcessEnv, tool: string, ...args: string[]): Promise<string> {
  const { stdout } = await execute(tool, args, { cwd: ROOT, env, maxBuffer: 64 * 1024 * 1024 });
  return stdout;
}

/**
 * Brings up an empty lab in LAB_DIR; whatever was there goes.
 * @param settings LAB_CLUSTERS and LAB_PACE, where they are not to be the caller's
 */
export async function freshLab(dir: string, settings: NodeJS.ProcessEnv = {}): Promise<NodeJS.ProcessEnv> {
  await endLab(dir);
  await lab(dir, "up", settings);
  return labEnvironment(dir);
}

/**
 * What an administrator does once: the permissions of docs/rbac.
 * @param env of a lab of mp1, mp2 and cp1
 */
export async function permitSteps(env: NodeJS.ProcessEnv): Promise<void> {
  const files = { mp1: ["active", "standby"], mp2: ["active", "standby"], cp1: ["controlplane"] };
  const applied = Object.entries(files).map(([context, names]) =>
    call(env, "kubectl", "--context", context, "apply", ...names.map((name) => `--filename=docs/rbac/${name}.yaml`)),
  );
  await Promise.all(applied);
}

/** A lab's environment as the steps have it: with the permissions of {@link permitSteps}, and no others. */
export function asSteps(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...env, KUBECONFIG: `${env.LAB_DIR}/scripts.kubeconfig:${env.KUBECONFIG}` };
}

/** Ends the lab in LAB_DIR. */
export async function endLab(dir: string): Promise<void> {
  await lab(dir, "down");
}

/** What `eval "$(make -s lab-env)"` makes of our environment, for the lab in LAB_DIR. */
export async function labEnvironment(dir: string): Promise<NodeJS.ProcessEnv> {
  const settings = 'eval "$(node .build/lab/env.mjs)" && env -0';
  const entries = (await call(ours(dir), "bash", "-c", settings)).split("\0").filter(Boolean);
  return Object.fromEntries(entries.map((entry) => [entry.split("=", 1)[0], entry.slice(entry.indexOf("=") + 1)]));
}

async function lab(dir: string, command: "up" | "down", settings: NodeJS.ProcessEnv = {}): Promise<void> {
  await call({ ...ours(dir), ...settings }, process.execPath, `.build/lab/${command}.mjs`);
}

/** Our environment without what is meant for us, not for the steps, and without the make that called us. */
function ours(dir: string): NodeJS.ProcessEnv {
  const { SEED, ROUNDS, REFERENCE, MAKEFLAGS, MFLAGS, MAKEOVERRIDES, MAKELEVEL, ...env } = process.env;
  return { LAB_PACE: "0.2", ...env, LAB_DIR: dir };
}
