/** The front envoy of a management plane instance: where its load balancer is. */

import { type Cluster, find, type KubeObject, TSB_NAMESPACE } from "./cluster.ts";
import type { Address } from "./dns-records.ts";
import { StepError } from "./errors.ts";
import { OPERATOR } from "./fencing.ts";
import { isObject, listAt, textAt } from "./json.ts";
import { type Look, waitFor } from "./wait.ts";

const SERVICE = "envoy";

/**
 * The address of an instance's front envoy, from the status of service `envoy`.
 * @returns undefined as long as its load balancer has none, or there is no such service (as on a standby)
 * Guide: Configure the DNS name for Management Plane endpoint
 */
export async function envoyAddress(cluster: Cluster): Promise<Address | undefined> {
  return addressOf(find(await read(cluster), "Service", SERVICE));
}

/**
 * Waits until the front envoy's load balancer has an address.
 * @throws StepError when it gets none in time, with the service's events; at once when it can't get one
 */
export async function waitForEnvoyAddress(cluster: Cluster, timeoutSeconds: number): Promise<Address> {
  return waitFor({
    what: `the address of service ${SERVICE} on ${cluster.name}`,
    timeoutSeconds,
    look: () => lookForAddress(cluster),
    diagnose: () => events(cluster),
    next: `see what gives load balancers their addresses there: ${cluster.look(`describe service ${SERVICE} -n ${TSB_NAMESPACE}`)}`,
  });
}

/** An address in words, for messages. */
export function addressInWords(address: Address): string {
  return "ip" in address ? address.ip : address.hostname;
}

async function lookForAddress(cluster: Cluster): Promise<Look<Address>> {
  const objects = await read(cluster);
  const service = find(objects, "Service", SERVICE);
  if (!service && !find(objects, "Deployment", OPERATOR))
    throw new StepError(`${cluster.name} has no deployment ${OPERATOR}: no management plane is installed there`, {
      next: "make active-install",
      isFinal: true,
    });
  if (!service) return { pending: `service ${SERVICE} is not there yet` };
  const type = textAt(service, "spec", "type") ?? "ClusterIP";
  if (type !== "LoadBalancer")
    throw new StepError(`service ${SERVICE} on ${cluster.name} is of type ${type}: only LoadBalancer gets an address`, {
      next: "see what MP_VALUES sets for the front envoy's service, and run make active-install again",
      isFinal: true,
    });
  const address = addressOf(service);
  return address ? { done: address } : { pending: `service ${SERVICE} has no address yet` };
}

async function read(cluster: Cluster): Promise<KubeObject[]> {
  const resources = [`deployment/${OPERATOR}`, `service/${SERVICE}`];
  return cluster.get(resources, { namespace: TSB_NAMESPACE });
}

/** The address in the status of a Service, if its load balancer has one. */
export function addressOf(service: KubeObject | undefined): Address | undefined {
  const [first] = listAt(service, "status", "loadBalancer", "ingress").filter(isObject);
  const ip = textAt(first, "ip");
  const hostname = textAt(first, "hostname");
  // Some clouds give both; the host name is then only a label for the address.
  if (ip) return { ip };
  return hostname ? { hostname } : undefined;
}

async function events(cluster: Cluster): Promise<string[]> {
  const of = `involvedObject.kind=Service,involvedObject.name=${SERVICE}`;
  const columns = "-o=custom-columns=TYPE:.type,REASON:.reason,COUNT:.count,MESSAGE:.message";
  const text = await cluster.kubectl(["get", "events", "-n", TSB_NAMESPACE, "--field-selector", of, columns], {
    doing: `reading the events of service ${SERVICE}`,
  });
  const lines = text.trim().split("\n").filter(Boolean);
  return lines.length > 1 ? lines.slice(-8) : [`service ${SERVICE} has no events`];
}
