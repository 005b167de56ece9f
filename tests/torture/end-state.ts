/** Where an install ended, in lines of text that are the same for every install. */
import { parse } from "yaml";
import { at, isObject, type JsonObject, listAt, textAt } from "../../lib/json.ts";
import { isAlive } from "../../lib/processes.ts";
import { Describer } from "./described.ts";
import { call } from "./lab.ts";
import { describeDocument, describeFiles } from "./state-files.ts";

const NAMESPACES = ["tsb", "istio-system", "cert-manager"];
const KINDS = "secrets,deployments,statefulsets,services,persistentvolumeclaims,configmaps,leases";
/** Each cluster's own kind, and its releases. */
const CLUSTERS = {
  mp1: { kind: "managementplanes.install.tetrate.io", releases: [["mp", "tsb"]] },
  mp2: {
    kind: "managementplanes.install.tetrate.io",
    releases: [
      ["mp", "tsb"],
      ["cert-manager", "cert-manager"],
    ],
  },
  cp1: { kind: "controlplanes.install.tetrate.io", releases: [["cp", "istio-system"]] },
} as const;

/**
 * Files, objects, secrets, releases, grants, records and replication.
 * @param env the lab's environment
 */
export async function endState(env: NodeJS.ProcessEnv): Promise<string[]> {
  const [objects, releases, outside] = await Promise.all([readObjects(env), readReleases(env), readOutside(env)]);
  const describer = new Describer(env);
  // In this order: a value is described by the first place where it is.
  const lines = describeFiles(env.STATE_DIR ?? "", describer);
  for (const [cluster, list] of objects) lines.push(...list.flatMap((one) => describeObject(cluster, one, describer)));
  for (const [place, values] of releases) lines.push(...describeDocument(place, values, describer));
  return [...lines, ...outside.map((line) => describer.plain(line))];
}

/** Lines that only one of the two has: "- " missing, "+ " not expected. */
export function differences(expected: readonly string[], actual: readonly string[]): string[] {
  const lacking = (from: readonly string[], which: readonly string[]) => {
    const left = [...which];
    return from.filter((line) => {
      const found = left.indexOf(line);
      if (found >= 0) left.splice(found, 1);
      return found < 0;
    });
  };
  return [
    ...lacking(expected, actual).map((line) => `- ${line}`),
    ...lacking(actual, expected).map((line) => `+ ${line}`),
  ];
}

async function readObjects(env: NodeJS.ProcessEnv): Promise<[cluster: string, objects: JsonObject[]][]> {
  return Promise.all(
    Object.entries(CLUSTERS).map(async ([cluster, { kind }]): Promise<[string, JsonObject[]]> => {
      const text = await call(env, "kubectl", "--context", cluster, "get", `${KINDS},${kind}`, "-A", "-o", "json");
      const objects = listAt(JSON.parse(text), "items").filter(isObject);
      const ours = objects.filter((one) => NAMESPACES.includes(textAt(one, "metadata", "namespace") ?? ""));
      return [cluster, ours.sort((a, b) => nameOf(a).localeCompare(nameOf(b)))];
    }),
  );
}

function nameOf(object: JsonObject): string {
  return `${object.kind} ${textAt(object, "metadata", "namespace")}/${textAt(object, "metadata", "name")}`;
}

function describeObject(cluster: string, object: JsonObject, describer: Describer): string[] {
  const name = nameOf(object);
  const place = `${cluster} ${name}`;
  const specLines = (value: unknown) => describeDocument(place, value, describer);
  switch (object.kind) {
    case "Secret":
      return textAt(object, "type") === "helm.sh/release.v1"
        ? describeRelease(cluster, object)
        : describeSecret(place, object, describer);
    case "ConfigMap":
    case "PersistentVolumeClaim":
      return [place];
    case "Lease":
      return [`${place}: held by ${holderOf(object)}`];
    case "ManagementPlane":
    case "ControlPlane": {
      const ready = listAt(object, "status", "conditions").find((one) => at(one, "type") === "Ready");
      return [`${place}: Ready ${at(ready, "status")} ${at(ready, "reason")}`, ...specLines({ spec: object.spec })];
    }
    case "Service":
      return [place, ...specLines({ ports: listAt(object, "spec", "ports").map((one) => at(one, "port")) })];
    default: {
      const images = listAt(object, "spec", "template", "spec", "containers").map((one) => at(one, "image"));
      return [place, ...specLines({ images, ready: at(object, "status", "readyReplicas") })];
    }
  }
}

function describeSecret(place: string, object: JsonObject, describer: Describer): string[] {
  const data = isObject(object.data) ? Object.entries(object.data).sort() : [];
  return [
    place,
    ...data.map(([key, base64]) => {
      const text = Buffer.from(String(base64), "base64").toString("utf8");
      return `${place} ${key}: ${describer.secret(text, `${place} ${key}`)}`;
    }),
  ];
}

/** One line for a release, from helm's record of the revision in force; none from those it superseded. */
function describeRelease(cluster: string, object: JsonObject): string[] {
  const [name, status] = ["name", "status"].map((key) => textAt(object, "metadata", "labels", key));
  // Failed revisions are history, like superseded ones; a pending one would block every later run.
  return status === "superseded" || status === "failed" ? [] : [`${cluster} release ${name}: ${status}`];
}

async function readReleases(env: NodeJS.ProcessEnv): Promise<[place: string, values: unknown][]> {
  const all = Object.entries(CLUSTERS).flatMap(([cluster, { releases }]) =>
    releases.map((one) => [cluster, ...one] as const),
  );
  return Promise.all(
    all.map(async ([cluster, name, namespace]): Promise<[string, unknown]> => {
      const args = ["status", name, "-n", namespace, "--kube-context", cluster, "-o", "json"];
      const found: unknown = JSON.parse(await call(env, "helm", ...args));
      return [`${cluster} release ${name}`, { status: at(found, "info", "status"), values: at(found, "config") }];
    }),
  );
}

/** What TSB, the name server and the databases say. */
async function readOutside(env: NodeJS.ProcessEnv): Promise<string[]> {
  const asAdmin = { ...env, TCTL_CONFIG: `${env.STATE_DIR}/tctl/config.yaml` };
  const [server = "", port = ""] = (env.DNS_SERVER ?? "").split(":");
  const digArgs = [
    `@${server}`,
    "-p",
    port,
    "-k",
    env.DNS_TSIG_KEY_FILE ?? "",
    env.DNS_ZONE ?? "",
    "AXFR",
    "+noall",
    "+answer",
  ];
  const [bindings, account, status, zone, receiver, slots] = await Promise.all([
    call(asAdmin, "tctl", "get", "ab", `organizations/${env.TSB_ORG}`, "-o", "yaml"),
    call(asAdmin, "tctl", "x", "sa", "get", "tsb-standby-sa", "-o", "yaml"),
    call(asAdmin, "tctl", "status", "cluster", "cp1", "-o", "json"),
    call(env, "dig", ...digArgs),
    sql(env, "mp2", "select status, sender_host from pg_stat_wal_receiver"),
    sql(env, "mp1", "select slot_name, active from pg_replication_slots"),
  ]);
  return [
    // The order of grants means nothing; one that is there twice stays there twice.
    ...listAt(parse(bindings), "spec", "allow")
      .map((rule) => `grant ${JSON.stringify(rule)}`)
      .sort(),
    `service account: ${textAt(parse(account), "metadata", "name")}`,
    `control plane cp1: ${textAt(JSON.parse(status), "spec", "status")}`,
    ...zone
      .split("\n")
      .filter((line) => /\s(A|AAAA|CNAME)\s/.test(line))
      .map((line) => `record ${line.replace(/\s+/g, " ")}`)
      .sort(),
    `replication: mp2 ${receiver.trim()}, slots on mp1 ${slots.trim()}`,
  ];
}

async function sql(env: NodeJS.ProcessEnv, context: string, statement: string): Promise<string> {
  const psql = ["psql", "-X", "-A", "-t", "-U", "postgres", "-d", "postgres", "-c", statement];
  return call(env, "kubectl", "--context", context, "exec", "-n", "tsb", "tsb-postgres-1-0", "--", ...psql);
}

/**
 * Who holds a lock. One whose process was killed between its last change and the release is nobody's: the next run that
 * changes something takes it at once, and a run that has nothing to change leaves it as it is.
 */
function holderOf(lease: JsonObject): string {
  const holder = textAt(lease, "spec", "holderIdentity") ?? "";
  const pid = Number(/\/(\d+)$/.exec(holder)?.[1]);
  return holder === "" || (pid > 0 && !isAlive(pid)) ? "nobody" : holder;
}
