import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { messageOf, StepError } from "./errors.ts";
import { isMarkAlive, MARK, OWN_MARK } from "./processes.ts";

/** What is not in its place yet has the mark of its process in its name. */
const UNFINISHED = new RegExp(`\\.(${MARK.source})\\.tmp$|^arriving-(${MARK.source})(?:-|$)`);
/** Seconds after which nothing is still on its way: a dump is what takes longest. Only for what others began. */
const LONG_AGO = 86_400;

/**
 * The state folder (STATE_DIR): what must stay between runs, under the guide's names. Folders have mode 0700, files
 * 0600; a file is there whole or not at all.
 */
export class State {
  readonly dir: string;

  /** @param dir absolute path; made when something is first written */
  constructor(dir: string) {
    this.dir = dir;
  }

  /** The absolute path of an entry, e.g. path("mp1", "tsb_certs.crt"). */
  path(...parts: string[]): string {
    return join(this.dir, ...parts);
  }

  /**
   * The text of an entry, or undefined when there is none.
   * @throws StepError when it is there but can't be read
   */
  read(...parts: string[]): string | undefined {
    const path = this.path(...parts);
    try {
      return readFileSync(path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw new StepError(`can't read ${path}: ${messageOf(error)}`, { next: "mend its permissions", cause: error });
    }
  }

  /**
   * Writes an entry whole or not at all: a temporary file in the same folder, flushed, then renamed.
   * @returns the absolute path
   * @throws StepError when the disk is full or the folder can't be written; what was there before stays
   */
  write(text: string, ...parts: string[]): string {
    const path = this.path(...parts);
    writeFileAtomically(path, text, this.dir);
    return path;
  }

  /**
   * As {@link write}, for an entry that must never be replaced.
   * @throws StepError when it is there, because another run has made it since we looked
   */
  create(text: string, ...parts: string[]): string {
    const path = this.path(...parts);
    writeFileAtomically(path, text, this.dir, moveToFreePlace);
    return path;
  }

  /**
   * As {@link write}, for what may be lost in a power cut: not flushed, so that a slow disk holds nobody up.
   * @throws as {@link write}
   */
  note(text: string, ...parts: string[]): void {
    const path = this.path(...parts);
    const temporary = temporaryOf(path);
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      writeFileSync(temporary, text, { mode: 0o600 });
      renameSync(temporary, path);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw new StepError(`can't write ${path}: ${messageOf(error)}`, { cause: error });
    }
  }

  /** The names of the folders in it. */
  folders(): string[] {
    if (!existsSync(this.dir)) return [];
    const entries = readdirSync(this.dir, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  }

  /** Removes an entry; none is fine. */
  remove(...parts: string[]): void {
    rmSync(this.path(...parts), { force: true });
  }

  /**
   * Removes what runs that were killed did not bring to its place: nobody else would, and it may be a key. Of a run on
   * another machine, with which the folder is shared, only the age tells.
   */
  sweep(): void {
    for (const path of this.#unfinished()) {
      const [, writer, fetcher] = UNFINISHED.exec(basename(path)) ?? [];
      const isUnderWay = isMarkAlive(writer ?? fetcher ?? "") ?? secondsSince(this.path(path)) < LONG_AGO;
      if (!isUnderWay) rmSync(this.path(path), { recursive: true, force: true });
    }
  }

  #unfinished(): string[] {
    try {
      const paths = readdirSync(this.dir, { recursive: true, encoding: "utf8" });
      return paths.filter((path) => UNFINISHED.test(basename(path)));
    } catch {
      // There is no folder yet, or another run is at work in it: the next run looks again.
      return [];
    }
  }

  /** Renames an entry to a name with the present time in it, so that nothing is lost; returns the new path. */
  putAside(...parts: string[]): string {
    const aside = `${this.path(...parts)}.${new Date().toISOString().replaceAll(":", "")}`;
    renameSync(this.path(...parts), aside);
    return aside;
  }
}

/** Since it was written; none when it is gone. */
function secondsSince(path: string): number {
  const written = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
  return (Date.now() - written) / 1000;
}

function temporaryOf(path: string): string {
  return `${path}.${OWN_MARK}.tmp`;
}

/** Unlike renaming, linking fails where something is already. */
function moveToFreePlace(from: string, to: string): void {
  linkSync(from, to);
  rmSync(from);
}

/**
 * As {@link State.write}, for a path of the user's choice.
 * @param privateDir this folder and those below it, down to the file, get mode 0700
 * @param move takes the finished temporary file to its place
 */
export function writeFileAtomically(
  path: string,
  text: string,
  privateDir?: string,
  move: (from: string, to: string) => void = renameSync,
): void {
  const temporary = temporaryOf(path);
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    if (privateDir && (statSync(privateDir).mode & 0o077) !== 0) chmodSync(privateDir, 0o700);
    const file = openSync(temporary, "w", 0o600);
    try {
      // Unlike writeSync, goes on until all is written or fails.
      writeFileSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    move(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    if ((error as NodeJS.ErrnoException).code === "EEXIST")
      throw new StepError(`another run has made ${path} meanwhile`, { next: "run this again when it is done" });
    throw new StepError(`can't write ${path}: ${messageOf(error)}`, {
      next: "free some space or mend the folder's permissions, and run this again: nothing was lost",
      cause: error,
    });
  }
}
