/** tctl's connection to a management plane: name resolution, TLS, login, calls. */
import { Resolver } from "node:dns/promises";
import { existsSync, readFileSync } from "node:fs";
import { isIP } from "node:net";
import { isRecord } from "./api-http.ts";
import { type Call, dial } from "./dial.ts";
import type { ClusterEntry, UserEntry } from "./tctl-config.ts";

/** The lab's name server, "127.0.0.1:port"; put in when tctl is built. */
const NAME_SERVER = process.env.LAB_DNS ?? "";

/** Calls one management plane as one user. */
export class TctlClient {
  readonly #cluster: ClusterEntry;
  #token: string | undefined;
  readonly #user: UserEntry;

  constructor(cluster: ClusterEntry, user: UserEntry) {
    this.#cluster = cluster;
    this.#user = user;
    this.#token = user.token;
  }

  /** @returns a token @throws Error with the server's words */
  async login(credentials: { org: string; username: string; password: string }): Promise<string> {
    const { org: organization, username, password } = credentials;
    const body = { organization, username, password };
    const answer = await this.#call({ method: "POST", path: "/v2/login", body });
    this.#token = String(answer.token);
    return this.#token;
  }

  /** A call that needs no login. */
  async open(path: string): Promise<Record<string, unknown>> {
    return this.#call({ method: "GET", path });
  }

  /** A call as the user; a user that has a password instead of a token logs in first. */
  async call(
    method: string,
    path: string,
    options: { query?: Record<string, string>; body?: object } = {},
  ): Promise<Record<string, unknown>> {
    const { org, username, password } = this.#user;
    if (this.#token === undefined && org && username && password) await this.login({ org, username, password });
    if (this.#token === undefined) throw new Error('not logged in: use "tctl login"');
    const query = options.query === undefined ? "" : `?${new URLSearchParams(options.query)}`;
    const headers = { authorization: `Bearer ${this.#token}` };
    return this.#call({ method, path: `${path}${query}`, headers, ...(options.body && { body: options.body }) });
  }

  async #call(call: Call): Promise<Record<string, unknown>> {
    const { bridgeAddress, tlsCustomCaFile, tlsInsecure } = this.#cluster;
    const [, host = "", port = "443"] = /^(.*?)(?::(\d+))?$/.exec(bridgeAddress) ?? [];
    if (tlsCustomCaFile && !existsSync(tlsCustomCaFile))
      throw new Error(`open ${tlsCustomCaFile}: no such file or directory`);
    const ca = tlsCustomCaFile ? readFileSync(tlsCustomCaFile, "utf8") : undefined;
    const address = await resolve(host);
    const endpoint = { host, port: Number(port), address, ca, insecure: tlsInsecure };
    const { status, text } = await dial(endpoint, call);
    const body = parsed(text);
    if (status < 200 || status > 299) throw new Error(`${STATUS[status] ?? `HTTP ${status}`}: ${body.message ?? text}`);
    return body;
  }
}

const STATUS: Record<number, string> = {
  400: "InvalidArgument",
  401: "Unauthenticated",
  403: "PermissionDenied",
  404: "NotFound",
  409: "AlreadyExists",
  412: "FailedPrecondition",
  503: "Unavailable",
};

async function resolve(host: string): Promise<string> {
  if (isIP(host)) return host;
  const resolver = new Resolver({ timeout: 2000, tries: 2 });
  resolver.setServers([NAME_SERVER]);
  try {
    const [address] = await resolver.resolve4(host);
    if (address !== undefined) return address;
    throw new Error(`dial tcp: lookup ${host} on ${NAME_SERVER}: no such host`);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    const what = ["ENOTFOUND", "ENODATA"].includes(code) ? "no such host" : code || String(error);
    throw new Error(`dial tcp: lookup ${host} on ${NAME_SERVER}: ${what}`, { cause: error });
  }
}

function parsed(text: string): Record<string, unknown> {
  try {
    const body: unknown = JSON.parse(text);
    return isRecord(body) ? body : {};
  } catch {
    return {};
  }
}
