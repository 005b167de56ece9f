/** All that a step shows: progress on standard error, results on standard output. */

const stream = process.stderr;
const isLive = (stream.isTTY ?? false) && process.env.TERM !== "dumb";
const useColour = isLive && !process.env.NO_COLOR;
let liveLineShown = false;
let verbose = false;
let hidden: readonly string[] = [];

function paint(code: number, text: string): string {
  return useColour ? `\u001b[${code}m${text}\u001b[0m` : text;
}

function line(text: string): void {
  clearLive();
  stream.write(`${redact(text)}\n`);
}

/** The text with every known secret replaced: a last line of defence for the words of other programs. */
function redact(text: string): string {
  return hidden.reduce((shown, secret) => shown.replaceAll(secret, "********"), text);
}

function clearLive(): void {
  if (liveLineShown) stream.write("\r\u001b[K");
  liveLineShown = false;
}

/** Turns the lines of {@link detail} on. */
export function setVerbose(on: boolean): void {
  verbose = on;
}

/** Values that no line may show. Words shorter than 8 characters ("admin") would blot out ordinary text. */
export function hideSecrets(secrets: readonly string[]): void {
  hidden = secrets.filter((secret) => secret.length >= 8);
}

/** The heading of a step: its title, and the guide's section it carries out. */
export function heading(title: string, note: string): void {
  line(`${paint(1, `== ${title}`)}  ${paint(2, note)}`);
}

/** Something was done now (created, changed, verified). */
export function done(text: string): void {
  line(`  ${paint(32, "✓")} ${text}`);
}

/** Something was found to be as it should be already; nothing was changed. */
export function already(text: string): void {
  line(`  ${paint(36, "=")} ${text}`);
}

/** Something under `--dry-run` that a real run would do. */
export function wouldDo(text: string): void {
  line(`  ${paint(35, "~")} would ${text}`);
}

/** A fact worth knowing that is neither a change nor a check. */
export function note(text: string): void {
  line(`    ${text}`);
}

/** Needs the operator's attention but does not stop the step. */
export function warn(text: string): void {
  line(`  ${paint(33, "!")} ${text}`);
}

/** A check failed; the step goes on to report the others. */
export function bad(text: string): void {
  line(`  ${paint(31, "✗")} ${text}`);
}

/** Only under `--verbose`: the commands that are run. */
export function detail(text: string): void {
  if (verbose) line(paint(2, `    ${text}`));
}

/** A result that another program may read: standard output. */
export function result(text: string): void {
  clearLive();
  process.stdout.write(`${text}\n`);
}

/** A plain line on standard error, for errors and the closing line. */
export function plain(text: string): void {
  line(text);
}

/** The closing line of a step. */
export function finished(text: string): void {
  line(paint(2, `   ${text}`));
}

/** Progress of a wait: replaces itself on a terminal; elsewhere a plain line whenever the text changes. */
export class Progress {
  #last = "";

  /** @param state what is ready and what is not; @param remainingSeconds time left before the wait gives up */
  show(state: string, remainingSeconds: number): void {
    if (isLive) {
      const text = `  … ${state} (${Math.ceil(remainingSeconds)} s left)`;
      stream.write(`\r\u001b[K${text.slice(0, (stream.columns ?? 80) - 1)}`);
      liveLineShown = true;
    } else if (state !== this.#last) {
      line(`  … ${state} (${Math.ceil(remainingSeconds)} s left)`);
    }
    this.#last = state;
  }

  end(): void {
    clearLive();
  }
}

/** Rows as aligned columns; the first row is the heading. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, cell.length);
    });
  }
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
