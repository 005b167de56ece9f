/**
 * api-proxy.ts CLUSTER FOLDER: a faulty way to a cluster's API server, until SIGTERM. FOLDER/kubeconfig leads through it.
 * FOLDER/fault says what it does, as "ACTION COUNT PATTERN", to the next COUNT requests whose "METHOD /path" has the pattern:
 *
 *   429     answers in place of the server: try again in a second
 *   500     answers in place of the server: out of order
 *   cut     hands the request on, and ends the connection in place of the answer
 *
 * POST /refuse is an admission webhook that refuses everything.
 */
import { readFileSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Agent, createServer, request } from "node:https";
import { join } from "node:path";
import { CertificateAuthority } from "../lab/certificates.ts";

const [cluster = "", folder = ""] = process.argv.slice(2);
const lab = process.env.LAB_DIR ?? "";
const authority = new CertificateAuthority(join(lab, cluster, "pki"));
const kubeconfig = readFileSync(join(lab, cluster, "kubeconfig"), "utf8");
const upstream = new URL(/server: (\S+)/.exec(kubeconfig)?.[1] ?? "");
const client = authority.files("lab-admin");
const agent = new Agent({
  keepAlive: true,
  ca: readFileSync(authority.caFile),
  cert: readFileSync(client.certFile),
  key: readFileSync(client.keyFile),
});

let order = "";
let left = 0;

/** The action that is due for a request. */
function faultFor(what: string): string {
  const [action = "", count = "", ...pattern] = readFileSync(join(folder, "fault"), "utf8").trim().split(" ");
  const now = [action, count, ...pattern].join(" ");
  if (now !== order) left = Number(count);
  order = now;
  if (left <= 0 || !new RegExp(pattern.join(" ")).test(what)) return "";
  left -= 1;
  process.stdout.write(`${action} ${what}\n`);
  return action;
}

function handle(incoming: IncomingMessage, outgoing: ServerResponse): void {
  const fault = faultFor(`${incoming.method} ${incoming.url}`);
  if (incoming.url?.startsWith("/refuse")) void refuse(incoming, outgoing);
  else if (fault === "429") answer(outgoing, 429, "TooManyRequests", { "retry-after": "1" });
  else if (fault === "500") answer(outgoing, 500, "InternalError", {});
  else pass(incoming, outgoing, fault === "cut");
}

function answer(outgoing: ServerResponse, code: number, reason: string, headers: Record<string, string>): void {
  const status = {
    kind: "Status",
    apiVersion: "v1",
    status: "Failure",
    message: `the proxy says ${code}`,
    reason,
    code,
  };
  outgoing.writeHead(code, { "content-type": "application/json", ...headers }).end(JSON.stringify(status));
}

function pass(incoming: IncomingMessage, outgoing: ServerResponse, isCut: boolean): void {
  const { hostname: host, port } = upstream;
  const { method = "GET", url: path = "/", headers } = incoming;
  const sent = request({ agent, host, port, method, path, headers }, (reply) => {
    if (isCut) outgoing.socket?.destroy();
    else reply.pipe(outgoing.writeHead(reply.statusCode ?? 502, reply.headers));
  });
  sent.on("error", () => outgoing.destroy());
  outgoing.on("close", () => sent.destroy());
  incoming.pipe(sent);
}

async function refuse(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const review: { apiVersion: string; request: { uid: string } } = JSON.parse(Buffer.concat(chunks).toString("utf8"));
  const status = { message: "no changes on a Friday" };
  const response = { uid: review.request.uid, allowed: false, status };
  outgoing.writeHead(200, { "content-type": "application/json" });
  outgoing.end(JSON.stringify({ apiVersion: review.apiVersion, kind: "AdmissionReview", response }));
}

const serving = await authority.issue({ name: "proxy", commonName: "proxy", addresses: [upstream.hostname] });
const server = createServer({ cert: readFileSync(serving.certFile), key: readFileSync(serving.keyFile) }, handle);
server.listen(0, upstream.hostname, () => {
  const address = server.address();
  const port = typeof address === "object" ? address?.port : 0;
  writeFileSync(join(folder, "fault"), "none 0");
  writeFileSync(join(folder, "url"), `https://${upstream.hostname}:${port}`);
  writeFileSync(
    join(folder, "kubeconfig"),
    kubeconfig.replace(upstream.origin, `https://${upstream.hostname}:${port}`),
    { mode: 0o600 },
  );
});
process.once("SIGTERM", () => process.exit(0));
