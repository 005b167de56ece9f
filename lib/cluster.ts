/** One Kubernetes cluster: kubectl and helm bound to its context, after a check that it is the cluster we think. */

import { jsonAnswer } from "./answer.ts";
import { isObject, type JsonObject, listAt, textAt } from "./json.ts";
import { attempt, type Finished, failure, follow, run } from "./run.ts";
import type { State } from "./state.ts";

/** Where management planes live. */
export const TSB_NAMESPACE = "tsb";

/** Names us in the managed fields of what we apply. */
const FIELD_MANAGER = "tsb-active-standby";

/** An object as the API server returns it. */
export type KubeObject = JsonObject & { kind: string; metadata: JsonObject & { name: string } };

interface CallOptions {
  doing: string;
  input?: string;
  timeoutSeconds?: number;
  next?: string;
  /** See {@link run}. */
  outputTo?: number;
  /** The call is the lock's own. */
  isUnguarded?: true;
}

let guard: ((cluster: Cluster) => Promise<void>) | undefined;

/** Sets what every call that changes a cluster waits for: the lock. */
export function guardChanges(take: ((cluster: Cluster) => Promise<void>) | undefined): void {
  guard = take;
}

/** kubectl and helm for one cluster. Every call names the context; the current context is never read or changed. */
export class Cluster {
  /** "mp1" or a control plane's name, for messages. */
  readonly name: string;
  readonly context: string;
  readonly #requestTimeout: number;
  readonly #graceSeconds: number;
  readonly #helmEnv: Record<string, string>;

  /**
   * @param options.requestTimeout seconds for one request
   * @param options.graceSeconds seconds after which a call that did not end by then is ended; default 5
   * @param options.state helm's own folders are kept in it, apart from the user's
   */
  constructor(name: string, context: string, options: { requestTimeout: number; graceSeconds?: number; state: State }) {
    this.name = name;
    this.context = context;
    this.#requestTimeout = options.requestTimeout;
    this.#graceSeconds = options.graceSeconds ?? 5;
    this.#helmEnv = helmEnvironment(options.state);
  }

  /** Runs kubectl; see {@link run}. */
  async kubectl(args: readonly string[], options: CallOptions): Promise<string> {
    return run("kubectl", this.#bound(args), this.#options(options, false));
  }

  /** Runs a kubectl that changes something. */
  async change(args: readonly string[], { isUnguarded, ...options }: CallOptions): Promise<string> {
    if (!isUnguarded) await guard?.(this);
    return run("kubectl", this.#bound(args), this.#options(options, true));
  }

  /** Runs helm; returns how it ended, whatever its exit code. */
  async helm(args: readonly string[], options: CallOptions & { mutates: boolean }): Promise<Finished> {
    const { mutates, ...call } = options;
    if (mutates) await guard?.(this);
    return attempt("helm", [...args, "--kube-context", this.context], {
      ...this.#options(call, mutates),
      env: this.#helmEnv,
    });
  }

  /**
   * Reads objects, in one call.
   * @param resources "secret/name", "deployment/tsb", … or one kind ("deployments") for all of it
   * @returns those that exist, in no particular order
   */
  async get(
    resources: readonly string[],
    options: {
      namespace?: string;
      selector?: string;
      everywhereNamed?: string;
      everywhere?: true;
      managers?: true;
    } = {},
  ): Promise<KubeObject[]> {
    const args = ["get", ...resources, "-o", "json", "--ignore-not-found"];
    if (options.namespace) args.push("-n", options.namespace);
    if (options.selector) args.push("-l", options.selector);
    if (options.managers) args.push("--show-managed-fields");
    if (options.everywhere) args.push("-A");
    if (options.everywhereNamed) args.push("-A", "--field-selector", `metadata.name=${options.everywhereNamed}`);
    const doing = `reading ${resources.join(", ")} on ${this.name}`;
    const ask = () => attempt("kubectl", this.#bound(args), this.#options({ doing }, false));
    const first = await ask();
    // Whoever stood still for a moment, the server or this machine, is given a second chance.
    const ended = /TLS handshake timeout/.test(first.stderr) ? await ask() : first;
    // A kind whose CRD is not there has no objects.
    if (/the server doesn't have a resource type/.test(ended.stderr)) return [];
    if (ended.exitCode !== 0)
      throw failure("kubectl", this.#bound(args), ended, { doing, next: this.#adviceOn(ended) });
    return objectsIn(ended.stdout, doing);
  }

  /** Creates or updates objects by server-side apply; they travel over standard input. */
  async apply(objects: readonly object[], doing: string): Promise<void> {
    const list = { apiVersion: "v1", kind: "List", items: objects };
    const args = ["apply", "--server-side", "--force-conflicts", `--field-manager=${FIELD_MANAGER}`, "-f", "-"];
    await this.change(args, { doing, input: JSON.stringify(list) });
  }

  /** Follows a pod's or selector's log; see {@link follow}. No request time-out: it is meant to last. */
  followLogs(args: readonly string[], onLine: (line: string) => void): ReturnType<typeof follow> {
    return follow("kubectl", ["--context", this.context, "logs", "--follow", ...args], onLine);
  }

  /** The command with which a person would look further. */
  look(args: string): string {
    return `kubectl --context ${this.context} ${args}`;
  }

  #adviceOn({ stderr }: Finished): string {
    if (!/Unauthorized|must be logged in/.test(stderr)) return this.#look();
    return `the credentials of context ${this.context} are refused: they may have expired; renew them, or log in again`;
  }

  #look(): string {
    return `check that the cluster can be reached: ${this.look("get namespace kube-system")}`;
  }

  #bound(args: readonly string[]): string[] {
    return ["--context", this.context, `--request-timeout=${this.#requestTimeout}s`, ...args];
  }

  #options(options: CallOptions, mutates: boolean) {
    const { timeoutSeconds = this.#requestTimeout + this.#graceSeconds, ...rest } = options;
    return { next: this.#look(), ...rest, timeoutSeconds, mutates };
  }
}

/** Helm's folders inside the state folder, so that the user's repositories are neither used nor changed. */
export function helmEnvironment(state: State): Record<string, string> {
  return {
    HELM_CACHE_HOME: state.path("helm", "cache"),
    HELM_CONFIG_HOME: state.path("helm", "config"),
    HELM_DATA_HOME: state.path("helm", "data"),
  };
}

/** The objects in kubectl's answer, one or a List. */
export function objectsIn(json: string, doing: string): KubeObject[] {
  if (json.trim() === "") return [];
  const parsed = jsonAnswer(json, doing);
  const items = textAt(parsed, "kind")?.endsWith("List") ? listAt(parsed, "items") : [parsed];
  return items.filter(isKubeObject);
}

function isKubeObject(value: unknown): value is KubeObject {
  return isObject(value) && typeof value.kind === "string" && textAt(value, "metadata", "name") !== undefined;
}

/** The object of that kind and name among those that were read. */
export function find(objects: readonly KubeObject[], kind: string, name: string): KubeObject | undefined {
  return objects.find((object) => object.kind === kind && object.metadata.name === name);
}
