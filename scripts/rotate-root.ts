/**
 * Rotates the root CA in three phases, with both roots trusted in between; docs/certificates.md.
 * After the guide.
 * trust: a new root is made (or CA_CERT and CA_KEY are taken), and all instances and control planes trust both.
 * reissue: every instance's certificates are issued by the new root and rolled out, standbys first.
 * retire: the old root is shown to be unused, and trusted no longer.
 * Each run carries out the next phase; PHASE=all all that are left; PHASE=trust, … just that one. How far it is stands in
 * the state folder (ca/rotation.json). A run that was interrupted is finished by the next. The old root is kept aside.
 */
import { SettingsError } from "../lib/errors.ts";
import { openInstallation } from "../lib/installed.ts";
import { withLocks } from "../lib/lease.ts";
import * as output from "../lib/output.ts";
import { beginRotation, completePhase, PHASES, type Phase, type Rotation, readRotation } from "../lib/root-rotation.ts";
import { carryOut } from "../lib/rotation-phases.ts";
import { step } from "../lib/step.ts";

await step(
  {
    name: "rotate-root",
    summary: "a new root CA, in three phases",
    guide: "after it: docs/certificates.md",
    needs: ["MP_FLOAT_DNS", "TSB_ORG", "TSB_ADMIN_PASSWORD"],
    heeds: [
      "PHASE",
      "FORCE",
      "FORCE_UNLOCK",
      "CA_CERT",
      "CA_KEY",
      "CA_DAYS",
      "LEAF_DAYS",
      "DNS_RESOLVER",
      "INSTALL_TIMEOUT",
    ],
    tools: ["kubectl", "helm", "tctl", "openssl"],
  },
  async (settings, { state, dryRun }) => {
    const { PHASE, FORCE } = settings;
    const found = readRotation(state);
    if (found) tell(found);
    if (found?.phase === "done" && !FORCE) {
      output.already("to rotate once more: make rotate-root FORCE=1");
      return;
    }
    const isNew = !found || found.phase === "done";
    const phases = phasesToDo(isNew ? "trust" : found.phase, PHASE);
    if (phases.length === 0) return output.already(`phase ${PHASE} was done before`);
    if (dryRun) return output.wouldDo(`carry out: ${phases.join(", ")}`);

    const { inOrder } = await openInstallation(settings, state);
    const lock = { what: "make rotate-root", force: settings.FORCE_UNLOCK };
    const clusters = inOrder.map(({ cluster }) => cluster);
    const rotation = await withLocks(clusters, lock, async () => {
      let done = isNew ? await beginRotation(state, settings) : found;
      for (const phase of phases) {
        output.note(`phase ${phase}:`);
        await carryOut[phase]({ state, settings, rotation: done });
        done = completePhase(state, done, phase);
        output.done(`phase ${phase} is done`);
      }
      return done;
    });
    if (rotation.phase !== "done") output.note(`next: make rotate-root (phase ${rotation.phase})`);
  },
);

/** @throws SettingsError (exit 2) when PHASE names a phase whose turn has not come */
function phasesToDo(next: Phase | "done", wanted: Phase | "all" | undefined): readonly Phase[] {
  const left = PHASES.slice(next === "done" ? PHASES.length : PHASES.indexOf(next));
  if (wanted === "all") return left;
  if (wanted === undefined || wanted === next) return left.slice(0, 1);
  if (!left.includes(wanted)) return [];
  throw new SettingsError([
    { variable: "PHASE", what: `is ${wanted}, but ${next} comes first`, mend: `PHASE=${next}` },
  ]);
}

function tell({ phase, from, to, begun, completed }: Rotation): void {
  output.note(`rotation begun ${begun}: ${from.slice(0, 17)}… to ${to.slice(0, 17)}…`);
  for (const one of PHASES) output.note(`  ${one.padEnd(8)} ${completed[one] ?? (one === phase ? "next" : "to come")}`);
}
