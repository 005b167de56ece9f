/** Renewing leaf certificates: which are due, and what must not change with them. */

import { certificatesIn, differingPaths } from "./certificate-values.ts";
import type { InstanceNames, Settings } from "./config.ts";
import { SettingsError, StepError } from "./errors.ts";
import { type Installation, type Installed, openInstallation } from "./installed.ts";
import { type Leaf, type Plan, planPki } from "./issue.ts";
import * as output from "./output.ts";
import { deployedValues } from "./rollout.ts";
import type { State } from "./state.ts";
import { certificatesOf, readTrust } from "./trust.ts";
import { type ManagementPlaneSettings, managementPlaneValues, withUserValues } from "./values.ts";

/** What a renewal finds. */
export interface Renewal {
  installation: Installation;
  plan: Plan;
  /** Leaves that are to be issued. */
  due: readonly Leaf[];
  /** Names of instances whose release has other certificates than the state folder: an interrupted run's. */
  waiting: readonly string[];
}

/**
 * Looks at every installed instance and its certificates; changes nothing. FORCE=1: all are due.
 * @throws StepError when other roots are deployed than the state folder's
 */
export async function lookAtRenewal(settings: Settings<"MP_FLOAT_DNS">, state: State): Promise<Renewal> {
  const installation = await openInstallation(settings, state);
  const plan = planRenewal(state, settings, instancesOf(installation, settings), settings.FORCE);
  requireSameRoots(installation.inOrder, readTrust(state) ?? "");
  const waiting = installation.inOrder.filter((one) => {
    const [deployed, kept] = [certificatesIn(deployedValues(one)), state.read(one.name, "tsb_certs.crt")];
    const keptCentral = state.read(one.name, "xcp-central-cert.crt");
    return one.release.status !== "deployed" || deployed.tsbCert !== kept || deployed.xcpCert !== keptCentral;
  });
  return {
    ...{ installation, plan, waiting: waiting.map(({ name }) => name) },
    due: plan.leaves.filter(({ reason }) => reason !== undefined),
  };
}

/** The names, as the settings have them, of the instances that are installed. */
export function instancesOf({ inOrder }: Installation, settings: Pick<Settings, "instances">): InstanceNames[] {
  return settings.instances.filter(({ name }) => inOrder.some((one) => one.name === name));
}

/**
 * The leaves of the instances given that are due: as `make pki` sees it, or all of them.
 * @param isForced every leaf is due
 * @throws SettingsError (exit 2) when there is no root, or a leaf is due and the root's key is not there: a renewal never
 * makes a root
 */
export function planRenewal(
  state: State,
  settings: Settings<"MP_FLOAT_DNS">,
  instances: readonly InstanceNames[],
  isForced: boolean,
): Plan {
  const { root, leaves } = planPki(state, { ...settings, instances });
  const refuse = (what: string) =>
    new SettingsError([
      { variable: "STATE_DIR", what, mend: "put ca/ca.crt and ca/ca.key there from where you keep them" },
    ]);
  if (root.action !== "keep") throw refuse(`has no root CA (${state.path("ca", "ca.crt")}), and a renewal makes none`);
  if (isForced && !root.key) throw refuse(`has no ${state.path("ca", "ca.key")}, but the root must sign`);
  const due = (leaf: Leaf): Leaf => ({ ...leaf, reason: leaf.reason ?? (isForced ? "FORCE=1" : undefined) });
  return { root, leaves: leaves.map(due) };
}

/**
 * Refuses to work where other roots are deployed than those in the state folder: its leaves would be trusted by nobody.
 * @throws StepError naming the instances
 */
function requireSameRoots(installed: readonly Installed[], trustPem: string): void {
  const wanted = fingerprints(trustPem);
  const others = installed.filter((one) => fingerprints(certificatesIn(deployedValues(one)).rootCa ?? "") !== wanted);
  if (others.length === 0) return;
  const names = others.map(({ name }) => name).join(", ");
  throw new StepError(`${names}: another root CA is deployed than the one in the state folder`, {
    next: "check STATE_DIR: it must be the folder that these were installed from; a new root comes by make rotate-root",
  });
}

function fingerprints(pem: string): string {
  return certificatesOf(pem)
    .map(({ fingerprint256 }) => fingerprint256)
    .sort()
    .join();
}

/**
 * Says where the settings differ from what is deployed, certificates and role apart: not carried along.
 * @param expected paths that are about to be changed
 * @throws SettingsError when MP_VALUES can't be used
 */
export function tellDifferences(
  installed: readonly Installed[],
  settings: ManagementPlaneSettings & Pick<Settings, "MP_VALUES">,
  expected: readonly string[] = [],
): void {
  for (const instance of installed) {
    const deployed = deployedValues(instance);
    const { rootCa = "", tsbCert = "", tsbKey = "", xcpCert = "", xcpKey = "" } = certificatesIn(deployed);
    const guide = managementPlaneValues(settings, { rootCa, tsbCert, tsbKey, xcpCert, xcpKey }, {});
    const wanted = withUserValues(guide, "MP_VALUES", settings.MP_VALUES);
    const paths = differingPaths(deployed, wanted).filter(
      (path) => !expected.includes(path) && !path.startsWith("spec.highAvailability"),
    );
    if (paths.length === 0) continue;
    const install = instance.role === "standby" ? "standby-install STANDBY" : "active-install ACTIVE";
    output.warn(`${instance.name}: the settings differ from what is deployed in ${paths.join(", ")}: left as deployed`);
    output.note(`to bring the settings there: make ${install}=${instance.name}`);
  }
}
