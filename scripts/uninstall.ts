/**
 * Removes an instance: make uninstall MP=mp2.
 * After the guide; docs/day-two.md.
 * Lists what goes and what stays, and asks for the instance's name (CONFIRM=mp2 where there is no terminal). Removes the
 * release, the secrets that the chart keeps, the database's volume claims, namespace tsb (but where docs/rbac/active.yaml
 * was applied: then it is the administrators'), the slot that a standby held on its active, the instance's DNS records,
 * and cert-manager where we installed it and nobody else uses it. Nothing of others is touched. Refuses to remove an
 * active on which a standby depends. A rerun finds it gone already. Certificates and keys stay in the state folder.
 */
import { askByName } from "../lib/consent.ts";
import { openDns } from "../lib/dns.ts";
import { StepError } from "../lib/errors.ts";
import { withLocks } from "../lib/lease.ts";
import * as output from "../lib/output.ts";
import { readPair } from "../lib/pair.ts";
import { step } from "../lib/step.ts";
import { removeInstance } from "../lib/uninstall.ts";
import { describePlan, forget, isGone, planUninstall, requireDispensable } from "../lib/uninstall-plan.ts";

await step(
  {
    name: "uninstall",
    summary: "removes an instance",
    guide: "after it: docs/day-two.md",
    needs: ["MP", "MP_FLOAT_DNS"],
    heeds: ["CONFIRM", "FORCE", "FORCE_UNLOCK", "DNS_PROVIDER", "DNS_TIMEOUT", "INSTALL_TIMEOUT", "STATE_DIR"],
    tools: ["kubectl", "helm"],
    again: "make uninstall MP=…",
  },
  async (settings, { state, dryRun }) => {
    const { MP, CONFIRM, FORCE, MP_FLOAT_DNS: floating } = settings;
    const [members, dns] = await Promise.all([readPair(settings, state), openDns(settings)]);
    const target = members.find(({ name }) => name === MP);
    if (!target) throw new StepError(`${MP} has no kube context`, { next: `set ${MP.toUpperCase()}_CONTEXT` });
    requireDispensable(target, members, FORCE);

    const plan = await planUninstall(target, members, { floating, dns, state });
    const { goes, stays } = describePlan(plan);
    for (const line of stays) output.note(`stays: ${line}`);
    if (isGone(plan)) {
      forget(state, MP);
      return output.already(`${MP} is gone already`);
    }
    if (dryRun) {
      for (const line of goes) output.wouldDo(`remove ${line}`);
      return;
    }
    for (const line of goes) output.warn(`goes: ${line}`);
    await askByName({
      ...{ variable: "CONFIRM", given: CONFIRM, name: MP, exitCode: 1 },
      risk: `${MP} (${target.role}) and all that is listed above will be removed`,
    });

    const clusters = [plan.slot?.active.cluster, plan.hasNamespace ? target.cluster : undefined];
    await withLocks(
      clusters.flatMap((cluster) => cluster ?? []),
      { what: `make uninstall MP=${MP}`, force: settings.FORCE_UNLOCK },
      () => removeInstance(plan, { state, dns, timeoutSeconds: settings.INSTALL_TIMEOUT }),
    );
    output.done(`${MP} is removed; its certificates and keys stay in ${state.path(MP)}`);
  },
);
