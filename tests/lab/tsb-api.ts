/** TSB's API: routes, and what each needs of the instance. */
import { ApiError, type ApiReply, type ApiRequest, requiredQuery, requiredString } from "./api-http.ts";
import { isRunning, secretText } from "./objects.ts";
import { REPLICATION_SECRET, REPLICATION_USER } from "./operator-database.ts";
import { readSigningKey, type SigningKey } from "./signing-key.ts";
import type { Site } from "./site.ts";
import { authorize, bindingsOf } from "./tsb-access.ts";
import { addKey, createAccount, revokeKey } from "./tsb-accounts.ts";
import { Edges } from "./tsb-edges.ts";
import { applyObject, checkParent, clusterKey, presented, type TemplateFacts } from "./tsb-objects.ts";
import { TsbStore } from "./tsb-store.ts";
import { synchronize } from "./tsb-sync.ts";
import { AUDIENCE, authenticate, issueToken } from "./tsb-tokens.ts";

/** One instance's API, reached through its front envoy. */
export class TsbApi {
  readonly #site: Site;
  readonly #store: TsbStore;
  readonly #edges: Edges;

  constructor(site: Site) {
    this.#site = site;
    this.#store = new TsbStore(site.postgres);
    this.#edges = new Edges(site.lab.floatDns);
  }

  /** The front envoy's main port. @throws ApiError; any other error means that the database is away */
  async handle(request: ApiRequest): Promise<ApiReply> {
    for (const name of ["tsb", "iam"]) {
      if (!isRunning(this.#site.seen.deployments.get(name))) throw new ApiError(503, `no healthy upstream: ${name}`);
    }
    const { method, path } = request;
    switch (`${method} ${path}`) {
      case `GET /v2/organizations/${this.#organization}/status`:
        await this.#store.exists(this.#root);
        return { status: 200, body: { status: "READY", organization: this.#organization } };
      case "GET /promql/api/v1/labels":
        return { status: 200, body: { status: "success", data: ["__name__", "cluster", "service"] } };
      case "GET /v2/version":
        return { status: 200, body: { version: this.#version } };
      case "POST /v2/login":
        return { status: 200, body: await this.#login(request) };
      case "POST /v2/standby:synchronize":
        return { status: 200, body: await this.#synchronize(request) };
      case "POST /v2/edge:connect":
        return { status: 200, body: { tokens: await this.#edges.connect(this.#store, this.#key, request) } };
      default:
        return this.#handleUser(request);
    }
  }

  /** XCP central's port. */
  async handleCentral(request: ApiRequest): Promise<ApiReply> {
    if (!isRunning(this.#site.seen.deployments.get("central"))) throw new ApiError(503, "no healthy upstream: central");
    if (request.path === "/healthz") return { status: 200, body: { status: "SERVING" } };
    if (request.path !== "/v2/edge:heartbeat") throw new ApiError(404, `no such path: ${request.path}`);
    await this.#edges.heartbeat(this.#store, this.#key, request);
    return { status: 200, body: {} };
  }

  async #handleUser(request: ApiRequest): Promise<ApiReply> {
    const principal = await authenticate(this.#store, this.#key, request.token);
    const { method, path, query, body } = request;
    await authorize(this.#store, this.#root, principal, method === "GET" ? "read" : "write");
    switch (`${method} ${path}`) {
      case "GET /v2/objects":
        return { status: 200, body: await this.#read(query) };
      case "DELETE /v2/objects":
        return { status: 200, body: await this.#delete(query) };
      case "POST /v2/objects":
        await checkParent(this.#store, body);
        return { status: 200, body: await applyObject(this.#store, body, this.#templateFacts(request.host)) };
      case "GET /v2/clusterstatus":
        return { status: 200, body: await this.#clusterStatus(requiredQuery(query, "fqn")) };
      case "POST /v2/clusters:newkey":
        return { status: 200, body: await this.#clusterKey(requiredString(body, "name")) };
      case "POST /v2/serviceaccounts":
        this.#requireOrganization(requiredString(body, "organization"));
        return {
          status: 201,
          body: await createAccount(this.#store, this.#organization, requiredString(body, "name")),
        };
      case "POST /v2/serviceaccounts:addkey":
        return { status: 200, body: await addKey(this.#store, requiredString(body, "fqn")) };
      case "POST /v2/serviceaccounts:revokekey":
        await revokeKey(this.#store, requiredString(body, "fqn"), requiredString(body, "kid"));
        return { status: 200, body: {} };
      default:
        throw new ApiError(404, `no such path: ${path}`);
    }
  }

  async #login({ body }: ApiRequest): Promise<object> {
    this.#requireOrganization(requiredString(body, "organization"));
    const username = requiredString(body, "username");
    const password = secretText(this.#site.seen.secrets.get("admin-credentials"), "admin");
    if (username !== "admin" || password === undefined || requiredString(body, "password") !== password) {
      throw new ApiError(401, `invalid credentials for user "${username}"`);
    }
    const token = await issueToken(this.#key, `${this.#root}/users/${username}`, AUDIENCE, "1h");
    return { token, expiresInSeconds: 3600 };
  }

  async #read(query: URLSearchParams): Promise<object> {
    const kind = requiredQuery(query, "kind");
    const fqn = query.get("fqn");
    if (fqn === null) {
      const parent = requiredQuery(query, "parent");
      if (!(await this.#store.exists(parent))) throw new ApiError(404, `"${parent}" not found`);
      return { items: (await this.#store.list(kind, parent)).map((object) => presented(object)) };
    }
    const object = kind === "AccessBindings" ? await bindingsOf(this.#store, fqn) : await this.#store.get(kind, fqn);
    if (object === undefined) throw new ApiError(404, `${kind} "${fqn}" not found`);
    return presented(object);
  }

  async #delete(query: URLSearchParams): Promise<object> {
    const [kind, fqn] = [requiredQuery(query, "kind"), requiredQuery(query, "fqn")];
    if (!(await this.#store.delete(kind, fqn))) throw new ApiError(404, `${kind} "${fqn}" not found`);
    return {};
  }

  async #clusterStatus(fqn: string): Promise<object> {
    const cluster = await this.#store.get("Cluster", fqn);
    if (cluster === undefined) throw new ApiError(404, `Cluster "${fqn}" not found`);
    const spec = { configEvents: { events: [] }, ...this.#edges.status(fqn) };
    return { apiVersion: "api.tsb.tetrate.io/v2", kind: "ResourceStatus", metadata: cluster.metadata, spec };
  }

  async #clusterKey(name: string): Promise<object> {
    const fqn = `${this.#root}/clusters/${name}`;
    if ((await this.#store.get("Cluster", fqn)) === undefined) throw new ApiError(404, `Cluster "${fqn}" not found`);
    return clusterKey(this.#store, this.#organization, name);
  }

  async #synchronize(request: ApiRequest): Promise<object> {
    const password = secretText(this.#site.seen.secrets.get(REPLICATION_SECRET), "password");
    if (password === undefined) throw new ApiError(503, "replication is not ready yet");
    const ports = this.#site.seen.envoyService?.spec?.ports ?? [];
    return synchronize(this.#store, request, {
      organization: this.#organization,
      floatDns: this.#site.lab.floatDns,
      key: this.#key,
      exposesPostgres: ports.some(({ port }) => port === 5432),
      replication: { user: REPLICATION_USER, password },
    });
  }

  #templateFacts(host: string): TemplateFacts {
    const { resource, secrets } = this.#site.seen;
    const elastic = secrets.get("elastic-credentials");
    const [username, password] = [secretText(elastic, "username"), secretText(elastic, "password")];
    return {
      host,
      port: resource?.spec.components?.frontEnvoy?.port ?? 8443,
      hub: resource?.spec.hub ?? "",
      elastic: username && password ? { username, password } : undefined,
    };
  }

  #requireOrganization(name: string): void {
    if (name !== this.#organization) throw new ApiError(404, `organization "${name}" not found`);
  }

  get #organization(): string {
    return this.#site.seen.resource?.spec.organization ?? "";
  }

  get #root(): string {
    return `organizations/${this.#organization}`;
  }

  get #key(): SigningKey {
    const key = readSigningKey(this.#site);
    if (key === undefined) throw new ApiError(503, "iam-signing-key is not there yet");
    return key;
  }

  get #version(): string {
    const image = this.#site.seen.operator?.spec?.template?.spec?.containers?.[0]?.image;
    return image?.split(":").at(-1) ?? "unknown";
  }
}
