/** The front envoy: three ports on the instance's load balancer address, as long as its Deployment and Service exist. */
import type { Server as HttpsServer } from "node:https";
import { connect, createServer, type Server } from "node:net";
import { apiServer, type ServerCertificate } from "./api-server.ts";
import { Listener } from "./listener.ts";
import { isRunning, secretText } from "./objects.ts";
import { isKeyOf } from "./operator-certs.ts";
import type { Site } from "./site.ts";
import { TsbApi } from "./tsb-api.ts";

export const CENTRAL_PORT = 9443;
export const POSTGRES_FRONT_PORT = 5432;

interface Port {
  listener: Listener;
  /** Set on the TLS ports: what is being shown, and how to show another. */
  tls?: { server: HttpsServer; shown: string };
}

/** Opens and closes ports to match the cluster. */
export class FrontEnvoy {
  readonly #site: Site;
  readonly #api: TsbApi;
  readonly #ports = new Map<number, Port>();

  constructor(site: Site) {
    this.#site = site;
    this.#api = new TsbApi(site);
  }

  /** Makes the open ports those of the Service; renews certificates without dropping connections. */
  async reconcile(): Promise<void> {
    const wanted = this.#wantedPorts();
    for (const [number, port] of this.#ports) {
      if (wanted.includes(number)) continue;
      this.#ports.delete(number);
      await port.listener.close();
    }
    for (const number of wanted) {
      const certificate = this.#certificate(number);
      const open = this.#ports.get(number);
      if (open !== undefined) renew(open, certificate);
      else await this.#open(number, certificate);
    }
  }

  /** Tears down every port and connection. */
  async close(): Promise<void> {
    const ports = [...this.#ports.values()];
    this.#ports.clear();
    await Promise.all(ports.map(({ listener }) => listener.close()));
  }

  #wantedPorts(): number[] {
    const { deployments, envoyService, resource } = this.#site.seen;
    if (resource === undefined || !isRunning(deployments.get("envoy"))) return [];
    return (envoyService?.spec?.ports ?? []).map(({ port }) => port);
  }

  #certificate(number: number): ServerCertificate | undefined {
    if (number === POSTGRES_FRONT_PORT) return undefined;
    const held = this.#site.seen.secrets.get(number === CENTRAL_PORT ? "xcp-central-cert" : "tsb-certs");
    const [certPem, keyPem] = [secretText(held, "tls.crt"), secretText(held, "tls.key")];
    return certPem && keyPem && isPair(certPem, keyPem) ? { certPem, keyPem } : undefined;
  }

  async #open(number: number, certificate: ServerCertificate | undefined): Promise<void> {
    const { frontAddress } = this.#site.cluster;
    if (number === POSTGRES_FRONT_PORT) {
      this.#ports.set(number, { listener: await Listener.open(this.#passThrough(), number, frontAddress) });
      return;
    }
    if (certificate === undefined) return;
    const server = apiServer(certificate, (request) =>
      number === CENTRAL_PORT ? this.#api.handleCentral(request) : this.#api.handle(request),
    );
    const listener = await Listener.open(server, number, frontAddress);
    this.#ports.set(number, { listener, tls: { server, shown: certificate.certPem } });
  }

  /** Postgres starts TLS in band, so its port is handed through as it is. */
  #passThrough(): Server {
    return createServer((client) => {
      const { address, port } = this.#site.postgres.listening;
      const server = connect(port, address);
      const end = () => {
        client.destroy();
        server.destroy();
      };
      for (const socket of [client, server]) socket.on("error", end).on("close", end).setNoDelay(true);
      client.pipe(server).pipe(client);
    });
  }
}

function renew({ tls }: Port, certificate: ServerCertificate | undefined): void {
  if (tls === undefined || certificate === undefined || tls.shown === certificate.certPem) return;
  tls.server.setSecureContext({ cert: certificate.certPem, key: certificate.keyPem });
  tls.shown = certificate.certPem;
}

/** A pair that doesn't match can't be shown; the operator says so, and what was shown before stays. */
function isPair(certPem: string, keyPem: string): boolean {
  try {
    return isKeyOf(keyPem, certPem);
  } catch {
    return false;
  }
}
