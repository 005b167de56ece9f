import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Tools } from "./build-tools.ts";
import { ChartRepository } from "./chart-repository.ts";
import { ControlPlane } from "./control-plane.ts";
import type { Daemons } from "./daemons.ts";
import { writeKubeconfig, writeUsers } from "./kubeconfig.ts";
import type { Lab, LabCluster } from "./lab.ts";
import { LabSite } from "./lab-site.ts";
import { NameServer } from "./name-server.ts";
import { claimNetwork, clusterAddresses, freeNameServerPort, type Network } from "./network.ts";
import { markProcess } from "./processes.ts";
import { fillBin } from "./programs.ts";
import { checkout, floatDns, type LabSettings } from "./settings.ts";
import { standInFor } from "./stand-ins.ts";
import { newPasswords, writeState } from "./state.ts";
import { postgresBinDir } from "./system-packages.ts";

/** What the supervisor lends for the building. */
export interface BuildContext {
  readonly settings: LabSettings;
  readonly tools: Tools;
  readonly daemons: Daemons;
  log(line: string): void;
  /** Tells that something is done. */
  step(what: string): void;
  /** Receives each site before it starts. */
  addSite(site: LabSite): void;
}

/** A cluster to be: its control plane, and what the stand-ins see of it. */
interface Plan {
  readonly plane: ControlPlane;
  readonly cluster: LabCluster;
}

/** Brings everything up, all at once; resolves when the last part is ready. */
export async function buildLab(context: BuildContext): Promise<void> {
  const { settings, tools, daemons, step } = context;
  const network = await claimNetwork();
  const dnsPort = await freeNameServerPort();
  const nameServer = `127.0.0.1:${dnsPort}`;
  recordState(settings, network, nameServer);
  const names = new NameServer(join(settings.dir, "dns"), dnsPort, daemons);
  const plans = settings.clusterNames.map((name, index) => plan(context, network, name, index));
  const lab: Lab = {
    dir: settings.dir,
    pace: settings.pace,
    floatDns,
    clusters: plans.map(({ cluster }) => cluster),
    resolve: (name) => names.resolve(name),
    daemon: (name, argv, options) => daemons.start(name, argv, options),
    log: (line) => context.log(line),
  };
  const fronts = lab.clusters.map(({ name, frontAddress }) => [`lb-${name}`, frontAddress]);
  await Promise.all([
    names.start(Object.fromEntries(fronts)).then(() => step(`name server on ${nameServer}`)),
    new ChartRepository(join(settings.dir, "charts"), tools.helm)
      .serve(network.server, network.chartUrl)
      .then(() => step(`charts on ${network.chartUrl}`)),
    fillBin(join(settings.dir, "bin"), tools, { dir: settings.dir, nameServer }),
    ...plans.map((one) => startSite(context, lab, one)),
  ]);
  writeKubeconfig(
    join(settings.dir, "kubeconfig"),
    plans.map(({ plane }) => plane.userContext),
  );
  writeUsers(
    join(settings.dir, "scripts.kubeconfig"),
    plans.map(({ plane }) => plane.scriptsContext),
  );
}

function recordState({ dir, clusterNames }: LabSettings, { chartUrl }: Network, nameServer: string): void {
  const supervisor = markProcess("supervisor", process.pid);
  if (!supervisor) throw new Error("cannot read /proc");
  writeState(dir, {
    madeBy: "tsb-active-standby",
    checkout,
    supervisor,
    clusters: clusterNames,
    chartUrl,
    nameServer,
    passwords: newPasswords(),
  });
}

function plan({ settings, tools, daemons }: BuildContext, network: Network, name: string, index: number): Plan {
  const { node: address, front: frontAddress } = clusterAddresses(network.prefix, index);
  const dir = join(settings.dir, name);
  const path = [join(settings.dir, "bin"), postgresBinDir(), "/usr/bin", "/bin"].filter(Boolean).join(":");
  const options = { name, dir, address, frontAddress, pace: settings.pace, tools, path };
  const plane = new ControlPlane(options, daemons);
  const kind = name.startsWith("mp") ? "mp" : "cp";
  return { plane, cluster: { name, kind, dir, frontAddress, api: plane.api("tsb-operator") } };
}

async function startSite(context: BuildContext, lab: Lab, { plane, cluster }: Plan): Promise<void> {
  mkdirSync(cluster.dir, { mode: 0o755 });
  await plane.prepare();
  const site = new LabSite(cluster.name, plane, standInFor(lab, cluster));
  context.addSite(site);
  await site.start();
  context.step(`cluster ${cluster.name} on ${plane.server}`);
}
