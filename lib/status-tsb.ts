/** What TSB's own API says, through the floating name: the login, the standby's account, the control planes. */

import { hasGrant, readBindings } from "./bindings.ts";
import { onboardedClusters } from "./control-planes.ts";
import { SettingsError, StepError } from "./errors.ts";
import { clusterStatus } from "./onboarding.ts";
import { readAccount, serviceAccountFqn } from "./service-account.ts";
import { State } from "./state.ts";
import type { TsbFacts } from "./status-facts.ts";
import { wordsOf } from "./status-instance.ts";
import { hasKey, type PublicKey } from "./status-keys.ts";
import { isOnPath } from "./step.ts";
import { type LoginSettings, Tctl } from "./tctl.ts";

/** The settings with which TSB can be asked; without organisation and password it is not. */
export type TsbSettings = Omit<LoginSettings, "TSB_ORG" | "TSB_ADMIN_PASSWORD"> & {
  TSB_ORG: string | undefined;
  TSB_ADMIN_PASSWORD: string | undefined;
};

/** What TSB's API said. */
export interface TsbLook {
  facts: TsbFacts;
  /** The onboarded clusters. */
  clusters: string[];
  /** Their status, by name. */
  statuses: ReadonlyMap<string, { status: string; message: string }>;
}

export interface TsbQuestion {
  settings: TsbSettings;
  state: State;
  /** Clusters that are likely to be onboarded: asked for at once, without waiting for the list. */
  likely: readonly string[];
  /** The root that the clusters hold, for where the state folder has none. */
  rootPem: () => Promise<string | undefined>;
  /** The key in the active's Secret. */
  accountKey: () => Promise<PublicKey | undefined>;
  /** Why a plain request through the floating name is not answered; undefined when it is. */
  health: () => Promise<string | undefined>;
  /** Seconds for one call, and for all. */
  callSeconds: number;
  totalSeconds: number;
}

const UNKNOWN = { accountExists: null, grantInForce: null, keyAccepted: null } as const;

/** Asks TSB. Does not throw where it can't be asked: that is a fact. */
export async function askTsb(question: TsbQuestion): Promise<TsbLook> {
  const { TSB_ORG, TSB_ADMIN_PASSWORD } = question.settings;
  const without = (login: "failed" | "late" | "not asked", error: string): TsbLook => ({
    ...{ facts: { login, error, ...UNKNOWN }, clusters: [], statuses: new Map() },
  });
  if (!TSB_ORG || !TSB_ADMIN_PASSWORD)
    return without("not asked", `${TSB_ORG ? "TSB_ADMIN_PASSWORD" : "TSB_ORG"} is not set`);
  if (!isOnPath("tctl")) return without("not asked", "tctl is not found on PATH");
  try {
    return await askWithLogin(question, { ...question.settings, TSB_ORG, TSB_ADMIN_PASSWORD });
  } catch (error) {
    if (error instanceof SettingsError) return without("not asked", error.message);
    const words = wordsOf(error);
    // A machine with much else to do, or a TSB that has: slow is not gone.
    const isLate = isTooLate(error) && (await question.health()) === undefined;
    return without(isLate ? "late" : "failed", words);
  }
}

/** With the token of an earlier run if it still holds, which saves the login; otherwise with a new one. */
async function askWithLogin(question: TsbQuestion, settings: LoginSettings): Promise<TsbLook> {
  const began = performance.now();
  const state = await tctlState(question);
  try {
    return await ask(new Tctl({ ...settings, REQUEST_TIMEOUT: question.callSeconds }, state), settings, question);
  } catch (error) {
    const left = question.totalSeconds - (performance.now() - began) / 1000;
    // Where nothing answers, a login would not be answered either.
    if (!(error instanceof StepError) || isTooLate(error) || left < 3) throw error;
    // Two calls for the login, one round of questions.
    const tctl = new Tctl({ ...settings, REQUEST_TIMEOUT: Math.min(question.callSeconds, left / 3) }, state);
    await tctl.login();
    return ask(tctl, settings, question);
  }
}

function isTooLate(error: unknown): boolean {
  return error instanceof StepError && /did not answer within/.test(error.message);
}

/** tctl verifies against ca/ca.crt of the state folder; where that is missing, against the root that the clusters hold. */
async function tctlState({ state, rootPem }: TsbQuestion): Promise<State> {
  if (state.read("ca", "ca.crt") !== undefined) return state;
  const pem = await rootPem();
  if (!pem) return state;
  const own = new State(state.path("status"));
  if (own.read("ca", "ca.crt") !== pem) own.write(pem, "ca", "ca.crt");
  return own;
}

async function ask(tctl: Tctl, settings: LoginSettings, question: TsbQuestion): Promise<TsbLook> {
  const organisation = `organizations/${settings.TSB_ORG}`;
  const grant = { role: "rbac/org-reader", serviceAccount: serviceAccountFqn(settings.TSB_ORG) };
  const [bindings, account, clusters, likely, accountKey] = await Promise.all([
    readBindings(tctl, organisation),
    readAccount(tctl),
    onboardedClusters(tctl),
    statusesOf(tctl, question.likely),
    question.accountKey(),
  ]);
  const unasked = clusters.filter((name) => !likely.has(name));
  const statuses = new Map([...likely, ...(await statusesOf(tctl, unasked))]);
  const accountExists = account !== undefined;
  const keyAccepted = accountKey && accountExists ? hasKey(account, accountKey) : null;
  const facts = { accountExists, grantInForce: hasGrant(bindings, grant), keyAccepted };
  return { facts: { login: "ok", error: null, ...facts }, clusters, statuses };
}

async function statusesOf(tctl: Tctl, names: readonly string[]): Promise<TsbLook["statuses"]> {
  const found = await Promise.all(
    names.map(async (name): Promise<[string, { status: string; message: string }][]> => {
      try {
        return [[name, await clusterStatus(tctl, name)]];
      } catch (error) {
        // A name that is not onboarded has no status; whether it should have one is judged later.
        if (error instanceof StepError) return [];
        throw error;
      }
    }),
  );
  return new Map(found.flat());
}
