/** Everything that `status` judges by, gathered side by side from the clusters, the name servers and TSB. */

import { apiTrouble } from "./api-health.ts";
import type { Settings } from "./config.ts";
import { StepError } from "./errors.ts";
import type { State } from "./state.ts";
import { type ControlPlaneLook, lookAtControlPlane } from "./status-control-plane.ts";
import type { ControlPlaneFacts, NameFacts, StatusFacts } from "./status-facts.ts";
import { completed, type InstanceLook, lookAtInstance } from "./status-instance.ts";
import { lookAtNames } from "./status-names.ts";
import { askTsb, type TsbLook } from "./status-tsb.ts";

/** Seconds for all that is asked of one cluster, for one call to TSB, and for all that is asked of TSB. */
const CLUSTER_SECONDS = 8;
const TSB_CALL_SECONDS = 6;
const TSB_SECONDS = 8.5;
/** The control planes that were onboarded when TSB was last asked: for the day on which it can't be. */
const KNOWN_CLUSTERS = "control-planes";

type StatusSettings = Settings<"MP_FLOAT_DNS">;

/**
 * Gathers the facts, in 10 seconds at most, whatever does not answer. Changes nothing on any cluster.
 * @param state when each instance was last seen, and which control planes there were, is noted in it
 */
export async function gather(
  settings: StatusSettings,
  state: State,
  { dryRun }: { dryRun: boolean },
): Promise<StatusFacts> {
  const now = new Date();
  const options = { state, now, floating: settings.MP_FLOAT_DNS, callSeconds: CLUSTER_SECONDS };
  const likely = likelyClusters(settings, state);
  const onControlPlane = (name: string) => lookAtControlPlane(name, settings.contextOf(name), options);
  const naming = lookAtNames([settings.MP_FLOAT_DNS, ...settings.instances.map(({ dns }) => dns)], settings);
  const looking = Promise.all(settings.instances.map((instance) => lookAtInstance(instance, options)));
  const asking = askTsb({
    ...{ settings, state, likely, callSeconds: TSB_CALL_SECONDS, totalSeconds: TSB_SECONDS },
    rootPem: async () => (await looking).find((look) => look.rootPem)?.rootPem,
    accountKey: async () => activeOf(await looking)?.accountKey,
    health: async () => health(settings, state, (await naming)[0], await looking),
  });
  const [names, looks, tsb, atOnce] = await Promise.all([
    naming,
    looking,
    asking,
    Promise.all(likely.map(onControlPlane)),
  ]);
  const [floating, ...permanent] = names;
  if (!floating) throw new Error("the floating name was not looked up");
  const later = await Promise.all(tsb.clusters.filter((name) => !likely.includes(name)).map(onControlPlane));
  if (!dryRun) note(state, looks, tsb, now);
  const active = activeOf(looks);
  return {
    at: now.toISOString(),
    floating,
    instances: looks.map((look, i) =>
      completed(look, permanent[i] ?? floating, active === look ? undefined : active?.database),
    ),
    tsb: tsb.facts,
    controlPlanes: [...atOnce, ...later].flatMap((look) => controlPlaneFacts(look, tsb)),
  };
}

/** TSB's health request through the floating name, with the root of the state folder, or of the clusters. */
async function health(
  settings: StatusSettings,
  state: State,
  floating: NameFacts | undefined,
  looks: readonly InstanceLook[],
): Promise<string | undefined> {
  const address = floating?.resolver.addresses[0];
  const rootCa = state.read("ca", "ca.crt") ?? looks.find((look) => look.rootPem)?.rootPem;
  if (!address || !rootCa || !settings.TSB_ORG) return "it can't be asked";
  const { MP_PORT: port, MP_FLOAT_DNS: name, TSB_ORG: organisation } = settings;
  return apiTrouble({ address, port, name, rootCa, organisation });
}

/** The instance that runs as an active; where there are several, the one that has not been fenced. */
function activeOf(looks: readonly InstanceLook[]): InstanceLook | undefined {
  const actives = looks.filter(({ facts }) => facts.role === "active" || facts.role === "single");
  return actives.find(({ facts }) => !facts.isFenced) ?? actives[0];
}

/** Control planes that are likely to be onboarded: those of CLUSTER_NAME, and those that TSB named when it was last asked. */
export function likelyClusters(settings: Pick<Settings, "CLUSTER_NAME">, state: State): string[] {
  const known = (state.read(KNOWN_CLUSTERS) ?? "").split("\n").filter(Boolean);
  return [...new Set([...(settings.CLUSTER_NAME ?? []), ...known])];
}

/** A name that neither TSB nor the settings' cluster knows as a control plane is left out. */
function controlPlaneFacts(look: ControlPlaneLook, tsb: TsbLook): ControlPlaneFacts[] {
  const isOnboarded = tsb.clusters.includes(look.name);
  if (tsb.facts.login === "ok" && !isOnboarded && look.host === null) return [];
  const { status = null, message = null } = tsb.statuses.get(look.name) ?? {};
  const missing = tsb.facts.login === "ok" && !isOnboarded;
  return [{ ...look, status: missing ? "NOT_ONBOARDED" : status, message }];
}

/** Notes for the day when something no longer answers. They save nobody's life: a full disk must not end `status`. */
function note(state: State, looks: readonly InstanceLook[], tsb: TsbLook, now: Date): void {
  try {
    for (const { facts } of looks) {
      if (!facts.unreachable) state.note(`${now.toISOString()}\n`, facts.name, "last-seen");
    }
    const clusters = [...tsb.clusters].sort().join("\n");
    if (tsb.facts.login === "ok" && state.read(KNOWN_CLUSTERS)?.trim() !== clusters)
      state.note(`${clusters}\n`, KNOWN_CLUSTERS);
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
  }
}
