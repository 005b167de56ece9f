import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { DaemonStatus } from "./daemons.ts";
import type { SiteState } from "./lab-site.ts";

/** What GET /status answers. */
export interface LabStatus {
  state: "starting" | "ready" | "failed" | "stopping";
  /** Progress of the start, a line for each thing done. */
  steps: string[];
  /** Why it failed. */
  error?: string;
  secondsToReady?: number;
  clusters: Record<string, SiteState>;
  daemons: DaemonStatus[];
  /** Memory of the supervisor itself, which also plays the TSB software. */
  supervisorMiB: number;
}

/** Body of the POST requests. */
export interface ControlRequest {
  /** For /kill and /revive: "mp1" */
  cluster?: string;
  /** For /signal and /restart: "mp1/etcd" */
  daemon?: string;
  /** For /signal: "STOP", "CONT", "KILL", "TERM", "INT" */
  signal?: string;
}

/** What the supervisor does on request. */
export interface ControlHandlers {
  status(): LabStatus;
  kill(cluster: string): Promise<void>;
  revive(cluster: string): Promise<void>;
  signal(daemon: string, signal: NodeJS.Signals): void;
  restart(daemon: string): Promise<void>;
  down(): Promise<void>;
}

const signals: Readonly<Record<string, NodeJS.Signals>> = {
  STOP: "SIGSTOP",
  CONT: "SIGCONT",
  KILL: "SIGKILL",
  TERM: "SIGTERM",
  INT: "SIGINT",
};

/** Listens on a socket that only its owner can open; answers JSON, errors as {"error": …} with status 400. */
export async function serveControl(socket: string, handlers: ControlHandlers): Promise<Server> {
  const server = createServer((request, response) => {
    const reply = (code: number, body: object) =>
      response.writeHead(code, { "content-type": "application/json" }).end(`${JSON.stringify(body)}\n`);
    answer(request, handlers).then(
      (body) => reply(200, body),
      (error: unknown) => reply(400, { error: error instanceof Error ? error.message : String(error) }),
    );
  });
  const before = process.umask(0o077);
  server.listen(socket);
  await once(server, "listening");
  process.umask(before);
  return server;
}

async function answer(request: IncomingMessage, handlers: ControlHandlers): Promise<object> {
  const path = `${request.method} ${request.url}`;
  if (path === "GET /status") return handlers.status();
  const body = await readBody(request);
  if (path === "POST /kill") await handlers.kill(wanted(body, "cluster"));
  else if (path === "POST /revive") await handlers.revive(wanted(body, "cluster"));
  else if (path === "POST /signal") handlers.signal(wanted(body, "daemon"), signalNamed(wanted(body, "signal")));
  else if (path === "POST /restart") await handlers.restart(wanted(body, "daemon"));
  else if (path === "POST /down") await handlers.down();
  else throw new Error(`no such request: ${path}`);
  return {};
}

async function readBody(request: IncomingMessage): Promise<ControlRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString("utf8");
  return text ? JSON.parse(text) : {};
}

function wanted(body: ControlRequest, field: keyof ControlRequest): string {
  const value = body[field];
  if (typeof value !== "string" || value === "") throw new Error(`the request names no ${field}`);
  return value;
}

function signalNamed(name: string): NodeJS.Signals {
  const signal = signals[name.replace(/^SIG/, "")];
  if (!signal) throw new Error(`no signal "${name}"; there are: ${Object.keys(signals).join(", ")}`);
  return signal;
}
