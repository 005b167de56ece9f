/** What removing an instance means: what goes, what stays, and whether it may be removed at all. */

import { type CertManagerPlan, planCertManager } from "./cert-manager-removal.ts";
import { type Cluster, find, type KubeObject, TSB_NAMESPACE } from "./cluster.ts";
import { webhooksOfTsb } from "./deletion.ts";
import type { Dns } from "./dns.ts";
import type { Removal } from "./dns-provider.ts";
import { namesToRemove } from "./dns-removal.ts";
import { StepError } from "./errors.ts";
import { floatHolder } from "./float.ts";
import { isUnfinished, JOURNAL } from "./journal.ts";
import { at, textAt } from "./json.ts";
import { MP_RELEASE } from "./management-plane.ts";
import { type Contents, contentsOf, NOTHING, nameOf } from "./namespace-contents.ts";
import type { Member } from "./pair.ts";
import { type ReleaseStatus, readRelease } from "./release.ts";
import { slotOf } from "./replication-slot.ts";
import { OPERATIONAL_SECRETS } from "./secrets.ts";
import type { State } from "./state.ts";

/** Secrets and the like that carry no mark of who made them. Source: TSB's documentation. */
const UNMARKED = [
  ...OPERATIONAL_SECRETS,
  ...["tsb-certs", "xcp-central-cert", "admin-credentials", "postgres-credentials", "elastic-credentials"],
  ...["es-certs", "ldap-credentials", "tsb-iam-jwks"],
].map((name) => `Secret/${name}`);
/** In the state folder: what can't be asked any more once the removal has begun. */
const NOTE = "uninstall.json";

/** All that {@link removeInstance} works from. */
export interface UninstallPlan {
  target: Member;
  release: ReleaseStatus | undefined;
  contents: Contents;
  hasNamespace: boolean;
  webhooks: readonly KubeObject[];
  certManager: CertManagerPlan;
  /** The slot that a standby holds, and the instance that keeps it. */
  slot: { name: string; active: Member } | undefined;
  names: readonly Removal[];
}

/**
 * Refuses what would harm those that stay.
 * @throws StepError when the instance can't be reached, a role change is under way, or others depend on it
 */
export function requireDispensable(target: Member, members: readonly Member[], force: boolean): void {
  const refuse = (what: string, next: string) => new StepError(what, { next });
  if (target.unreachable !== undefined)
    throw refuse(
      `${target.name} can't be reached: ${target.unreachable}`,
      "bring its cluster back, or remove it there",
    );
  const journal = members.map((member) => member.journal).find(isUnfinished);
  if (journal)
    throw refuse(`a ${journal.kind} to ${journal.to} is under way`, `finish it: make ${journal.kind} TO=${journal.to}`);
  if (target.role === "standby" || target.role === "none") return;
  const others = members.filter((member) => member !== target);
  const standbys = others.filter(({ role }) => role === "standby").map(({ name }) => name);
  const [standby] = standbys;
  if (standby)
    throw refuse(
      `${target.name} is the active, on which a standby depends: ${standbys.join(", ")}`,
      `make another one the active first (make switchover TO=${standby}), or remove the standbys first`,
    );
  const senders = target.database?.senders.length ?? 0;
  if (senders > 0)
    throw refuse(
      `${target.name} is the active, and ${senders} databases stream from it`,
      "remove those standbys first",
    );
  const unknown = others.filter(({ unreachable }) => unreachable !== undefined).map(({ name }) => name);
  if (unknown.length > 0 && !force)
    throw refuse(
      `${target.name} is the active, and ${unknown.join(", ")} can't be asked whether it depends on it`,
      "bring it back; if it is gone for good: FORCE=1",
    );
}

/** Looks at everything that goes with an instance; changes nothing. */
export async function planUninstall(
  target: Member,
  members: readonly Member[],
  options: { floating: string; dns: Dns; state: State },
): Promise<UninstallPlan> {
  const { floating, dns, state } = options;
  const { cluster } = target;
  const [namespaces, release, certManager, webhooks, slot] = await Promise.all([
    cluster.get([`namespace/${TSB_NAMESPACE}`]),
    readRelease(cluster, MP_RELEASE, TSB_NAMESPACE),
    planCertManager(cluster, state),
    webhooksOfTsb(cluster),
    target.role === "standby" ? slotOf(cluster) : undefined,
  ]);
  const hasNamespace = find(namespaces, "Namespace", TSB_NAMESPACE) !== undefined;
  const contents = hasNamespace ? await tsbContents(cluster) : NOTHING;
  const slotName = slot ?? textAt(readNote(state, target.name), "slot");
  const active = members.find((member) => member !== target && member.role === "active");
  return {
    ...{ target, release, contents, hasNamespace, certManager },
    // Where namespace tsb stays, a service that a webhook leads to may be somebody else's.
    webhooks: contents.foreign.length > 0 ? [] : webhooks,
    slot: slotName && active ? { name: slotName, active } : undefined,
    names: await removalsOf(target, members, { floating, dns }),
  };
}

/** What is in namespace tsb, ours and others'. */
export async function tsbContents(cluster: Cluster): Promise<Contents> {
  const names = [...UNMARKED, `ConfigMap/${JOURNAL}`];
  return contentsOf(cluster, { namespace: TSB_NAMESPACE, release: MP_RELEASE, names });
}

/** Its permanent name; the floating one too where it leads here, for then it would lead nowhere. */
async function removalsOf(
  target: Member,
  members: readonly Member[],
  { floating, dns }: { floating: string; dns: Dns },
): Promise<Removal[]> {
  const holder = await floatHolder(await dns.authority.look(floating), members, dns.authority);
  return namesToRemove(holder === target ? [target.dns, floating] : [target.dns], dns);
}

/** Whether nothing is left to be removed. */
export function isGone(plan: UninstallPlan): boolean {
  return (
    !plan.release &&
    plan.contents.ours.length === 0 &&
    (!plan.hasNamespace || plan.contents.stays !== undefined) &&
    plan.webhooks.length === 0 &&
    plan.certManager.stays !== undefined &&
    plan.slot === undefined &&
    plan.names.length === 0
  );
}

/** What neither helm nor the operator removes: it was marked to be kept, or made by others than the chart. */
export function leftByHelm(ours: readonly KubeObject[]): KubeObject[] {
  return ours.filter((object) => {
    const { annotations, name } = object.metadata;
    if (object.kind === "ManagementPlane" || name.startsWith("sh.helm.release.")) return false;
    const isOfChart = at(annotations, "meta.helm.sh/release-name") !== undefined;
    return !isOfChart || at(annotations, "helm.sh/resource-policy") === "keep";
  });
}

/** What goes and what stays, one line each. */
export function describePlan(plan: UninstallPlan): { goes: string[]; stays: string[] } {
  const { target, release, contents, hasNamespace, certManager, slot } = plan;
  const list = (objects: readonly KubeObject[]) => objects.map(nameOf).join(", ");
  const left = leftByHelm(contents.ours);
  const goes = [
    release &&
      `release ${MP_RELEASE} (${release.chartVersion}) on ${target.name}, and all that TSB's operator made there`,
    left.length > 0 && `in namespace ${TSB_NAMESPACE}: ${list(left)}`,
    hasNamespace && contents.stays === undefined && `namespace ${TSB_NAMESPACE}`,
    slot && `replication slot ${slot.name} on ${slot.active.name}`,
    plan.webhooks.length > 0 && `webhooks into namespace ${TSB_NAMESPACE}: ${list(plan.webhooks)}`,
    certManager.stays === undefined && `cert-manager and its CRDs, which we installed and nobody else uses`,
    ...plan.names.map(({ name }) => `DNS records of ${name}`),
  ];
  const stays = [
    hasNamespace && contents.stays !== undefined && `namespace ${TSB_NAMESPACE}, ${contents.stays}`,
    certManager.stays !== undefined && `cert-manager: ${certManager.stays}`,
    certManager.stays === undefined &&
      certManager.contents.stays !== undefined &&
      `namespace cert-manager, ${certManager.contents.stays}`,
    `TSB's CRDs; ${target.name}'s certificates and keys in the state folder`,
  ];
  return { goes: goes.flatMap((line) => line || []), stays: stays.flatMap((line) => line || []) };
}

/** Keeps what can't be asked any more once the removal has begun. */
export function writeNote(state: State, plan: UninstallPlan): void {
  state.write(`${JSON.stringify({ slot: plan.slot?.name })}\n`, plan.target.name, NOTE);
}

/** The removal is over: this name may be given to another cluster. */
export function forget(state: State, name: string): void {
  for (const file of [NOTE, "cluster-uid"]) state.remove(name, file);
}

function readNote(state: State, name: string): unknown {
  try {
    return JSON.parse(state.read(name, NOTE) ?? "{}");
  } catch {
    return undefined;
  }
}
