/** The stand-in for all TSB software on one control plane cluster. */
import { setTimeout as sleep } from "node:timers/promises";
import { edgeSettings } from "./control-plane-inputs.ts";
import type { EdgeSettings } from "./edge.ts";
import { EdgeConnection } from "./edge-connection.ts";
import type { Lab, LabCluster, StandIn } from "./lab.ts";
import { type ControlPlane, type Deployment, isRunning, type ListOf, type Secret } from "./objects.ts";
import { applyIfDifferent } from "./operator-apply.ts";
import { OperatorLog } from "./operator-log.ts";
import { Reports } from "./operator-reports.ts";
import { Rounds } from "./operator-rounds.ts";
import type { Verdict } from "./operator-verdict.ts";
import { deployment, type Owner } from "./workload.ts";

const NAMESPACE = "istio-system";
const RESOURCE = `/apis/install.tetrate.io/v1alpha1/namespaces/${NAMESPACE}/controlplanes/controlplane`;
const DEPLOYMENTS = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments`;
const COMPONENTS = [
  "istio-operator",
  "istiod",
  "xcp-operator-edge",
  "edge",
  "oap-deployment",
  "otel-collector",
] as const;

interface Snapshot {
  resource: ControlPlane;
  operator: Deployment;
  deployments: ReadonlyMap<string, Deployment>;
  secrets: ReadonlyMap<string, Secret>;
}

/** Operator and edge of one control plane. */
export function controlPlaneStandIn(lab: Lab, cluster: LabCluster): StandIn {
  return new ControlPlaneStandIn(lab, cluster);
}

class ControlPlaneStandIn implements StandIn {
  readonly #lab: Lab;
  readonly #cluster: LabCluster;
  readonly #log: OperatorLog;
  readonly #edge: EdgeConnection;
  readonly #reports: Reports;
  readonly #operating: Rounds;
  #isAlive = false;
  #operatorPod: string | undefined;

  constructor(lab: Lab, cluster: LabCluster) {
    this.#lab = lab;
    this.#cluster = cluster;
    this.#log = new OperatorLog(`${cluster.dir}/operator.log`, "controlplane");
    this.#edge = new EdgeConnection(lab, cluster, this.#log, NAMESPACE);
    this.#reports = new Reports(cluster.api, RESOURCE, this.#log);
    this.#operating = new Rounds(lab, `${cluster.name} operator`, 1000 * Math.min(1, Math.max(0.3, lab.pace)), () =>
      this.#operate(),
    );
  }

  async start(): Promise<void> {
    this.#isAlive = true;
    this.#operating.start();
  }

  async kill(): Promise<void> {
    this.#isAlive = false;
    this.#edge.drop();
    await this.#operating.stop();
  }

  async stop(): Promise<void> {
    await this.kill();
  }

  async #operate(): Promise<void> {
    const seen = await this.#observe();
    if (seen === undefined) return;
    const { resource, operator } = seen;
    const pod = podOf(operator);
    if (this.#operatorPod !== undefined && this.#operatorPod !== pod) this.#log.rotate();
    if (this.#operatorPod !== pod) this.#log.info("operator started");
    this.#operatorPod = pod;
    try {
      const settings = edgeSettings(resource, seen.secrets);
      if (await this.#install(seen)) return;
      await this.#reports.succeeded(resource, await this.#stayInTouch(seen, settings));
    } catch (error) {
      await this.#reports.failed(resource, error);
    }
  }

  async #observe(): Promise<Snapshot | undefined> {
    const { api } = this.#cluster;
    const [resource, deployments, secrets] = await Promise.all([
      api.get<ControlPlane>(RESOURCE),
      api.get<ListOf<Deployment>>(DEPLOYMENTS),
      api.get<ListOf<Secret>>(`/api/v1/namespaces/${NAMESPACE}/secrets?fieldSelector=type!=helm.sh/release.v1`),
    ]);
    const byName = new Map((deployments?.items ?? []).map((item) => [item.metadata.name, item]));
    const operator = byName.get("tsb-operator-control-plane");
    if (resource === undefined || operator === undefined || !isRunning(operator)) return undefined;
    const secretsByName = new Map((secrets?.items ?? []).map((item) => [item.metadata.name, item]));
    return { resource, operator, deployments: byName, secrets: secretsByName };
  }

  /** @returns whether anything had to be written */
  async #install({ resource, deployments }: Snapshot): Promise<boolean> {
    const owner: Owner = { resource, namespace: NAMESPACE, hub: resource.spec.hub };
    const before = this.#operatorPod;
    let changed = false;
    for (const name of COMPONENTS) {
      const live = deployments.get(name);
      if (!(await applyIfDifferent(this.#cluster.api, `${DEPLOYMENTS}/${name}`, deployment(name, owner), live)))
        continue;
      this.#log.info(`deployment ${name} ${live === undefined ? "created" : "updated"}`);
      changed = true;
      await sleep((300 + Math.random() * 300) * this.#lab.pace);
      if (!this.#isAlive || before !== this.#operatorPod) throw new Error("the site is going down");
    }
    return changed;
  }

  async #stayInTouch(seen: Snapshot, settings: EdgeSettings): Promise<Verdict> {
    const edge = seen.deployments.get("edge");
    if (isRunning(edge)) await this.#edge.beat(settings, podOf(edge), seen.secrets);
    else this.#edge.drop();
    const waiting = COMPONENTS.filter((name) => !isRunning(seen.deployments.get(name)));
    if (waiting.length > 0)
      return { ready: false, reason: "ComponentsNotReady", message: `waiting for ${waiting.join(", ")}` };
    return { ready: true, reason: "Connected", message: `connected to ${settings.host}` };
  }
}

/** Another value means that the Deployment's pods were replaced. */
function podOf(owner: Deployment | undefined): string {
  return `${owner?.metadata.uid} ${owner?.metadata.generation}`;
}
