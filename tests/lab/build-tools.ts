import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { accessSync, constants, existsSync, readFileSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { checkout } from "./settings.ts";
import { buildMissing, goFault } from "./tool-build.ts";

const run = promisify(execFile);
const toolsDir = join(checkout, "tests/lab/tools");

/** The programs that the lab takes from Kubernetes, etcd, Helm and KWOK. */
export const toolNames = [
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "kubectl",
  "etcd",
  "kwok",
  "helm",
  "helm3",
] as const;
export type ToolName = (typeof toolNames)[number];

/** Absolute path of every tool. */
export type Tools = Readonly<Record<ToolName, string>>;

/** These three must be of one version and come from one folder, or they are all built. */
const controlPlane = ["kube-apiserver", "kube-controller-manager", "kube-scheduler"] as const;

/** Root of what is kept for all checkouts of this user. */
export const cacheRoot = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "tsb-active-standby");

/** Where built tools go; its name changes with what they are built from. */
export function cacheDir(): string {
  return cacheFor("bin", ["go.mod", "go.sum", "helm3/go.mod", "helm3/go.sum"]);
}

function cacheFor(prefix: string, files: readonly string[]): string {
  const hash = createHash("sha256").update(process.arch);
  for (const file of files) hash.update(readFileSync(join(toolsDir, file)));
  return join(cacheRoot, `${prefix}-${hash.digest("hex").slice(0, 12)}`);
}

/** Version of Kubernetes that is built, e.g. "v1.36.3". @throws when go.mod does not name one */
export function kubernetesVersion(): string {
  const version = /^\s+k8s\.io\/kubernetes (v\S+)/m.exec(readFileSync(join(toolsDir, "go.mod"), "utf8"))?.[1];
  if (!version) throw new Error(`${toolsDir}/go.mod names no version of k8s.io/kubernetes`);
  return version;
}

/**
 * Finds every tool in KUBEBUILDER_ASSETS, then on PATH, then in the cache, and builds what is nowhere.
 * Only the first hit outside the cache is looked at, and only taken when its version suits.
 * @param say receives a line of progress at a time
 */
export async function ensureTools(say: (line: string) => void): Promise<Tools> {
  const outside = await suitableTools();
  const missing = missingBeside(outside);
  const likely = "5 to 17 minutes on 2 cores when nothing is cached";
  if (missing.length > 0)
    await buildMissing({ names: missing, likely, toolsDir, binDir: cacheDir(), kubernetes: kubernetesVersion() }, say);
  const at = (name: ToolName) => outside.get(name) ?? join(cacheDir(), name);
  return Object.fromEntries(toolNames.map((name) => [name, at(name)])) as Record<ToolName, string>;
}

/** Why the tools that are nowhere can't be built; undefined when they can, or when none is missing. */
export async function toolsFault(): Promise<string | undefined> {
  if (goFault(toolNames) === undefined) return undefined;
  const missing = missingBeside(await suitableTools());
  return missing.length === 0 ? undefined : goFault(missing);
}

function missingBeside(outside: ReadonlyMap<ToolName, string>): ToolName[] {
  return toolNames.filter((name) => !outside.has(name) && !existsSync(join(cacheDir(), name)));
}

/**
 * The registry for charts: no part of the lab, but of the tests of `oci://`. Cached apart from the lab's programs, which
 * another version of it leaves as they are.
 * @returns its path
 */
export async function ensureRegistry(say: (line: string) => void): Promise<string> {
  const binDir = cacheFor("registry", ["registry/go.mod", "registry/go.sum"]);
  const build = { names: ["registry"] as const, likely: "some seconds", toolsDir, binDir };
  if (!existsSync(join(binDir, "registry"))) await buildMissing({ ...build, kubernetes: kubernetesVersion() }, say);
  return join(binDir, "registry");
}

/** Tools outside the cache whose versions suit; helm3 is always our own. */
async function suitableTools(): Promise<Map<ToolName, string>> {
  const suitable = new Map<ToolName, string>();
  const three = await Promise.all(
    controlPlane.map(async (name) => ({ name, path: find(name), version: await version(name) })),
  );
  const [first] = three;
  const together = three.every(
    ({ path, version: v }) => path && v && v === first?.version && dirname(path) === dirname(first.path ?? ""),
  );
  if (together && atLeast(first?.version, 1, 30)) for (const { name, path } of three) suitable.set(name, path ?? "");
  const server = suitable.size > 0 && first?.version ? first.version : kubernetesVersion();
  const checks: Record<"kubectl" | "etcd" | "helm" | "kwok", (v: string | undefined) => boolean> = {
    kubectl: (v) => Math.abs(minor(v) - minor(server)) <= 1, // Kubernetes' own rule on version skew
    etcd: (v) => atLeast(v, 3, 5),
    helm: (v) => atLeast(v, 3, 14),
    kwok: (v) => atLeast(v, 0, 7),
  };
  await Promise.all(
    (["kubectl", "etcd", "helm", "kwok"] as const).map(async (name) => {
      const path = find(name);
      if (path && checks[name](await version(name))) suitable.set(name, path);
    }),
  );
  return suitable;
}

/** First executable of that name outside our own folders: what a running lab adds to PATH must not change the choice. */
function find(name: string): string | undefined {
  const folders = [process.env.KUBEBUILDER_ASSETS, ...(process.env.PATH ?? "").split(":")];
  for (const folder of folders.filter(Boolean)) {
    const path = join(folder ?? "", name);
    try {
      accessSync(path, constants.X_OK);
      if (!realpathSync(path).startsWith(`${cacheRoot}/`)) return path;
    } catch {
      // Not there, or not executable: the next folder.
    }
  }
  return undefined;
}

/** @returns e.g. "1.36.3"; undefined when the tool is nowhere or does not say */
async function version(name: string): Promise<string | undefined> {
  const path = find(name);
  if (!path) return undefined;
  const args = name === "kubectl" ? ["version", "--client"] : name === "helm" ? ["version", "--short"] : ["--version"];
  try {
    const { stdout } = await run(path, args, {
      timeout: 10_000,
      env: { PATH: process.env.PATH, HOME: "/nonexistent" },
    });
    return /v?(\d+\.\d+(\.\d+)?)/.exec(stdout)?.[1];
  } catch {
    return undefined; // One that cannot even tell its version is not one to build on.
  }
}

const minor = (v: string | undefined) => Number(/\d+\.(\d+)/.exec(v ?? "")?.[1] ?? Number.NaN);

function atLeast(v: string | undefined, major: number, minorWanted: number): boolean {
  const [have = 0] = (v ?? "").split(".").map(Number);
  return have > major || (have === major && minor(v) >= minorWanted);
}
