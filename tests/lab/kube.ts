/** A minimal Kubernetes client: JSON over HTTPS with a client certificate. */
import { readFileSync } from "node:fs";
import { Agent, request } from "node:https";
import type { KubeApi } from "./lab.ts";

const TIMEOUT_MS = 8000;

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

/**
 * @returns a client that reads its files on first use, keeps connections open, and gives up after 8 s
 * @throws (from its methods) KubeError when the server refuses; the socket's error when it can't be reached
 */
export function kubeApi(access: KubeAccess): KubeApi {
  let agent: Agent | undefined;
  const connect = (): Agent => {
    agent ??= new Agent({
      keepAlive: true,
      maxSockets: 8,
      ca: readFileSync(access.caFile),
      cert: readFileSync(access.certFile),
      key: readFileSync(access.keyFile),
    });
    return agent;
  };

  const call = ({ method, path, contentType, body }: Call): Promise<string> =>
    new Promise((resolve, reject) => {
      const url = new URL(path, access.server);
      const payload = body === undefined ? undefined : JSON.stringify(body);
      const headers: Record<string, string> = { accept: "application/json", "user-agent": "tsb-operator" };
      if (payload !== undefined) {
        headers["content-type"] = contentType ?? "application/json";
        headers["content-length"] = String(Buffer.byteLength(payload));
      }
      const sent = request(url, { agent: connect(), method, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString("utf8");
          const status = response.statusCode ?? 0;
          if (status >= 200 && status < 300) resolve(text);
          else reject(new KubeError(status, `${method} ${path}: ${status} ${reasonOf(text)}`));
        });
      });
      sent.setTimeout(TIMEOUT_MS, () =>
        sent.destroy(new Error(`${method} ${path}: no answer within ${TIMEOUT_MS} ms`)),
      );
      sent.on("error", reject);
      sent.end(payload);
    });

  return {
    async get<T>(path: string): Promise<T | undefined> {
      const text = await call({ method: "GET", path }).catch(undefinedWhenNotFound);
      return text === undefined ? undefined : JSON.parse(text);
    },
    async apply<T>(path: string, object: object): Promise<T> {
      const query = "fieldManager=tsb-operator&force=true";
      const contentType = "application/apply-patch+yaml";
      return JSON.parse(await call({ method: "PATCH", path: `${path}?${query}`, contentType, body: object }));
    },
    async mergePatch<T>(path: string, patch: object): Promise<T> {
      const contentType = "application/merge-patch+json";
      const query = "fieldManager=tsb-operator";
      return JSON.parse(await call({ method: "PATCH", path: `${path}?${query}`, contentType, body: patch }));
    },
    async delete(path: string): Promise<void> {
      await call({ method: "DELETE", path }).catch(undefinedWhenNotFound);
    },
  };
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
