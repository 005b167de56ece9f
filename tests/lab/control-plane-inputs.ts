/** The Secrets and settings that a control plane operator needs, read and checked. */
import type { EdgeSettings } from "./edge.ts";
import { type ControlPlane, type Secret, secretText } from "./objects.ts";
import { parseCertificates } from "./operator-certs.ts";
import { Blocked, messageOf } from "./operator-verdict.ts";
import { parsePrivateKey, type SigningKey } from "./signing-key.ts";

/** Where each authority comes from: Secret, and the chart's value that makes it. */
const AUTHORITIES = [
  { secret: "mp-certs", value: "secrets.tsb.cacert" },
  { secret: "es-certs", value: "secrets.elasticsearch.cacert" },
  { secret: "xcp-central-ca-bundle", value: "secrets.xcp.rootca" },
] as const;

/** @throws Blocked when a CA or the service account is missing, unreadable or another cluster's */
export function edgeSettings(resource: ControlPlane, secrets: ReadonlyMap<string, Secret>): EdgeSettings {
  const { host, port, clusterName, selfSigned } = resource.spec.managementPlane;
  const [managementRoots, , centralRoots] = AUTHORITIES.map((authority) => rootsOf(authority, secrets));
  const account = secrets.get("cluster-service-account");
  const clusterFqn = secretText(account, "clusterFQN") ?? "";
  const [, organization, name] = /^organizations\/([^/]+)\/clusters\/([^/]+)$/.exec(clusterFqn) ?? [];
  if (organization === undefined || name === undefined) {
    throw new Blocked(
      "MissingServiceAccount",
      "Secret cluster-service-account lacks clusterFQN (secrets.clusterServiceAccount)",
    );
  }
  if (name !== clusterName) {
    const what = `the service account is that of ${clusterFqn}`;
    throw new Blocked("ClusterNameMismatch", `spec.managementPlane.clusterName is "${clusterName}", but ${what}`);
  }
  return {
    host,
    port,
    managementRoots: selfSigned ? managementRoots : undefined,
    centralRoots: centralRoots ?? "",
    clusterFqn,
    account: `organizations/${organization}/serviceaccounts/auto-cluster-${name}`,
    accountKey: accountKey(account),
  };
}

function rootsOf({ secret, value }: (typeof AUTHORITIES)[number], secrets: ReadonlyMap<string, Secret>): string {
  const pem = secretText(secrets.get(secret), "ca.crt");
  if (pem === undefined)
    throw new Blocked("MissingCA", `the control plane lacks the CA: Secret ${secret} has no ca.crt (${value})`);
  try {
    parseCertificates(pem);
  } catch (error) {
    throw new Blocked("MissingCA", `Secret ${secret}: ca.crt can't be read: ${messageOf(error)} (${value})`);
  }
  return pem;
}

function accountKey(secret: Secret | undefined): SigningKey {
  try {
    return parsePrivateKey(secretText(secret, "jwk") ?? "");
  } catch (error) {
    throw new Blocked("MissingServiceAccount", `Secret cluster-service-account: entry "jwk" ${messageOf(error)}`);
  }
}
