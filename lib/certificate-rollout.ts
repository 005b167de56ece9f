/** Bringing certificates from the state folder to where they are shown, and showing that they are. */

import { certificatesIn, withCertificates } from "./certificate-values.ts";
import { find, TSB_NAMESPACE } from "./cluster.ts";
import type { Settings } from "./config.ts";
import { openLookers } from "./dns.ts";
import type { Installed } from "./installed.ts";
import * as output from "./output.ts";
import type { InstancePems } from "./pki.ts";
import { deployedChart, deployedValues, isRolledOut, type RolloutSettings, rollOut } from "./rollout.ts";
import { dataOf } from "./secrets.ts";
import { waitUntilServed } from "./served-certificate.ts";
import type { State } from "./state.ts";
import { type Look, waitFor } from "./wait.ts";

type ChartSettings = Pick<Settings, "TSB_CHART_REPO" | "MP_CHART" | "CP_CHART">;

/** The Secrets that the chart makes of the certificates, and what each holds. Source: TSB's documentation. */
const HELD = [
  { secret: "tsb-certs", key: "tls.crt", pem: "tsbCert" },
  { secret: "xcp-central-cert", key: "tls.crt", pem: "xcpCert" },
  { secret: "xcp-central-cert", key: "ca.crt", pem: "rootCa" },
] as const;

/**
 * Puts certificates into an instance's release, where they are not yet; nothing else in it changes: neither its other
 * values nor the chart.
 * @returns whether anything was changed
 * @throws StepError when they do not arrive in its Secrets, or its workloads are not ready in time
 */
export async function rollOutCertificates(
  instance: Installed,
  pems: Partial<InstancePems>,
  options: { state: State; dryRun: boolean; settings: RolloutSettings & ChartSettings },
): Promise<boolean> {
  const { state, dryRun, settings } = options;
  const chart = await deployedChart("managementplane", instance.release.chartVersion, settings, state);
  const values = withCertificates(deployedValues(instance), pems);
  if (isRolledOut(instance, { values, chart })) {
    output.already(`${instance.name} (${instance.role}): these certificates are deployed`);
    return false;
  }
  await rollOut(instance, { values, chart }, { state, dryRun, settings });
  if (!dryRun) await waitForSecrets(instance, certificatesIn(values), settings.INSTALL_TIMEOUT);
  return true;
}

/** Waits until the Secrets of an instance hold the certificates. */
async function waitForSecrets(
  { name, cluster }: Installed,
  pems: Partial<InstancePems>,
  timeoutSeconds: number,
): Promise<void> {
  const names = [...new Set(HELD.map(({ secret }) => secret))];
  const look = async (): Promise<Look<void>> => {
    const objects = await cluster.get(
      names.map((secret) => `secret/${secret}`),
      { namespace: TSB_NAMESPACE },
    );
    const stale = HELD.find(({ secret, key, pem }) => {
      const text = Buffer.from(dataOf(find(objects, "Secret", secret))[key] ?? "", "base64").toString("utf8");
      return text.trim() !== pems[pem]?.trim();
    });
    return stale ? { pending: `${name}: ${stale.key} of Secret ${stale.secret} is another one` } : { done: undefined };
  };
  const next = cluster.look(`describe secret ${names.join(" ")} -n ${TSB_NAMESPACE}`);
  await waitFor({ what: `the certificates in the Secrets of ${name}`, timeoutSeconds, look, next });
}

/** The settings that {@link verifyServed} takes. */
export type ServedSettings = Parameters<typeof openLookers>[0] &
  Pick<Settings<"MP_FLOAT_DNS">, "MP_FLOAT_DNS" | "MP_PORT" | "INSTALL_TIMEOUT">;

/** Seconds for one TLS connection. */
const HANDSHAKE_TIMEOUT = 5;

/**
 * Shows that the active's front envoy serves a certificate, at its permanent and at the floating name, by TLS connections
 * that are verified against the roots.
 * @throws StepError when it does not in time
 */
export async function verifyServed(
  active: Installed,
  certPem: string,
  trustPem: string,
  settings: ServedSettings,
): Promise<void> {
  const { clients: looker } = await openLookers(settings);
  const restart = active.cluster.look(`rollout restart deployment envoy -n ${TSB_NAMESPACE}`);
  const options = { looker, waitSeconds: settings.INSTALL_TIMEOUT, next: `if it stays so: ${restart}` };
  for (const name of [active.dns, settings.MP_FLOAT_DNS]) {
    const endpoint = { name, port: settings.MP_PORT, trustPem, timeoutSeconds: HANDSHAKE_TIMEOUT };
    const { serialNumber, validTo } = await waitUntilServed(endpoint, certPem, options);
    output.done(`${name}:${settings.MP_PORT} serves serial ${serialNumber.toLowerCase()}, valid until ${validTo}`);
  }
}
