import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SettingsError } from "./settings.ts";

/** A program that the lab runs, where it may lie, and the Debian package that brings it. */
interface Requirement {
  readonly program: string;
  /** Asked only when it is missing: apt takes its time. */
  readonly package: () => string;
  readonly present: () => boolean;
}

const onPath = (program: string) => () =>
  [...(process.env.PATH ?? "").split(":"), "/usr/sbin", "/sbin", "/usr/bin", "/bin"].some((dir) =>
    existsSync(join(dir, program)),
  );

/** Folder of PostgreSQL's own programs (initdb, postgres, …): version 15 if it is there, else the next newer. */
export function postgresBinDir(): string | undefined {
  const root = "/usr/lib/postgresql";
  const versions = existsSync(root) ? readdirSync(root).map(Number) : [];
  const found = versions.filter((v) => v >= 15 && existsSync(`${root}/${v}/bin/postgres`)).sort((a, b) => a - b)[0];
  return found === undefined ? undefined : `${root}/${found}/bin`;
}

function requirements(): readonly Requirement[] {
  return [
    { program: "postgres", package: postgresPackage, present: () => postgresBinDir() !== undefined },
    { program: "psql", package: () => "postgresql-client", present: onPath("psql") },
    { program: "named", package: () => "bind9", present: onPath("named") },
    { program: "nsupdate", package: () => "bind9-dnsutils", present: onPath("nsupdate") },
    { program: "dig", package: () => "bind9-dnsutils", present: onPath("dig") },
    { program: "openssl", package: () => "openssl", present: onPath("openssl") },
    { program: "setpriv", package: () => "util-linux", present: onPath("setpriv") },
  ];
}

/** What `tests/run` needs beside the lab. */
export const SHELLCHECK: Requirement = {
  program: "shellcheck",
  package: () => "shellcheck",
  present: onPath("shellcheck"),
};

/**
 * Makes sure that what the lab needs from the system is there: as root on a Debian-like system by installing it.
 * @param beside what else stands in the way: nothing is installed then
 * @throws SettingsError listing everything that is missing and how to get it
 */
export function ensureSystem(
  say: (line: string) => void,
  { further = [], beside }: { further?: readonly Requirement[]; beside?: string | undefined } = {},
): void {
  if (process.platform !== "linux") {
    throw new SettingsError(
      `the lab runs on Linux only (this is ${process.platform}): use a Linux machine, or a virtual one`,
    );
  }
  const all = [...requirements(), ...further];
  const missing = all.filter((need) => !need.present());
  const packages = [...new Set(missing.map((need) => need.package()))];
  const canInstall = process.getuid?.() === 0 && onPath("apt-get")();
  const faults = [
    ...(packages.length > 0 && !canInstall ? [howToGet(missing, packages)] : []),
    ...(beside ? [beside] : []),
  ];
  if (faults.length > 0) throw new SettingsError(faults.join("\n"));
  if (packages.length > 0) {
    say(`installing ${packages.join(", ")}`);
    install(packages);
  }
  const still = all.filter((need) => !need.present());
  if (still.length > 0) throw new SettingsError(howToGet(still, packages));
}

function howToGet(missing: readonly Requirement[], packages: readonly string[]): string {
  const programs = missing.map((need) => need.program).join(", ");
  const how = onPath("apt-get")()
    ? `sudo apt-get install --no-install-recommends ${packages.join(" ")}`
    : `with your system's packages: PostgreSQL 15 or newer below /usr/lib/postgresql, BIND 9 with its tools, OpenSSL 3, util-linux`;
  return `missing on this machine: ${programs}\n  next: ${how}`;
}

/** Debian 12 has version 15 under its own name; a newer system has its default version. */
function postgresPackage(): string {
  const shown = spawnSync("apt-cache", ["show", "postgresql-15"], { stdio: "ignore" });
  return shown.status === 0 ? "postgresql-15" : "postgresql";
}

/** Installs packages without letting their own services start, now or at the next boot. */
function install(packages: readonly string[]): void {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const apt = (...args: string[]) =>
    execFileSync("apt-get", ["-qq", ...args], { env, stdio: ["ignore", "ignore", "inherit"] });
  const undo = [
    // Read by every package's start-up scripts: 101 forbids the start.
    writeIfAbsent("/usr/sbin", "policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755),
    // Read by postgresql-common, which else makes a database cluster and runs it.
    writeIfAbsent("/etc/postgresql-common/createcluster.d", "tsb-lab.conf", "create_main_cluster = false\n", 0o644),
  ];
  const known = new Set(["named", "postgresql"].filter((unit) => existsSync(`/lib/systemd/system/${unit}.service`)));
  try {
    apt("update");
    apt("install", "-y", "--no-install-recommends", ...packages);
    const added = ["named", "postgresql"].filter(
      (unit) => !known.has(unit) && existsSync(`/lib/systemd/system/${unit}.service`),
    );
    if (added.length > 0 && onPath("systemctl")()) spawnSync("systemctl", ["disable", ...added], { stdio: "ignore" });
  } finally {
    for (const remove of undo) remove();
  }
}

/** @returns what takes the file away again; nothing when it was there before */
function writeIfAbsent(dir: string, name: string, text: string, mode: number): () => void {
  const file = join(dir, name);
  if (existsSync(file)) return () => {};
  mkdirSync(dir, { recursive: true });
  writeFileSync(file, text, { mode });
  return () => rmSync(file, { force: true });
}
