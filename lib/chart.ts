/** Where a helm chart comes from, and a copy of it on this machine. */

import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { yamlAnswer } from "./answer.ts";
import { helmEnvironment } from "./cluster.ts";
import { StepError } from "./errors.ts";
import { textAt } from "./json.ts";
import { OWN_MARK } from "./processes.ts";
import { run } from "./run.ts";
import type { State } from "./state.ts";

/** A chart on this machine: a folder or a .tgz, and the version in its Chart.yaml. */
export interface Chart {
  path: string;
  version: string;
}

/** Which chart is wanted: `given` (a folder, a .tgz, an oci:// reference) or else `name` from the repository. */
export interface ChartSource {
  name: string;
  repository: string;
  version: string;
  given: string | undefined;
}

/** Seconds for a chart to arrive. */
const PULL_TIMEOUT = 120;

/** The chart of the management plane, or of the control plane, as the settings have it. */
export function tsbChart(
  name: "managementplane" | "controlplane",
  settings: { TSB_CHART_REPO: string; TSB_VERSION: string; MP_CHART: string | undefined; CP_CHART: string | undefined },
): ChartSource {
  const given = name === "managementplane" ? settings.MP_CHART : settings.CP_CHART;
  return { name, repository: settings.TSB_CHART_REPO, version: settings.TSB_VERSION, given };
}

/** The chart of cert-manager. Guide: Install cert-manager. */
export function certManagerChart(settings: {
  CERT_MANAGER_CHART_REPO: string;
  CERT_MANAGER_VERSION: string;
  CERT_MANAGER_CHART: string | undefined;
}): ChartSource {
  return {
    name: "cert-manager",
    repository: settings.CERT_MANAGER_CHART_REPO,
    version: settings.CERT_MANAGER_VERSION,
    given: settings.CERT_MANAGER_CHART,
  };
}

/**
 * The chart on this machine. A remote one is fetched once into the state folder (under its repository's name), so that
 * a second run, and a standby's install on the day the repository is down, need no network.
 * @throws StepError when it can't be had
 */
export async function fetchChart(source: ChartSource, state: State): Promise<Chart> {
  const { given } = source;
  if (given && !given.startsWith("oci://")) return localChart(given, state);
  const folder = state.path(
    "charts",
    (given ?? source.repository).replace(/^[a-z]+:\/\//, "").replace(/[^A-Za-z0-9.-]+/g, "_"),
  );
  const name = given ? basename(given) : source.name;
  const path = join(folder, `${name}-${source.version}.tgz`);
  if (!statSync(path, { throwIfNoEntry: false })) await pull(source, state, folder, path);
  return { path, version: source.version };
}

async function localChart(path: string, state: State): Promise<Chart> {
  const yaml = statSync(path).isDirectory()
    ? readFileSync(join(path, "Chart.yaml"), "utf8")
    : await run("helm", ["show", "chart", path], {
        doing: `reading the chart ${path}`,
        env: helmEnvironment(state),
        timeoutSeconds: PULL_TIMEOUT,
      });
  const version = textAt(yamlAnswer(yaml, `reading the chart ${path}`), "version");
  if (!version) throw new StepError(`the chart ${path} has no version in its Chart.yaml`);
  return { path, version };
}

async function pull(source: ChartSource, state: State, folder: string, path: string): Promise<void> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // Two steps may fetch side by side: each into a folder of its own, the rename decides. State.sweep knows the name.
  const arriving = mkdtempSync(join(folder, `arriving-${OWN_MARK}-`));
  const from = source.given ? [source.given] : [source.name, "--repo", source.repository];
  const checks = source.given
    ? "check reference and version; a registry that wants a login: `helm registry login HOST`, or `docker login HOST`"
    : "check the repository's URL and the version";
  try {
    const env = { ...helmEnvironment(state), ...(source.given && { HELM_REGISTRY_CONFIG: await registryLogins() }) };
    await run("helm", ["pull", ...from, "--version", source.version, "-d", arriving], {
      doing: `fetching chart ${source.name} ${source.version} from ${source.given ?? source.repository}`,
      env,
      timeoutSeconds: PULL_TIMEOUT,
      next: `${checks}; or give the chart as a folder or .tgz`,
    });
    const [arrived] = readdirSync(arriving);
    if (!arrived) throw new StepError(`helm pull of ${source.name} ${source.version} left no file`);
    // Helm makes it readable for all, whatever our umask.
    chmodSync(join(arriving, arrived), 0o600);
    renameSync(join(arriving, arrived), path);
  } finally {
    rmSync(arriving, { recursive: true, force: true });
  }
}

/** The file of the user's own logins to registries, which our helm home would hide; helm only reads it. */
async function registryLogins(): Promise<string> {
  const call = { doing: "asking helm for your registry logins", timeoutSeconds: 10 };
  return (await run("helm", ["env", "HELM_REGISTRY_CONFIG"], call)).trim();
}
