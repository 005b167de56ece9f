/** Control planes as the management plane sees them: who connected, and when it was last heard of. */
import { ApiError, type ApiRequest, requiredString } from "./api-http.ts";
import type { SigningKey } from "./signing-key.ts";
import { rolesOn } from "./tsb-access.ts";
import { clusterAccount } from "./tsb-objects.ts";
import type { TsbStore } from "./tsb-store.ts";
import { issueToken, verifyIssuedToken, verifyServiceAccount } from "./tsb-tokens.ts";

const SILENT_AFTER_MS = 5000;
const XCP_AUDIENCE = "xcp.tetrate.io";

/** The Secrets that a control plane keeps its tokens in, one audience each. */
export const EDGE_TOKENS: Record<string, string> = {
  "otel-token": "otel.tetrate.io",
  "oap-token": "oap.tetrate.io",
  "ngac-token": "ngac.tetrate.io",
  "xcp-edge-central-auth-token": XCP_AUDIENCE,
};

interface Edge {
  lastHeard?: number;
  lastRefusal?: string;
}

/** Lives in memory: after a restart or a failover every control plane has to be heard of again. */
export class Edges {
  readonly #floatDns: string;
  readonly #edges = new Map<string, Edge>();

  constructor(floatDns: string) {
    this.#floatDns = floatDns;
  }

  /** First contact, on the front envoy's main port. @returns tokens by Secret name */
  async connect(store: TsbStore, key: SigningKey, request: ApiRequest): Promise<Record<string, string>> {
    const fqn = requiredString(request.body, "clusterFQN");
    await this.#noting(fqn, () => this.#admit(store, request, fqn));
    const tokens: Record<string, string> = {};
    for (const [name, audience] of Object.entries(EDGE_TOKENS))
      tokens[name] = await issueToken(key, fqn, audience, "24h");
    return tokens;
  }

  /** On XCP central's port, with the token that `connect` handed out. */
  async heartbeat(store: TsbStore, key: SigningKey, request: ApiRequest): Promise<void> {
    if (!request.token) throw new ApiError(401, "authentication required: no token");
    const fqn = await verifyIssuedToken(key, request.token, XCP_AUDIENCE);
    await this.#noting(fqn, async () => {
      this.#requireFloatingName(request.host);
      if ((await store.get("Cluster", fqn)) === undefined) throw new ApiError(404, `cluster "${fqn}" not found`);
    });
    this.#edges.set(fqn, { lastHeard: Date.now() });
  }

  /** As `tctl status cluster` prints it. */
  status(fqn: string): { status: "READY" | "NOT_READY"; message: string } {
    const { lastHeard, lastRefusal } = this.#edges.get(fqn) ?? {};
    if (lastHeard !== undefined && Date.now() - lastHeard <= SILENT_AFTER_MS) {
      return { status: "READY", message: "Cluster onboarded" };
    }
    if (lastRefusal !== undefined) return { status: "NOT_READY", message: `Cluster was refused: ${lastRefusal}` };
    if (lastHeard === undefined)
      return { status: "NOT_READY", message: "Cluster has not connected to this management plane" };
    const seconds = Math.round((Date.now() - lastHeard) / 1000);
    return { status: "NOT_READY", message: `Cluster was last heard of ${seconds} s ago` };
  }

  /** A refusal is what the cluster's status tells until it is heard of again. */
  async #noting(fqn: string, admission: () => Promise<void>): Promise<void> {
    try {
      await admission();
    } catch (error) {
      if (error instanceof ApiError) this.#edges.set(fqn, { lastRefusal: error.message });
      throw error;
    }
  }

  async #admit(store: TsbStore, { host, token }: ApiRequest, fqn: string): Promise<void> {
    this.#requireFloatingName(host);
    if ((await store.get("Cluster", fqn)) === undefined) throw new ApiError(404, `cluster "${fqn}" not found`);
    const [, organization = "", , name = ""] = fqn.split("/");
    const account = await verifyServiceAccount(store, token ?? "");
    if (account.fqn !== clusterAccount(organization, name)) {
      throw new ApiError(403, `service account "${account.fqn}" is not that of cluster "${fqn}"`);
    }
    const roles = await rolesOn(store, `organizations/${organization}`, account);
    if (!roles.includes("rbac/cluster-agent")) {
      throw new ApiError(
        403,
        `service account "${account.fqn}" lacks role rbac/cluster-agent on "organizations/${organization}"`,
      );
    }
  }

  #requireFloatingName(host: string): void {
    if (host === this.#floatDns) return;
    throw new ApiError(
      421,
      `control planes must dial the floating name "${this.#floatDns}", not "${host}": they would be lost after a failover`,
    );
  }
}
