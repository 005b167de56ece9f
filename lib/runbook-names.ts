/** What a runbook needs of the settings: names and paths, no secrets. */

import type { Settings } from "./config.ts";
import type { Place, RunbookNames } from "./runbook-commands.ts";
import { quoted } from "./runbook-commands.ts";
import type { State } from "./state.ts";
import { likelyClusters } from "./status-gather.ts";

type RunbookSettings = Settings<"MP_FLOAT_DNS" | "TSB_ORG" | "TSB_VERSION">;

/** @returns undefined where there are no two instances with a kube context */
export function runbookNames(settings: RunbookSettings, state: State): RunbookNames | undefined {
  const places = settings.instances.flatMap(({ context, ...names }): Place[] =>
    context ? [{ ...names, context }] : [],
  );
  const active = places.find(({ name }) => name === settings.ACTIVE) ?? places[0];
  const others = places.filter((place) => place !== active);
  if (!active || others.length === 0) return undefined;
  const { CERT_MANAGER_CHART: given, CERT_MANAGER_CHART_REPO, CERT_MANAGER_VERSION } = settings;
  return {
    ...{ active, others, floating: settings.MP_FLOAT_DNS, port: settings.MP_PORT, organisation: settings.TSB_ORG },
    chart: chartWords("managementplane", settings.MP_CHART, settings.TSB_CHART_REPO),
    version: settings.TSB_VERSION,
    certManager: `${chartWords("cert-manager", given, CERT_MANAGER_CHART_REPO)} --version ${CERT_MANAGER_VERSION}`,
    dns: dnsNames(settings),
    ttl: settings.DNS_TTL,
    rootCa: state.path("ca", "ca.crt"),
    controlPlanes: likelyClusters(settings, state).map((name) => ({ name, context: settings.contextOf(name) })),
  };
}

function chartWords(name: string, given: string | undefined, repository: string): string {
  return given ? quoted(given) : `${name} --repo ${quoted(repository)}`;
}

function dnsNames(settings: RunbookSettings): RunbookNames["dns"] {
  const { DNS_PROVIDER, DNS_SERVER: server, DNS_ZONE: zone, DNS_TSIG_KEY_FILE: keyFile } = settings;
  if (DNS_PROVIDER !== "rfc2136" || !server || !zone || !keyFile) return undefined;
  return { server: server.host, serverPort: server.port, zone, keyFile };
}
