/**
 * With no active left to compare with, the tokens that control planes hold tell whether a standby has the right signing
 * key. Source: TSB's documentation, failover.
 */

import type { Settings } from "./config.ts";
import type { Finding } from "./preflight.ts";
import { SIGNING_KEY } from "./secrets.ts";
import type { State } from "./state.ts";
import { type ControlPlaneLook, lookAtControlPlane } from "./status-control-plane.ts";
import { likelyClusters } from "./status-gather.ts";
import { keyFacts } from "./status-keys.ts";

/** Seconds for a control plane's cluster: one that went down with the active must not hold a failover up. */
const SECONDS = 8;

interface Question {
  settings: Pick<Settings, "CLUSTER_NAME" | "contextOf">;
  state: State;
  /** Secret iam-signing-key of the standby. */
  signingKey: unknown;
  /** The old active, which can't be asked, and the standby: "mp1", "mp2". */
  from: string;
  to: string;
}

/**
 * Compares the `kid` of a standby's signing key with those in the tokens of all control planes that are known. A
 * difference has a `risk`, which must be agreed to; a control plane that can't be asked is a warning.
 */
export async function tokenFindings(question: Question): Promise<Finding[]> {
  const { settings, state, signingKey, from, to } = question;
  const kids = keyFacts(signingKey)?.kids ?? [];
  const untold = `${SIGNING_KEY} is on ${to}; ${from} can't be asked whether it is the same`;
  if (kids.length === 0)
    return [{ level: "warn", text: `${untold}, and it has no kid to look for in the control planes' tokens` }];
  const names = likelyClusters(settings, state);
  if (names.length === 0)
    return [{ level: "warn", text: `${untold}; a control plane's token would tell`, mend: "set CLUSTER_NAME" }];
  const looks = await Promise.all(
    names.map((name) => lookAtControlPlane(name, settings.contextOf(name), { state, callSeconds: SECONDS })),
  );
  return looks.map((look) => judge(look, kids, question));
}

function judge({ name, context, tokenKid, error }: ControlPlaneLook, kids: string[], { from, to }: Question): Finding {
  const key = `${SIGNING_KEY} of ${to} (kid ${kids.join(", ")})`;
  if (tokenKid === null) {
    const because = error ?? (context === null ? "it has no kube context" : "it holds none");
    const text = `whether ${key} signed the token of control plane ${name} can't be told: ${because}`;
    return { level: "warn", text };
  }
  if (kids.includes(tokenKid)) return { level: "ok", text: `${key} signed the token of control plane ${name}` };
  return {
    level: "warn",
    text: `${key} did not sign the token of control plane ${name} (kid ${tokenKid})`,
    mend: `put the key of ${from} there, from your copy: make standby-secrets ACTIVE=${from} STANDBY=${to} IMPORT=… FORCE=1`,
    risk: `${to} refuses every token that ${from} signed: clients must log in again, control planes may be lost`,
  };
}
