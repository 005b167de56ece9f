/** PostgreSQL's command-line tools, run to their end as the database's system user. */
import { execFile } from "node:child_process";
import { chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";

const DEBIAN_BIN_DIR = "/usr/lib/postgresql/15/bin";

/** PostgreSQL refuses to run as root; Debian's packages bring this user. */
export const POSTGRES_USER = "postgres";

/** @returns the path of a PostgreSQL program: Debian's version 15, or whatever is on PATH */
export function postgresProgram(name: string): string {
  const debian = `${DEBIAN_BIN_DIR}/${name}`;
  return existsSync(debian) ? debian : name;
}

/** @returns the system user to drop to, or undefined when the lab doesn't run as root */
export function postgresIds(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const entry = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"))
    .find(([name]) => name === POSTGRES_USER);
  if (entry === undefined)
    throw new Error(`no system user "${POSTGRES_USER}": is the package postgresql-15 installed?`);
  return { uid: Number(entry[2]), gid: Number(entry[3]) };
}

/** Makes a folder that belongs to the database's user. */
export function ownedFolder(path: string, mode: number): void {
  mkdirSync(path, { recursive: true, mode });
  own(path);
}

/** Writes a file that only the database's user may read, if its content differs. @returns whether it was written */
export function ownedFile(path: string, content: string): boolean {
  if (existsSync(path) && readFileSync(path, "utf8") === content) return false;
  writeFileSync(path, content, { mode: 0o600 });
  own(path);
  return true;
}

function own(path: string): void {
  const ids = postgresIds();
  if (ids !== undefined) chownSync(path, ids.uid, ids.gid);
}

/**
 * @param cwd a folder that the database's user may enter
 * @throws Error with the tool's own words
 */
export function runPostgresTool(name: string, args: readonly string[], cwd: string): Promise<void> {
  const program = postgresProgram(name);
  return new Promise((resolve, reject) => {
    const options = { ...postgresIds(), cwd, env: { LC_ALL: "C", PATH: "/usr/bin:/bin" }, timeout: 60_000 };
    execFile(program, [...args], options, (error, _stdout, stderr) => {
      if (error === null) resolve();
      else reject(new Error(`${name}: ${stderr.trim() || error.message}`));
    });
  });
}
