/** How tctl prints objects. */
import { stringify } from "yaml";
import { isRecord } from "./api-http.ts";
import { UsageError } from "./tctl-arguments.ts";

/** Prints one object, or a list of them, as YAML, as JSON, or as a table of names. */
export function print(value: Record<string, unknown>, format: string | undefined): void {
  if (format === "yaml") process.stdout.write(stringify(value, { lineWidth: 0 }));
  else if (format === "json") process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
  else if (format === undefined || format === "table") process.stdout.write(table(rows(value)));
  else throw new UsageError(`unknown output format "${format}": use table, yaml or json`);
}

function rows(value: Record<string, unknown>): string[][] {
  const items: unknown[] = Array.isArray(value.items) ? value.items : [value];
  const cells = items.filter(isRecord).map(({ metadata, spec }) => {
    const name = isRecord(metadata) ? String(metadata.name ?? metadata.fqn ?? "") : "";
    const display = isRecord(spec) ? String(spec.displayName ?? "") : "";
    return [name, display];
  });
  return [["NAME", "DISPLAY NAME"], ...cells];
}

function table(lines: string[][]): string {
  const width = Math.max(...lines.map(([first = ""]) => first.length));
  return lines
    .map(([first = "", second = ""]) => `${first.padEnd(width + 4)}${second}`.trimEnd())
    .join("\n")
    .concat("\n");
}
