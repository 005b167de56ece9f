/** All control planes that are onboarded, as the active management plane knows them. */

import { parseAllDocuments } from "yaml";
import { listAt, textAt } from "./json.ts";
import { clusterStatus } from "./onboarding.ts";
import type { Tctl } from "./tctl.ts";
import { waitFor } from "./wait.ts";

/** The names of the onboarded clusters. Source: TSB's documentation, `tctl get clusters`. */
export async function onboardedClusters(tctl: Tctl): Promise<string[]> {
  const text = await tctl.run(["get", "clusters", "-o", "yaml"], "reading the onboarded clusters");
  // One list, or one document for each: releases of tctl differ.
  const documents = parseAllDocuments(text).map((document): unknown => document.toJS());
  const objects = documents.flatMap((one) => (textAt(one, "kind") === "Cluster" ? [one] : listAt(one, "items")));
  return objects.flatMap((one) => textAt(one, "metadata", "name") ?? []);
}

/** Those of the clusters that are not READY, with the management plane's words. */
export async function clustersNotReady(tctl: Tctl, names: readonly string[]): Promise<string[]> {
  const statuses = await Promise.all(names.map((name) => clusterStatus(tctl, name)));
  return statuses.flatMap(({ status, message }, i) =>
    status === "READY" ? [] : [`${names[i]} is ${status} ${message}`.trim()],
  );
}

/**
 * Waits until all clusters are READY, and have been in every look for `steadySeconds`: a cluster that was just lost is
 * called READY for some seconds more.
 * @throws StepError after timeoutSeconds
 */
export async function waitForControlPlanes(
  tctl: Tctl,
  names: readonly string[],
  options: { timeoutSeconds: number; steadySeconds: number },
): Promise<void> {
  if (names.length === 0) return;
  let readySince: number | undefined;
  await waitFor({
    what: `READY of ${names.join(", ")}`,
    timeoutSeconds: options.timeoutSeconds,
    look: async () => {
      const [first] = await clustersNotReady(tctl, names);
      readySince = first === undefined ? (readySince ?? Date.now()) : undefined;
      if (first !== undefined || readySince === undefined) return { pending: first ?? "" };
      if (Date.now() - readySince >= options.steadySeconds * 1000) return { done: undefined };
      return { pending: `${names.join(", ")}: READY, watched for ${options.steadySeconds} s` };
    },
    next: "see what keeps it away: kubectl logs -n istio-system -l name=tsb-operator, on that cluster",
  });
}
