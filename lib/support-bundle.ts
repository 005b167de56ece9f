/** Everything that helps somebody else to understand a pair, and no secret of it. */

import { mkdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname } from "node:path";
import { Cluster, type KubeObject, TSB_NAMESPACE } from "./cluster.ts";
import type { Settings } from "./config.ts";
import type { JsonObject } from "./json.ts";
import { MANAGEMENT_PLANE, MP_RELEASE } from "./management-plane.ts";
import { CONTROL_PLANE, CP_NAMESPACE, CP_RELEASE } from "./onboarding.ts";
import { OWN_MARK } from "./processes.ts";
import { presentable, Redactor, secretTexts } from "./redaction.ts";
import { attempt, run } from "./run.ts";
import { dataOf } from "./secrets.ts";
import type { State } from "./state.ts";
import type { StatusReport } from "./status-findings.ts";
import { wordsOf } from "./status-instance.ts";
import { OPERATOR_SELECTOR } from "./workloads.ts";

/** One file of the bundle; its path begins with the cluster's name. */
export interface BundleFile {
  path: string;
  text: string;
}

/** What was collected, and the secrets that must not be in it. */
export interface Collected {
  files: BundleFile[];
  secrets: string[];
}

/** A cluster to ask, and what is of interest there. */
interface Place {
  name: string;
  context: string;
  namespace: string;
  release: string;
  /** Kinds that only TSB's charts bring. */
  ownKinds: readonly string[];
}

/** Lines of an operator's log. */
const LOG_LINES = 5000;
const CORE_KINDS = "deployments,statefulsets,pods,services,events,persistentvolumeclaims,configmaps";

/**
 * Asks every cluster, side by side. What can't be had is in the bundle as the reason why.
 * @param report names the control planes
 */
export async function collect(settings: Settings, state: State, report: StatusReport): Promise<Collected> {
  const instances = settings.instances.flatMap(({ name, context }): Place[] =>
    context
      ? [{ name, context, namespace: TSB_NAMESPACE, release: MP_RELEASE, ownKinds: [MANAGEMENT_PLANE, KUBEGRES] }]
      : [],
  );
  const planes = report.controlPlanes.flatMap(({ name, context }): Place[] =>
    context ? [{ name, context, namespace: CP_NAMESPACE, release: CP_RELEASE, ownKinds: [CONTROL_PLANE] }] : [],
  );
  const options = { state, requestTimeout: settings.REQUEST_TIMEOUT };
  const [versions, ...places] = await Promise.all([
    toolVersions(state),
    ...[...instances, ...planes].map((place) => collectPlace(place, new Cluster(place.name, place.context, options))),
  ]);
  const status = { path: "status.json", text: json(report) };
  return {
    files: [status, versions, ...places.flatMap(({ files }) => files)],
    secrets: [...settings.secrets, ...localSecrets(settings, state), ...places.flatMap(({ secrets }) => secrets)],
  };
}

const KUBEGRES = "kubegres.kubegres.reactive-tech.io";

async function collectPlace(place: Place, cluster: Cluster): Promise<Collected> {
  const { name, namespace, release, ownKinds } = place;
  const helm = async (...args: string[]) => {
    const doing = `asking helm on ${name}`;
    const ended = await cluster.helm([...args, "-n", namespace, "-o", "json"], { doing, mutates: false });
    return ended.exitCode === 0 ? ended.stdout : ended.stderr;
  };
  const doing = `reading the operator's log on ${name}`;
  const log = ["logs", "-n", namespace, "-l", OPERATOR_SELECTOR, `--tail=${LOG_LINES}`, "--timestamps"];
  const secrets: string[] = [];
  const pieces = await Promise.all([
    piece(`${name}/objects`, async () => byKind(name, await cluster.get([CORE_KINDS], { namespace }))),
    ...ownKinds.map((kind) =>
      piece(`${name}/${kind}`, async () => byKind(name, await cluster.get([kind], { namespace }))),
    ),
    piece(`${name}/secrets`, async () => {
      const found = await cluster.get(["secrets"], { namespace });
      for (const secret of found)
        if (secret.type !== "helm.sh/release.v1") secrets.push(...secretTexts(dataOf(secret)));
      return byKind(name, found);
    }),
    piece(`${name}/operator.log`, async () => one(`${name}/operator.log`, await cluster.kubectl(log, { doing }))),
    piece(`${name}/helm-list.json`, async () => one(`${name}/helm-list.json`, await helm("list"))),
    piece(`${name}/helm-history.json`, async () => one(`${name}/helm-history.json`, await helm("history", release))),
    piece(`${name}/version.json`, async () =>
      one(
        `${name}/version.json`,
        await cluster.kubectl(["version", "-o", "json"], { doing: `asking ${name} for its version` }),
      ),
    ),
  ]);
  return { files: pieces.flat(), secrets };
}

/** One piece of a place; where it can't be had, a file that says why. */
async function piece(path: string, read: () => Promise<BundleFile[]>): Promise<BundleFile[]> {
  try {
    return await read();
  } catch (error) {
    return one(`${path}.error.txt`, `${wordsOf(error)}\n`);
  }
}

function one(path: string, text: string): BundleFile[] {
  return [{ path, text }];
}

/** A file for each kind of object, with what may be shown of them. */
function byKind(name: string, objects: readonly KubeObject[]): BundleFile[] {
  const kinds = [...new Set(objects.map(({ kind }) => kind))].sort();
  return kinds.map((kind) => {
    const items = objects.filter((object): object is KubeObject & JsonObject => object.kind === kind);
    return { path: `${name}/${kind.toLowerCase()}.json`, text: json(items.map(presentable)) };
  });
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

async function toolVersions(state: State): Promise<BundleFile> {
  const tools = [
    ["kubectl", "version", "--client"],
    ["helm", "version", "--short"],
    ["tctl", "version", "--local-only"],
  ];
  const env = { TCTL_CONFIG: state.path("tctl", "config.yaml") };
  const answers = await Promise.all(
    tools.map(async ([tool = "", ...args]) => {
      try {
        const ended = await attempt(tool, args, { doing: `asking ${tool} for its version`, timeoutSeconds: 10, env });
        return `${tool}: ${(ended.stdout || ended.stderr).trim().replaceAll("\n", "; ")}`;
      } catch (error) {
        return `${tool}: ${wordsOf(error)}`;
      }
    }),
  );
  const project = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };
  const own = [
    `tsb-active-standby: ${project.version}`,
    `node: ${process.version} on ${process.platform} ${process.arch}`,
  ];
  return { path: "versions.txt", text: `${[...own, ...answers].join("\n")}\n` };
}

/** Keys and tokens on this machine, which might be quoted somewhere: those of the state folder, and the TSIG key. */
function localSecrets(settings: Settings, state: State): string[] {
  const keys = settings.instances.flatMap(({ name }) => [`${name}/tsb_certs.key`, `${name}/xcp-central-cert.key`]);
  const kept = ["ca/ca.key", ...keys, "tsb-standby-sa-b64e"].flatMap((path) => state.read(...path.split("/")) ?? []);
  const token = /token:\s*(\S+)/.exec(state.read("tctl", "config.yaml") ?? "")?.[1] ?? "";
  const account = Buffer.from(state.read("tsb-standby-sa-b64e") ?? "", "base64").toString("utf8");
  const tsig = settings.DNS_TSIG_KEY_FILE ? readFileSync(settings.DNS_TSIG_KEY_FILE, "utf8") : "";
  return [...kept, token, account, /secret\s+"?([^";\s]+)/.exec(tsig)?.[1] ?? ""].filter(Boolean);
}

/** A packed bundle. */
export interface Packed {
  path: string;
  bytes: number;
  files: number;
}

/**
 * Writes the redacted files and packs them with the system's tar; nothing but the archive stays.
 * @param name the folder in the archive
 * @throws StepError when the disk is full, or tar fails
 */
export async function pack(
  { files, secrets }: Collected,
  options: { state: State; out: string; name: string },
): Promise<Packed> {
  const { state, out, name } = options;
  const redactor = new Redactor(secrets);
  const folder = state.path("support", `arriving-${OWN_MARK}`);
  const arriving = `${out}.${OWN_MARK}.tmp`;
  try {
    for (const { path, text } of files)
      state.note(redactor.redact(text), "support", basename(folder), name, ...redactor.redact(path).split("/"));
    mkdirSync(dirname(out), { recursive: true, mode: 0o700 });
    await run("tar", ["-czf", arriving, "-C", folder, name], { doing: `packing ${out}`, timeoutSeconds: 120 });
    renameSync(arriving, out);
  } finally {
    rmSync(folder, { recursive: true, force: true });
    rmSync(arriving, { force: true });
  }
  return { path: out, bytes: statSync(out).size, files: files.length };
}
