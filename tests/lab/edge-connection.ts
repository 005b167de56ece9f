/** The edge's connection to whichever management plane the floating name leads to. */
import { existsSync } from "node:fs";
import { addressOf, connectEdge, type EdgeSettings, heartbeat } from "./edge.ts";
import type { Lab, LabCluster } from "./lab.ts";
import { type Secret, secretText } from "./objects.ts";
import type { OperatorLog } from "./operator-log.ts";
import { Blocked } from "./operator-verdict.ts";
import { secret } from "./workload.ts";

const TOKENS = ["otel-token", "oap-token", "ngac-token", "xcp-edge-central-auth-token"] as const;
const CENTRAL_TOKEN = "xcp-edge-central-auth-token";

interface Connection {
  address: string;
  /** The edge's pod that made it: a restart begins anew. */
  pod: string;
  isUp: boolean;
}

/** Connects, keeps the tokens in Secrets, and says that the cluster is alive. */
export class EdgeConnection {
  readonly #lab: Lab;
  readonly #cluster: LabCluster;
  readonly #log: OperatorLog;
  readonly #namespace: string;
  #connection: Connection | undefined;

  constructor(lab: Lab, cluster: LabCluster, log: OperatorLog, namespace: string) {
    this.#lab = lab;
    this.#cluster = cluster;
    this.#log = log;
    this.#namespace = namespace;
  }

  /** The edge is gone. */
  drop(): void {
    this.#connection = undefined;
  }

  /** One heartbeat, after whatever it takes to be able to send one. @throws Blocked */
  async beat(settings: EdgeSettings, pod: string, secrets: ReadonlyMap<string, Secret>): Promise<void> {
    const connection = await this.#place(settings.host, pod);
    const isComplete = TOKENS.every((name) => secretText(secrets.get(name), "token") !== undefined);
    let token = secretText(secrets.get(CENTRAL_TOKEN), "token");
    if (!isComplete) token = await this.#authenticate(settings, connection.address);
    try {
      await heartbeat(settings, connection.address, token ?? "");
    } catch (error) {
      connection.isUp = false;
      const isForeign = error instanceof Blocked && error.reason === "Unauthenticated";
      if (isForeign && !this.#has("edge-keeps-tokens")) await this.#authenticate(settings, connection.address);
      throw error;
    }
    if (!connection.isUp)
      this.#log.info(`edge: connected to XCP central at ${settings.host}:9443 (${connection.address})`);
    connection.isUp = true;
  }

  /** Where the name leads now; with the file edge-keeps-address, where it led when the edge was last restarted. */
  async #place(host: string, pod: string): Promise<Connection> {
    const known = this.#connection?.pod === pod ? this.#connection : undefined;
    if (known !== undefined && this.#has("edge-keeps-address")) return known;
    const address = await addressOf(this.#lab, host);
    this.#connection = known?.address === address ? known : { address, pod, isUp: false };
    return this.#connection;
  }

  async #authenticate(settings: EdgeSettings, address: string): Promise<string | undefined> {
    const tokens = await connectEdge(settings, address);
    for (const [name, token] of Object.entries(tokens)) {
      const path = `/api/v1/namespaces/${this.#namespace}/secrets/${name}`;
      await this.#cluster.api.apply(path, secret(name, this.#namespace, { token }));
    }
    this.#log.info(`edge: ${settings.host} handed out ${Object.keys(tokens).join(", ")}`);
    return tokens[CENTRAL_TOKEN];
  }

  /** A switch: a file in the cluster's folder. */
  #has(name: string): boolean {
    return existsSync(`${this.#cluster.dir}/${name}`);
  }
}
