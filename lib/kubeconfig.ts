import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { parse } from "yaml";
import { messageOf } from "./errors.ts";

/**
 * The names of all kube contexts, as kubectl would find them: the files of KUBECONFIG, or ~/.kube/config.
 * Files that do not exist are passed over, as kubectl does.
 * @throws Error naming the file that can't be read or parsed
 */
export function contextNames(environment: NodeJS.ProcessEnv): string[] {
  const files = environment.KUBECONFIG?.split(delimiter).filter(Boolean) ?? [];
  if (files.length === 0) files.push(join(environment.HOME ?? homedir(), ".kube", "config"));
  return files.flatMap(contextsIn);
}

function contextsIn(file: string): string[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw new Error(`can't read ${file}: ${messageOf(error)}`, { cause: error });
  }
  let document: unknown;
  try {
    document = parse(text);
  } catch (error) {
    throw new Error(`${file} is not YAML: ${messageOf(error).split("\n")[0]}`, { cause: error });
  }
  const contexts = isRecord(document) ? document.contexts : undefined;
  if (!Array.isArray(contexts)) return [];
  return contexts.flatMap((entry: unknown) => (isRecord(entry) && typeof entry.name === "string" ? [entry.name] : []));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
