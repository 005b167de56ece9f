/** Carries ApiRequests over HTTPS. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import { ApiError, type ApiReply, type ApiRequest } from "./api-http.ts";

const LARGEST_BODY = 1024 * 1024;

export interface ServerCertificate {
  certPem: string;
  keyPem: string;
}

type Handler = (request: ApiRequest) => Promise<ApiReply>;

/** @returns a server that is not listening yet; `setSecureContext` renews its certificate */
export function apiServer(certificate: ServerCertificate, handler: Handler): Server {
  const options = { cert: certificate.certPem, key: certificate.keyPem, minVersion: "TLSv1.2" } as const;
  return createServer(options, (incoming, outgoing) => {
    void answer(incoming, handler).then((reply) => send(outgoing, reply));
  });
}

async function answer(incoming: IncomingMessage, handler: Handler): Promise<ApiReply> {
  try {
    return await handler(await received(incoming));
  } catch (error) {
    if (error instanceof ApiError)
      return { status: error.status, body: { code: error.status, message: error.message } };
    const message = `upstream failed: ${error instanceof Error ? error.message : error}`;
    return { status: 503, body: { code: 503, message } };
  }
}

async function received(incoming: IncomingMessage): Promise<ApiRequest> {
  const url = new URL(incoming.url ?? "/", "https://front-envoy");
  const [scheme, token] = (incoming.headers.authorization ?? "").split(" ");
  return {
    method: incoming.method ?? "GET",
    path: url.pathname,
    query: url.searchParams,
    host: (incoming.headers.host ?? "").replace(/:\d+$/, "").toLowerCase(),
    token: scheme?.toLowerCase() === "bearer" ? token : undefined,
    body: await bodyOf(incoming),
  };
}

async function bodyOf(incoming: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming) {
    if (!Buffer.isBuffer(chunk)) continue;
    size += chunk.length;
    if (size > LARGEST_BODY) throw new ApiError(413, "request too large");
    chunks.push(chunk);
  }
  if (size === 0) return undefined;
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    throw new ApiError(400, "request is not JSON");
  }
}

function send(outgoing: ServerResponse, { status, body }: ApiReply): void {
  outgoing.writeHead(status, { "content-type": "application/json" }).end(`${JSON.stringify(body)}\n`);
}
