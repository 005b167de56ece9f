/**
 * oci-registry.ts FOLDER: a registry for charts with TLS, until SIGTERM. FOLDER/url is where it answers ("127.0.0.1:…"), by
 * a certificate of FOLDER/pki/ca.crt. What lies below private/ it gives, and takes, only after a login as "reader" with the
 * password "let me in".
 */
import { spawn } from "node:child_process";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { type IncomingMessage, request, type ServerResponse } from "node:http";
import { createServer } from "node:https";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ensureRegistry } from "../lab/build-tools.ts";
import { CertificateAuthority } from "../lab/certificates.ts";
import { say } from "../lab/program.ts";

const [folder = ""] = process.argv.slice(2);
const login = `Basic ${Buffer.from("reader:let me in").toString("base64")}`;
const authority = new CertificateAuthority(join(folder, "pki"));
await authority.create("registry");
const serving = await authority.issue({ name: "registry", commonName: "registry", addresses: ["127.0.0.1"] });

// It speaks plain HTTP, and ends with us, however we end.
const registry = spawn("setpriv", ["--pdeathsig", "KILL", await ensureRegistry(say), "-port", "0"], {
  stdio: ["ignore", "ignore", "pipe"],
});
registry.once("exit", (code) => process.exit(code ?? 1));
let upstream = "";
for await (const line of createInterface({ input: registry.stderr })) {
  upstream = /serving on port (\d+)/.exec(line)?.[1] ?? "";
  if (upstream) break;
}
registry.stderr.resume();

function handle(incoming: IncomingMessage, outgoing: ServerResponse): void {
  const { method = "GET", url: path = "/", headers } = incoming;
  process.stdout.write(`${method} ${path}\n`);
  if (path.startsWith("/v2/private/") && headers.authorization !== login) {
    outgoing.writeHead(401, { "www-authenticate": 'Basic realm="private"' }).end();
    return;
  }
  const sent = request({ host: "localhost", port: upstream, method, path, headers }, (reply) => {
    reply.pipe(outgoing.writeHead(reply.statusCode ?? 502, reply.headers));
  });
  sent.on("error", () => outgoing.destroy());
  incoming.pipe(sent);
}

const server = createServer({ cert: readFileSync(serving.certFile), key: readFileSync(serving.keyFile) }, handle);
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  writeFileSync(join(folder, "url.new"), `127.0.0.1:${typeof address === "object" ? address?.port : 0}`);
  renameSync(join(folder, "url.new"), join(folder, "url"));
});
process.once("SIGTERM", () => process.exit(0));
