/** The stand-in for all TSB software on one management plane cluster. */
import { FrontEnvoy } from "./front-envoy.ts";
import type { Lab, LabCluster, StandIn } from "./lab.ts";
import { isRunning } from "./objects.ts";
import { reconcileActive } from "./operator-active.ts";
import { releaseVolume } from "./operator-database.ts";
import { OperatorLog } from "./operator-log.ts";
import { Reports } from "./operator-reports.ts";
import { Rounds } from "./operator-rounds.ts";
import { StandbyOperator } from "./operator-standby.ts";
import { Postgres } from "./postgres.ts";
import { NAMESPACE, NOTHING_SEEN, refresh, type Site } from "./site.ts";

const RESOURCE = `/apis/install.tetrate.io/v1alpha1/namespaces/${NAMESPACE}/managementplanes/managementplane`;

/** Operator, database, front envoy and API of one instance; they act on what stands in its API server. */
export function managementPlaneStandIn(lab: Lab, cluster: LabCluster): StandIn {
  return new ManagementPlaneStandIn(lab, cluster);
}

class ManagementPlaneStandIn implements StandIn {
  readonly #site: Site;
  readonly #front: FrontEnvoy;
  readonly #standby: StandbyOperator;
  readonly #reports: Reports;
  readonly #operating: Rounds;
  readonly #serving: Rounds;
  /** The operator's pod, as far as its log is concerned: a new one begins a new log. */
  #operatorPod: string | undefined;

  constructor(lab: Lab, cluster: LabCluster) {
    const log = new OperatorLog(`${cluster.dir}/operator.log`, "managementplane");
    this.#site = {
      lab,
      cluster,
      log,
      postgres: new Postgres(lab, cluster),
      seen: NOTHING_SEEN,
      seenAt: 0,
      isAlive: false,
    };
    this.#front = new FrontEnvoy(this.#site);
    this.#standby = new StandbyOperator(this.#site);
    this.#reports = new Reports(cluster.api, RESOURCE, log);
    this.#operating = new Rounds(lab, `${cluster.name} operator`, 500, () => this.#operate());
    this.#serving = new Rounds(lab, `${cluster.name} kubelet`, 300, () => this.#serve());
  }

  async start(): Promise<void> {
    this.#site.isAlive = true;
    this.#serving.start();
    this.#operating.start();
  }

  async kill(): Promise<void> {
    this.#site.isAlive = false;
    const ended = [this.#operating.stop(), this.#serving.stop()];
    await Promise.all([this.#site.postgres.kill(), this.#front.close()]);
    await Promise.all(ended);
    await Promise.all([this.#site.postgres.kill(), this.#front.close()]);
  }

  async stop(): Promise<void> {
    this.#site.isAlive = false;
    await Promise.all([this.#operating.stop(), this.#serving.stop()]);
    await this.#front.close();
    await this.#site.postgres.stop();
  }

  /** What a kubelet and a load balancer do: keeps running what the cluster's objects ask for. */
  async #serve(): Promise<void> {
    await refresh(this.#site);
    await this.#front.reconcile();
    const { resource, operator } = this.#site.seen;
    if (resource === undefined) await this.#site.postgres.stop();
    if (resource === undefined || !isRunning(operator)) await releaseVolume(this.#site);
  }

  async #operate(): Promise<void> {
    await refresh(this.#site);
    const { seen } = this.#site;
    const { operator, resource } = seen;
    if (resource === undefined || !isRunning(operator)) return;
    const pod = `${operator?.metadata.uid} ${operator?.metadata.generation}`;
    if (this.#operatorPod !== undefined && this.#operatorPod !== pod) this.#site.log.rotate();
    if (this.#operatorPod !== pod) this.#site.log.info("operator started");
    this.#operatorPod = pod;
    if (await this.#reports.acknowledge(resource)) await refresh(this.#site);
    const isStandby = resource.spec.highAvailability?.standby !== undefined;
    try {
      const verdict = isStandby ? await this.#standby.reconcile(resource) : await reconcileActive(this.#site, resource);
      await this.#reports.succeeded(this.#site.seen.resource ?? resource, verdict);
    } catch (error) {
      await this.#reports.failed(this.#site.seen.resource ?? resource, error);
    }
  }
}
