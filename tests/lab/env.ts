/** `make -s lab-env`: prints `export` lines; after `eval "$(make -s lab-env)"` a shell is set up for the lab. */
import { join } from "node:path";
import { runProgram } from "./program.ts";
import { floatDns, labSettings, zone } from "./settings.ts";
import { type LabState, readState } from "./state.ts";

await runProgram("lab-env", async () => {
  const { dir } = labSettings();
  const state = readState(dir);
  if (!state) throw new Error(`no lab in ${dir}\n  next: make lab-up`);
  for (const [name, value] of Object.entries(variables(dir, state))) {
    process.stdout.write(`export ${name}=${quote(value)}\n`);
  }
});

function variables(dir: string, state: LabState): Record<string, string> {
  const instances = state.clusters.filter((name) => name.startsWith("mp"));
  const controlPlanes = state.clusters.filter((name) => name.startsWith("cp"));
  return {
    LAB_DIR: dir,
    PATH: pathWith(join(dir, "bin")),
    KUBECONFIG: join(dir, "kubeconfig"),
    ENV_FILE: "/dev/null", // A user's own .env never mixes in.
    STATE_DIR: join(dir, "state"),
    ...Object.fromEntries(
      instances.flatMap((name) => [
        [`${name.toUpperCase()}_DNS`, `${name}.${zone}`],
        [`${name.toUpperCase()}_CONTEXT`, name],
      ]),
    ),
    MP_FLOAT_DNS: floatDns,
    MP_PORT: process.getuid?.() === 0 ? "443" : "8443",
    ...Object.fromEntries(controlPlanes.map((name) => [`${name.toUpperCase()}_CONTEXT`, name])),
    CLUSTER_NAME: controlPlanes[0] ?? "",
    TSB_ORG: "example",
    TSB_VERSION: "1.12.0",
    TSB_REGISTRY: "registry.example.com/tsb",
    TSB_CHART_REPO: `${state.chartUrl}/tetrate`,
    CERT_MANAGER_CHART_REPO: `${state.chartUrl}/jetstack`,
    CERT_MANAGER_VERSION: "v1.16.2",
    ...state.passwords,
    DNS_PROVIDER: "rfc2136",
    DNS_SERVER: state.nameServer,
    DNS_RESOLVER: state.nameServer,
    DNS_ZONE: zone,
    DNS_TSIG_KEY_FILE: join(dir, "dns", "tsig.key"),
    DNS_TTL: "5",
  };
}

/** The caller's PATH with the lab's programs first, once. */
function pathWith(bin: string): string {
  const rest = (process.env.PATH ?? "").split(":").filter((folder) => folder !== bin);
  return [bin, ...rest].join(":");
}

/** Quoted for a POSIX shell. */
function quote(value: string): string {
  return `'${value.replaceAll("'", "'\\''")}'`;
}
