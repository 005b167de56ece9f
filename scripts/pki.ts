/**
 * One root CA, and for each management plane instance its two certificates.
 *
 * Guide: Create a PKI and Issue Certificates
 * Settings: MP1_DNS, MP2_DNS, …, MP_FLOAT_DNS; optional CA_CERT and CA_KEY, lifetimes and key sizes
 * Writes: STATE_DIR/ca/ca.{crt,key}, and for each instance STATE_DIR/mp1/{tsb_certs,xcp-central-cert}.{crt,key}
 * Rerun: keeps the root always, and each certificate until its names change, it nears its end or its key is lost
 * Verified: openssl verify -x509_strict for every certificate; every key against its certificate
 */

import { alternativeNames, daysLeft, endOf, parseCertificate } from "../lib/certificate.ts";
import type { Settings } from "../lib/config.ts";
import { issue, type Plan, planPki } from "../lib/issue.ts";
import * as output from "../lib/output.ts";
import { verifyPki } from "../lib/pki.ts";
import { isRotating, refuseDuringRotation } from "../lib/root-rotation.ts";
import type { State } from "../lib/state.ts";
import { step } from "../lib/step.ts";

const info = {
  name: "pki",
  summary: "one root CA, and certificates for every instance",
  guide: "Create a PKI and Issue Certificates",
  needs: ["MP_FLOAT_DNS"],
  heeds: ["CA_CERT", "CA_KEY", "CA_DAYS", "CA_KEY_BITS", "LEAF_DAYS", "LEAF_KEY_BITS", "RENEW_BEFORE", "STATE_DIR"],
  tools: ["openssl"],
} as const;

await step(info, async (settings, { dryRun, state }) => {
  const plan = planWithin(state, settings);
  if (dryRun) return announce(plan, state);
  const isComplete = plan.root.action === "keep" && plan.leaves.every((leaf) => leaf.reason === undefined);
  if (!isComplete) {
    await issue(state, plan, settings);
    const fault = await verifyPki(state, settings);
    if (fault) output.warn(`strict clients will refuse your root CA: ${fault}`);
  }
  tell(plan, state);
  report(plan, state, settings);
});

/** Between two roots, what is there is looked at, but nothing is issued; CA_CERT may name either root. */
function planWithin(state: State, settings: Settings<"MP_FLOAT_DNS">): Plan {
  if (!isRotating(state)) return planPki(state, settings);
  const plan = planPki(state, { ...settings, CA_CERT: undefined, CA_KEY: undefined });
  if (plan.leaves.some(({ reason }) => reason !== undefined)) refuseDuringRotation(state, "no certificate is issued");
  return plan;
}

function announce(plan: Plan, state: State): void {
  const path = state.path("ca", "ca.crt");
  if (plan.root.action === "keep") output.already(`root CA ${path}`);
  else output.wouldDo(`${plan.root.action === "bring" ? "copy CA_CERT and CA_KEY to" : "create"} the root CA ${path}`);
  for (const leaf of plan.leaves) {
    if (leaf.reason === undefined) output.already(leaf.certPath);
    else output.wouldDo(`issue ${leaf.certPath} for ${leaf.dnsNames.join(", ")}: ${leaf.reason}`);
  }
}

function tell({ root, leaves }: Plan, state: State): void {
  const key = state.path("ca", "ca.key");
  if (root.action === "keep") output.already("root CA: kept");
  else {
    output.done(`root CA: ${root.action === "bring" ? "brought along" : "created"}`);
    output.warn(`whoever has ${key} can impersonate every instance. Keep a copy of it off this machine, never in git;`);
    output.note("it may be moved away until certificates must be issued again");
  }
  for (const { instance, name, reason } of leaves) {
    if (reason === undefined) output.already(`${instance.name} ${name}: kept`);
    else output.done(`${instance.name} ${name}: issued, because ${reason}; verified with openssl`);
  }
}

/** The table of what is there now. */
function report({ leaves }: Plan, state: State, settings: Settings): void {
  const files = [["ca", "ca.crt"], ...leaves.map(({ instance, name }) => [instance.name, `${name}.crt`])];
  const rows = files.flatMap((file) => {
    const cert = parseCertificate(state.read(...file) ?? "");
    if (!cert) return [];
    const names = alternativeNames(cert).map((name) => name.replace("DNS:", ""));
    const notAfter = endOf(cert).toISOString().slice(0, 10);
    return [[state.path(...file), notAfter, `${daysLeft(cert)}`, names.join(" ") || "root CA"]];
  });
  output.result(output.table([["certificate", "not after", "days left", "names"], ...rows]));
  const rootDays = Number(rows[0]?.[2]);
  if (rootDays < settings.LEAF_DAYS)
    output.warn(`the root CA ends in ${rootDays} days, and every certificate with it: plan a new root`);
}
