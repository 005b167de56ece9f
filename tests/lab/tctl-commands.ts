/** tctl get, apply, delete and status; and all other commands with them. */
import { existsSync, readFileSync } from "node:fs";
import { parseAllDocuments } from "yaml";
import { isRecord } from "./api-http.ts";
import { ACCOUNT_COMMANDS } from "./tctl-account-commands.ts";
import { type Parsed, UsageError } from "./tctl-arguments.ts";
import { CONFIG_COMMANDS } from "./tctl-config-commands.ts";
import { isAccessBindings, isOrganization, kindByName } from "./tctl-kinds.ts";
import { print } from "./tctl-output.ts";
import { type Command, OUTPUT, only, session } from "./tctl-session.ts";

const WHERE = { "--org": "org", "--tenant": "tenant", "--workspace": "workspace" };

/** Commands by their words. */
export const COMMANDS: Record<string, Command> = {
  ...CONFIG_COMMANDS,
  ...ACCOUNT_COMMANDS,
  get: { flags: { valued: { ...WHERE, ...OUTPUT } }, run: get },
  apply: { flags: { valued: { "-f": "file", "--file": "file", ...OUTPUT } }, run: apply },
  delete: { flags: { valued: WHERE }, run: remove },
  "status cluster": { flags: { valued: { "--org": "org", ...OUTPUT } }, run: clusterStatus },
};

async function remove({ positional, flags }: Parsed): Promise<void> {
  const [kindName, name] = positional;
  if (kindName === undefined || name === undefined || positional.length > 2) throw new UsageError("accepts KIND NAME");
  const { client, org } = session(flags);
  const { kind, fqn = "" } = locate(kindName, name, flags, org);
  await client.call("DELETE", "/v2/objects", { query: { kind, fqn } });
}

async function clusterStatus({ positional, flags }: Parsed): Promise<void> {
  const { client, org } = session(flags);
  const name = only(positional, "NAME");
  const fqn = `organizations/${org}/clusters/${name}`;
  const status = await client.call("GET", "/v2/clusterstatus", { query: { fqn } });
  if (flags.output !== undefined) return print(status, flags.output);
  const spec = isRecord(status.spec) ? status.spec : {};
  process.stdout.write(`NAME    STATUS    MESSAGE\n${name}    ${spec.status}    ${spec.message}\n`);
}

async function get({ positional, flags }: Parsed): Promise<void> {
  const [kindName, name] = positional;
  if (kindName === undefined || positional.length > 2) throw new UsageError("accepts KIND [NAME]");
  const { client, org } = session(flags);
  const { kind, fqn, parent } = locate(kindName, name, flags, org);
  const query = fqn === undefined ? { kind, parent } : { kind, fqn };
  const found = await client.call("GET", "/v2/objects", { query });
  print(fqn === undefined ? { apiVersion: "api.tsb.tetrate.io/v2", kind: "List", ...found } : found, flags.output);
}

function locate(
  kindName: string,
  name: string | undefined,
  flags: Record<string, string>,
  org: string,
): { kind: string; fqn?: string; parent: string } {
  const root = `organizations/${org}`;
  if (isOrganization(kindName))
    return { kind: "Organization", fqn: name ? `organizations/${name}` : root, parent: root };
  if (isAccessBindings(kindName)) {
    if (name === undefined)
      throw new UsageError("accepts the fully qualified name of a resource, such as organizations/ORG");
    return { kind: "AccessBindings", fqn: name, parent: root };
  }
  const found = kindByName(kindName);
  if (found === undefined) throw new UsageError(`unknown resource type "${kindName}"`);
  const parent = found.below.reduce((path, flag) => {
    if (!flags[flag]) throw new UsageError(`required flag(s) "${flag}" not set`);
    return `${path}/${flag}s/${flags[flag]}`;
  }, root);
  return {
    kind: found.kind,
    parent,
    ...(name && { fqn: name.includes("/") ? name : `${parent}/${found.plural}/${name}` }),
  };
}

async function apply({ positional, flags }: Parsed): Promise<void> {
  const { file } = flags;
  if (positional.length > 0) throw new UsageError(`unknown argument "${positional[0]}"`);
  if (!file) throw new UsageError('required flag(s) "file" not set');
  if (file !== "-" && !existsSync(file)) throw new Error(`open ${file}: no such file or directory`);
  const { client } = session(flags);
  const documents = parseAllDocuments(readFileSync(file === "-" ? 0 : file, "utf8"));
  if (!Array.isArray(documents) || documents.length === 0) throw new Error("no object to apply");
  const applied: Record<string, unknown>[] = [];
  for (const document of documents) {
    if (document.errors[0] !== undefined) throw new Error(`error parsing ${file}: ${document.errors[0].message}`);
    const object: unknown = document.toJS();
    if (object === null) continue;
    if (!isRecord(object)) throw new Error(`${file}: not an object`);
    applied.push(await client.call("POST", "/v2/objects", { body: object }));
  }
  for (const [at, object] of applied.entries()) {
    if (flags.output === undefined) continue;
    if (at > 0 && flags.output === "yaml") process.stdout.write("---\n");
    print(object, flags.output);
  }
}
