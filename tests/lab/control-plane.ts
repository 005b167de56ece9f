import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { auditPolicy } from "./audit-policy.ts";
import { CertificateAuthority } from "./certificates.ts";
import {
  apiServerArguments,
  type ControlPlaneOptions,
  controllerManagerArguments,
  etcdArguments,
  kwokArguments,
  schedulerArguments,
} from "./control-plane-arguments.ts";
import type { Daemons } from "./daemons.ts";
import { kubeApi } from "./kube.ts";
import { writeKubeconfig } from "./kubeconfig.ts";
import { kwokConfig } from "./kwok.ts";
import type { Daemon, KubeApi } from "./lab.ts";

const rbac = "/apis/rbac.authorization.k8s.io/v1";

const programs = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok"] as const;

/** Users with every right: people and their tools, KWOK, this program, the stand-in operator. */
const admins = ["lab-admin", "kwok", "lab", "tsb-operator"] as const;

/** etcd, API server, controller manager, scheduler and KWOK of one cluster. */
export class ControlPlane {
  readonly server: string;
  readonly ca: CertificateAuthority;
  readonly #options: ControlPlaneOptions;
  readonly #daemons: Daemons;

  constructor(options: ControlPlaneOptions, daemons: Daemons) {
    this.#options = options;
    this.#daemons = daemons;
    this.server = `https://${options.address}:6443`;
    this.ca = new CertificateAuthority(join(options.dir, "pki"));
  }

  /** Makes certificates and configuration; nothing runs yet. */
  async prepare(): Promise<void> {
    const { name, dir, address, frontAddress, path, pace } = this.#options;
    await this.ca.create(name);
    await Promise.all([
      this.ca.issue({
        name: "apiserver",
        commonName: "kube-apiserver",
        addresses: [address, "127.0.0.1", "10.96.0.1"],
      }),
      this.ca.issue({ name: "kubelet", commonName: "kubelet", addresses: [address] }),
      this.ca.issue({ name: "kubelet-client", commonName: "kubelet-client", organization: "system:masters" }),
      this.ca.issue({ name: "service-account", commonName: "service-account" }),
      this.ca.issue({ name: "controller-manager", commonName: "system:kube-controller-manager" }),
      this.ca.issue({ name: "scheduler", commonName: "system:kube-scheduler" }),
      this.ca.issue({ name: "scripts", commonName: "lab-scripts", organization: "tsb-active-standby" }),
      ...admins.map((user) => this.ca.issue({ name: user, commonName: user, organization: "system:masters" })),
    ]);
    for (const user of ["controller-manager", "scheduler", "kwok"]) {
      writeKubeconfig(this.#kubeconfig(user), [this.#context(user, user)], user);
    }
    writeKubeconfig(join(dir, "kubeconfig"), [this.#context(name, "lab-admin")], name);
    const [operatorLog, podsLog] = [join(dir, "operator.log"), join(dir, "pods.log")];
    for (const log of [operatorLog, podsLog]) writeFileSync(log, "");
    writeFileSync(join(dir, "kwok.yaml"), kwokConfig({ operatorLog, podsLog, frontAddress, dir, path, pace }));
    writeFileSync(join(dir, "audit-policy.yaml"), auditPolicy);
    writeFileSync(join(dir, "audit.log"), "", { mode: 0o600 });
  }

  /** Starts everything, on the data that is there. Resolves when the API is ready and the node is registered. */
  async start(): Promise<void> {
    this.#start("etcd", etcdArguments(this.#options));
    const apiServer = this.#start("kube-apiserver", apiServerArguments(this.#options, this.ca));
    const api = this.api("lab");
    // What an API server makes for itself last: its namespaces, and the roles of the others.
    await this.#untilExists(api, "/api/v1/namespaces/kube-system", apiServer);
    await this.#untilExists(api, `${rbac}/clusterrolebindings/system:kube-scheduler`, apiServer);
    this.#start("kube-controller-manager", controllerManagerArguments(this.#kubeconfig("controller-manager")));
    this.#start("kube-scheduler", schedulerArguments(this.#kubeconfig("scheduler")));
    const node = { apiVersion: "v1", kind: "Node", metadata: { name: `${this.#options.name}-node` } };
    // A killed KWOK leaves its hold on the node behind, and its successor would wait until that ends.
    await api.delete(`/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/${node.metadata.name}`);
    this.#start("kwok", kwokArguments(this.#options, this.ca, this.#kubeconfig("kwok")));
    await api.apply(`/api/v1/nodes/${node.metadata.name}`, node);
  }

  /** SIGKILL to those of the five that run, at once. */
  async kill(): Promise<void> {
    const ours = new Set(programs.map((program) => this.#daemonName(program)));
    await this.#daemons.killAll((name) => ours.has(name));
  }

  /** The API as one of the users with every right. */
  api(user: (typeof admins)[number]): KubeApi {
    return kubeApi({ server: this.server, caFile: this.ca.caFile, ...this.ca.files(user) });
  }

  /** For a kubeconfig: this cluster under that name, as the user whose certificate has that file name. */
  #context(name: string, user: string) {
    return { name, server: this.server, caFile: this.ca.caFile, client: this.ca.files(user) };
  }

  /** The context of people and their tools. */
  get userContext() {
    return this.#context(this.#options.name, "lab-admin");
  }

  /** The same as the group that docs/rbac speaks of: without a right until these files are applied. */
  get scriptsContext() {
    return this.#context(this.#options.name, "scripts");
  }

  #kubeconfig(user: string): string {
    return join(this.#options.dir, `${user}.kubeconfig`);
  }

  #daemonName(program: string): string {
    return `${this.#options.name}/${program}`;
  }

  #start(program: (typeof programs)[number], args: readonly string[]): Daemon {
    const { dir, tools, path } = this.#options;
    const logFile = join(dir, `${program}.log`);
    // A bare environment: KWOK passes its own on to `kubectl exec`. To the others memory is cheaper than collecting it:
    // an API server starts with a third less work; and a fifth less again without threads that look for something to do.
    const env = { HOME: dir, PATH: path, ...(program === "kwok" ? {} : { GOGC: "400", GOMAXPROCS: "1" }) };
    const options = { logFile, cwd: dir, env };
    return this.#daemons.start(this.#daemonName(program), [tools[program], ...args], options);
  }

  async #untilExists(api: KubeApi, path: string, apiServer: Daemon): Promise<void> {
    const seconds = 120; // Usually 5; a busy machine takes its time.
    const deadline = Date.now() + seconds * 1000;
    let cause: unknown;
    let ended = false;
    void apiServer.exited.then(() => {
      ended = true;
    });
    while (!ended && Date.now() < deadline) {
      try {
        if ((await api.get(path)) !== undefined) return;
      } catch (error) {
        cause = error; // Not up yet; said below if it stays so.
      }
      await sleep(100);
    }
    throw new Error(
      `${this.#options.name}: ${ended ? "API server ended" : `API server gave no ${path} in ${seconds} s`}; see ${this.#options.dir}/*.log`,
      {
        cause,
      },
    );
  }
}
