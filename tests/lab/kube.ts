/** A minimal Kubernetes client: JSON over HTTPS with a client certificate. */
import { readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import type { Readable } from "node:stream";
import { Watch, type WatchSource } from "./kube-watch.ts";
import type { KubeApi } from "./lab.ts";

const TIMEOUT_MS = 20_000;

/** Where an API server is and the files that prove who asks. */
export interface KubeAccess {
  /** e.g. "https://127.0.10.1:6443" */
  server: string;
  caFile: string;
  certFile: string;
  keyFile: string;
}

/** The API server refused a request. */
export class KubeError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = "KubeError";
    this.status = status;
  }
}

interface Call {
  method: string;
  path: string;
  contentType?: string;
  body?: object;
}

/** The path of an object in a namespace, or of a collection of them. */
const NAMESPACED =
  /^(?<collection>\/apis?\/.+\/namespaces\/[^/]+\/[^/?]+)(?:\/(?<name>[^/?]+))?(?:\/status)?(?<query>\?.*)?$/;

/**
 * What is read repeatedly is watched instead, so that looking again costs no request; what the client itself wrote is
 * never read back older than that.
 * @returns a client that reads its files on first use, keeps connections open, and gives up after 20 s
 * @throws (from its methods) KubeError when the server refuses; the socket's error when it can't be reached
 */
export function kubeApi(access: KubeAccess): KubeApi {
  const http = new Requests(access);
  const source: WatchSource = {
    list: (path) => read(path),
    stream: (path) => http.stream(path),
  };
  const watches = new Map<string, Watch | undefined>();

  /** From the second reading on. */
  const watchOf = (path: string): Watch | undefined => {
    if (watches.has(path)) watches.set(path, watches.get(path) ?? new Watch(source, path));
    else watches.set(path, undefined);
    return watches.get(path);
  };
  const wrote = (path: string, resourceVersion: string | undefined): void => {
    const { collection, name } = NAMESPACED.exec(path)?.groups ?? {};
    if (name === undefined) return;
    for (const [watched, watch] of watches)
      if (watched.split("?")[0] === collection) watch?.wrote(name, resourceVersion);
  };
  const read = async <T>(path: string): Promise<T | undefined> => {
    const text = await http.call({ method: "GET", path }).catch(undefinedWhenNotFound);
    return text === undefined ? undefined : JSON.parse(text);
  };
  const write = async <T>(path: string, query: string, contentType: string, body: object): Promise<T> => {
    const text = await http.call({ method: "PATCH", path: `${path}?${query}`, contentType, body });
    wrote(path, JSON.parse(text).metadata.resourceVersion);
    return JSON.parse(text);
  };

  return {
    async get<T>(path: string): Promise<T | undefined> {
      const { collection, name, query = "" } = NAMESPACED.exec(path)?.groups ?? {};
      if (collection === undefined) return read(path);
      const watch = watchOf(`${collection}${query}`);
      if (name === undefined) {
        const items = watch?.all();
        return items === undefined ? read(path) : ({ items } as T);
      }
      const known = watch?.one(name);
      return known === undefined ? read(path) : (known.object as T | undefined);
    },
    apply: (path, object) =>
      write(path, "fieldManager=tsb-operator&force=true", "application/apply-patch+yaml", object),
    mergePatch: (path, patch) => write(path, "fieldManager=tsb-operator", "application/merge-patch+json", patch),
    async delete(path: string): Promise<void> {
      await http.call({ method: "DELETE", path }).catch(undefinedWhenNotFound);
      wrote(path, undefined);
    },
  };
}

/** The connections to one API server. */
class Requests {
  readonly #access: KubeAccess;
  #agent: Agent | undefined;
  #watching: Agent | undefined;

  constructor(access: KubeAccess) {
    this.#access = access;
  }

  async call({ method, path, contentType, body }: Call): Promise<string> {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const headers: Record<string, string> = {};
    if (payload !== undefined) {
      headers["content-type"] = contentType ?? "application/json";
      headers["content-length"] = String(Buffer.byteLength(payload));
    }
    this.#agent ??= this.#connections({ maxSockets: 8 });
    const response = await this.#send(this.#agent, method, path, headers, payload);
    return textOf(response, `${method} ${path}`);
  }

  /** The answer as it comes, in a connection of its own. */
  async stream(path: string): Promise<Readable> {
    this.#watching ??= this.#connections({});
    const response = await this.#send(this.#watching, "GET", path, {}, undefined);
    if (response.statusCode !== 200) await textOf(response, `GET ${path}`);
    response.setTimeout(0);
    return response.setEncoding("utf8");
  }

  #connections(options: { maxSockets?: number }): Agent {
    const { caFile, certFile, keyFile } = this.#access;
    const files = { ca: readFileSync(caFile), cert: readFileSync(certFile), key: readFileSync(keyFile) };
    return new Agent({ keepAlive: true, ...options, ...files });
  }

  #send(
    agent: Agent,
    method: string,
    path: string,
    headers: Record<string, string>,
    payload: string | undefined,
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const url = new URL(path, this.#access.server);
      const all = { accept: "application/json", "user-agent": "tsb-operator", ...headers };
      const sent = request(url, { agent, method, headers: all }, resolve);
      sent.setTimeout(TIMEOUT_MS, () =>
        sent.destroy(new Error(`${method} ${path}: no answer within ${TIMEOUT_MS} ms`)),
      );
      sent.on("error", reject);
      sent.end(payload);
    });
  }
}

/** @throws KubeError unless the status is one of success */
async function textOf(response: IncomingMessage, what: string): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString("utf8");
  const status = response.statusCode ?? 0;
  if (status >= 200 && status < 300) return text;
  throw new KubeError(status, `${what}: ${status} ${reasonOf(text)}`);
}

function undefinedWhenNotFound(error: unknown): undefined {
  if (error instanceof KubeError && error.status === 404) return undefined;
  throw error;
}

/** The message of a Status object, or the text itself. */
function reasonOf(text: string): string {
  try {
    const status: { message?: string } = JSON.parse(text);
    return status.message ?? text;
  } catch {
    return text.slice(0, 200);
  }
}
