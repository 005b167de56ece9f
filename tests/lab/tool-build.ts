import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { ToolName } from "./build-tools.ts";
import { withLock } from "./lock.ts";
import { SettingsError } from "./settings.ts";

/** What to build, from where, to where. */
export interface ToolBuild {
  readonly names: readonly BuiltName[];
  /** How long it is likely to take: "5 to 17 minutes on 2 cores when nothing is cached". */
  readonly likely: string;
  /** Folder of go.mod; helm3 and registry have their own below it. */
  readonly toolsDir: string;
  readonly binDir: string;
  /** Version stamped into the Kubernetes programs, e.g. "v1.36.3". */
  readonly kubernetes: string;
}

/** The lab's programs, and a registry for charts, which only a test needs. */
export type BuiltName = ToolName | "registry";

const packages: Record<BuiltName, string> = {
  "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
  "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
  "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
  kubectl: "k8s.io/kubernetes/cmd/kubectl",
  etcd: "go.etcd.io/etcd/server/v3",
  kwok: "sigs.k8s.io/kwok/cmd/kwok",
  helm: "helm.sh/helm/v4/cmd/helm",
  helm3: "helm.sh/helm/v3/cmd/helm",
  registry: "github.com/google/go-containerregistry/cmd/registry",
};

/** Those that would change the others' dependencies, had they no go.mod of their own. */
const apart: ReadonlySet<BuiltName> = new Set<BuiltName>(["helm3", "registry"]);

/** A cold build of everything compiles about this many packages. */
const packagesInAll = 3200;

/**
 * Builds tools one after the other, each put in place only when it is whole. An interrupted build goes on
 * where it stopped, by Go's own cache; two builds for the same folder take turns.
 * @throws SettingsError when Go is absent or too old
 */
export async function buildMissing(build: ToolBuild, say: (line: string) => void): Promise<void> {
  const fault = goFault(build.names);
  if (fault) throw new SettingsError(fault);
  mkdirSync(build.binDir, { recursive: true });
  await withLock(
    build.binDir,
    () => say("another build of the same tools is under way; waiting for it"),
    () => buildAll(build, say),
  );
}

async function buildAll(build: ToolBuild, say: (line: string) => void): Promise<void> {
  // Somebody else may have built them while we waited.
  const names = build.names.filter((name) => !existsSync(join(build.binDir, name)));
  if (names.length === 0) return;
  say(`building ${names.join(", ")}: once for all checkouts, ${build.likely}`);
  const partial = join(build.binDir, ".partial");
  rmSync(partial, { recursive: true, force: true }); // Of a build that was interrupted.
  mkdirSync(partial);
  const started = Date.now();
  const seconds = () => Math.round((Date.now() - started) / 1000);
  let compiled = 0;
  let current = "";
  const timer = setInterval(() => {
    const percent = Math.min(99, Math.round((100 * compiled) / packagesInAll));
    say(`  ${seconds()} s: ${current}; ${compiled} packages compiled (a cold build: ${percent} %)`);
  }, 10_000);
  try {
    for (const name of names) {
      current = name;
      await goBuild(build, name, join(partial, name), (line) => {
        if (!line.startsWith("go: ")) compiled++;
      });
      renameSync(join(partial, name), join(build.binDir, name));
    }
  } finally {
    clearInterval(timer);
    rmSync(partial, { recursive: true, force: true });
  }
  say(`tools built in ${seconds()} s: ${build.binDir}`);
}

/** What is wrong with this machine's Go: absent, or too old to fetch the version that go.mod asks for by itself. */
export function goFault(names: readonly BuiltName[]): string | undefined {
  const found = spawnSync("go", ["env", "GOVERSION"], {
    encoding: "utf8",
    cwd: "/",
    env: { ...process.env, GOTOOLCHAIN: "local" },
  });
  const minor = Number(/^go1\.(\d+)/.exec(found.stdout ?? "")?.[1] ?? 0);
  if (minor >= 21) return undefined;
  const what = minor === 0 ? "Go is missing" : `Go 1.${minor} is too old`;
  return `${what}; it builds ${names.join(", ")}\n  next: install Go 1.21 or newer (https://go.dev/dl), or put those programs on PATH`;
}

/** @throws with the end of go's own words when it fails */
function goBuild(build: ToolBuild, name: BuiltName, target: string, onLine: (line: string) => void): Promise<void> {
  const major = /^v(\d+)\.(\d+)/.exec(build.kubernetes);
  const base = "k8s.io/component-base/version";
  const stamps = {
    [`${base}.gitVersion`]: build.kubernetes,
    [`${base}.gitMajor`]: major?.[1],
    [`${base}.gitMinor`]: major?.[2],
    "k8s.io/client-go/pkg/version.gitVersion": build.kubernetes,
  };
  const ldflags = ["-s -w", ...Object.entries(stamps).map(([variable, value]) => `-X ${variable}=${value}`)].join(" ");
  const child = spawn("go", ["build", "-v", "-ldflags", ldflags, "-o", target, packages[name]], {
    cwd: apart.has(name) ? join(build.toolsDir, name) : build.toolsDir,
    env: { ...process.env, GOFLAGS: "-mod=readonly", GOWORK: "off" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const last: string[] = [];
  createInterface({ input: child.stderr }).on("line", (line) => {
    last.push(line);
    if (last.length > 20) last.shift();
    onLine(line);
  });
  return new Promise((resolve, reject) => {
    child.once("error", (cause) => reject(new Error("cannot run go", { cause })));
    child.once("close", (code) =>
      code === 0 ? resolve() : reject(new Error(`go build of ${name} failed:\n${last.join("\n")}`)),
    );
  });
}
