/** The three phases of a root rotation; each may be repeated, and ends with everything shown to work. */

import { rollOutCertificates, verifyServed } from "./certificate-rollout.ts";
import { certificatesIn, pathsHolding } from "./certificate-values.ts";
import type { Settings } from "./config.ts";
import { type OnboardedPlane, openControlPlanes, rollOutTrust } from "./control-plane-trust.ts";
import { StepError } from "./errors.ts";
import { waitUntilHealthy } from "./health.ts";
import type { Installation } from "./installed.ts";
import { openInstallation } from "./installed.ts";
import { issue } from "./issue.ts";
import * as output from "./output.ts";
import { readInstancePems, readRootCa } from "./pki.ts";
import { instancesOf, planRenewal } from "./renewal.ts";
import { waitForReplication } from "./replication.ts";
import { deployedValues } from "./rollout.ts";
import { LEAF_NAMES } from "./root-ca.ts";
import { adoptNewRoot, newRoot, oldRoot, type Phase, type Rotation, trustBoth } from "./root-rotation.ts";
import { run } from "./run.ts";
import type { State } from "./state.ts";
import { Tctl } from "./tctl.ts";
import { keepTrust, trustPath } from "./trust.ts";

type RotationSettings = Settings<"MP_FLOAT_DNS" | "TSB_ORG" | "TSB_ADMIN_PASSWORD">;

/** What a phase works with. */
export interface PhaseContext {
  state: State;
  settings: RotationSettings;
  rotation: Rotation;
}

/** Carries a phase out. @throws StepError when something does not work; run it again, nothing is lost */
export const carryOut: Record<Phase, (context: PhaseContext) => Promise<void>> = { trust, reissue, retire };

/** Both roots are trusted everywhere; what is shown is still signed by the old one. */
async function trust(context: PhaseContext): Promise<void> {
  const { state } = context;
  const installation = await openInstallation(context.settings, state);
  trustBoth(state, context.rotation);
  await verifyLeaves(context, installation, trustPath(state));
  await spreadTrust(context, installation);
  await verify(context, installation, readRootCa(state));
}

/** Everything that is shown is signed by the new root; both are still trusted. */
async function reissue(context: PhaseContext): Promise<void> {
  const { state, settings, rotation } = context;
  // Whoever was installed or onboarded since the first phase must trust the new root before it is used.
  await spreadTrust(context, await openInstallation(settings, state));
  const installation = await openInstallation(settings, state);
  const aside = adoptNewRoot(state, rotation, installation.inOrder);
  output.already(`the old root and what it signed are kept in ${aside}`);
  const plan = planRenewal(state, settings, instancesOf(installation, settings), false);
  await issue(state, plan, settings);
  await verifyLeaves(context, installation, state.path("ca", "ca.crt"));

  for (const instance of installation.inOrder) {
    const pems = readInstancePems(state, instance.name, [instance.dns, settings.MP_FLOAT_DNS]);
    await rollOutCertificates(instance, pems, { state, dryRun: false, settings });
    if (instance.role === "standby") await waitForReplication(instance.cluster, settings.REPLICATION_TIMEOUT);
  }
  await verify(context, installation, newRoot(state, context.rotation));
}

/** The old root is shown to be unused, and trusted no longer. */
async function retire(context: PhaseContext): Promise<void> {
  const { state, settings } = context;
  const installation = await openInstallation(settings, state);
  await requireNewLeaves(context, installation);
  await verifyLeaves(context, installation, state.path("ca", "ca.crt"));
  // All that clients and standbys meet holds without the old root.
  await verify(context, installation, newRoot(state, context.rotation));
  keepTrust(state, [newRoot(state, context.rotation)]);
  await spreadTrust(context, installation);
  await verify(context, await openInstallation(settings, state), newRoot(state, context.rotation));
}

/** Makes all instances, then all control planes, trust the roots that are trusted now. */
async function spreadTrust({ state, settings, rotation }: PhaseContext, installation: Installation): Promise<void> {
  const rootCa = readRootCa(state);
  const tctl = new Tctl(settings, state);
  await waitUntilHealthy(installation, tctl, { isChanged: false, settings });
  const planes = await openControlPlanes(tctl, settings, state);
  requireNoOtherCopies(installation, planes, {
    old: oldRoot(state, rotation),
    new: newRoot(state, rotation),
    file: trustPath(state),
  });
  for (const instance of installation.inOrder) {
    await rollOutCertificates(instance, { rootCa }, { state, dryRun: false, settings });
    if (instance.role === "standby") await waitForReplication(instance.cluster, settings.REPLICATION_TIMEOUT);
  }
  for (const plane of planes) await rollOutTrust(plane, rootCa, { state, tctl, settings });
}

/** The old root in a place that is not ours to change (replication settings, own values) must have company in time. */
function requireNoOtherCopies(
  { inOrder }: Installation,
  planes: readonly OnboardedPlane[],
  roots: { old: string; new: string; file: string },
): void {
  const ours = ["secrets.xcp.rootca", "secrets.tsb.cacert", "secrets.elasticsearch.cacert"];
  const left = [...inOrder, ...planes].flatMap(({ name, release }) => {
    const enough = pathsHolding(release.values, roots.new);
    return pathsHolding(release.values, roots.old)
      .filter((path) => !ours.includes(path) && !enough.includes(path))
      .map((path) => `${name}: ${path}`);
  });
  if (left.length === 0) return;
  throw new StepError("the old root also stands in values that came from files of your own", {
    details: left,
    next: `put ${roots.file} there (MP_VALUES, CP_VALUES, REPLICATION_SETTINGS), install again, then run this again`,
  });
}

/** @throws StepError when a certificate that the old root signed is still deployed */
async function requireNewLeaves({ state }: PhaseContext, { inOrder }: Installation): Promise<void> {
  const stale = inOrder.filter((instance) => {
    const [deployed, kept] = [certificatesIn(deployedValues(instance)), readInstancePems(state, instance.name)];
    return deployed.tsbCert !== kept.tsbCert || deployed.xcpCert !== kept.xcpCert;
  });
  if (stale.length === 0) return;
  throw new StepError(`${stale.map(({ name }) => name).join(", ")}: certificates of the old root are still deployed`, {
    next: "make rotate-root PHASE=reissue",
  });
}

/** What clients see, by a connection that trusts `trustPem` alone; then standbys and control planes. */
async function verify({ state, settings }: PhaseContext, installation: Installation, trustPem: string): Promise<void> {
  const { active } = installation;
  await verifyServed(active, readInstancePems(state, active.name).tsbCert, trustPem, settings);
  await waitUntilHealthy(installation, new Tctl(settings, state), { isChanged: true, settings });
}

/** openssl's word on every leaf of the installed instances, against the roots in a file. */
async function verifyLeaves(
  { state, settings }: PhaseContext,
  { inOrder }: Installation,
  caFile: string,
): Promise<void> {
  const files = inOrder.flatMap(({ name }) => LEAF_NAMES.map((leaf) => state.path(name, `${leaf}.crt`)));
  const args = ["verify", "-purpose", "sslserver", "-verify_hostname", settings.MP_FLOAT_DNS, "-CAfile", caFile];
  await run("openssl", [...args, ...files], {
    doing: `verifying the certificates against ${caFile}`,
    timeoutSeconds: settings.REQUEST_TIMEOUT,
  });
  output.done(`openssl verify: ${files.length} certificates hold against ${caFile}`);
}
