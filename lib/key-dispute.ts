/** Two keys for one service account: which of them TSB accepts, so that the right one is kept. */

import { StepError } from "./errors.ts";
import { textAt } from "./json.ts";
import { STANDBY_SA } from "./secrets.ts";
import { describeKey, KEY_FILE, keptKey, parseKey, readAccount } from "./service-account.ts";
import type { State } from "./state.ts";
import { hasKey } from "./status-keys.ts";
import type { Tctl } from "./tctl.ts";

/**
 * Whether the active's Secret holds another key than the state folder, and a wrong one: TSB accepts that of the state
 * folder, and not that of the Secret, which therefore is of no use to anybody.
 * @param onCluster base64 of the JWK in the Secret; undefined without the Secret
 * @returns false where the two don't differ, or one is missing
 * @throws StepError when they differ, and it is not proved that the Secret's is the wrong one
 */
export async function isSecretWrong(tctl: Tctl, state: State, onCluster: string | undefined): Promise<boolean> {
  const kept = keptKey(state);
  if (kept === undefined || onCluster === undefined || kept === onCluster) return false;
  const account = await readAccount(tctl);
  const isAccepted = (jwkBase64: string): boolean => {
    const modulus = textAt(parseKey(jwkBase64), "n");
    return modulus !== undefined && hasKey(account, { kid: undefined, modulus });
  };
  const [keptIsAccepted, secretsIsAccepted] = [isAccepted(kept), isAccepted(onCluster)];
  if (keptIsAccepted && !secretsIsAccepted) return true;
  const path = state.path(KEY_FILE);
  throw new StepError(`the key in ${path} is not the one in the active's Secret ${STANDBY_SA}`, {
    details: [
      `state folder: ${describeKey(kept, KEY_FILE)}; ${keptIsAccepted ? "accepted by TSB" : "not one of the account's"}`,
      `active:       ${describeKey(onCluster, `Secret ${STANDBY_SA}`)}; ${secretsIsAccepted ? "accepted by TSB" : "not one of the account's"}`,
    ],
    next: mend(path, keptIsAccepted, secretsIsAccepted),
  });
}

function mend(path: string, keptIsAccepted: boolean, secretsIsAccepted: boolean): string {
  if (keptIsAccepted) return "both work: move away the one that you do not want, and run this again";
  if (secretsIsAccepted) return `move ${path} away, and run this again: the Secret's key is then kept there`;
  return (
    `TSB knows neither, or does not tell (tctl x sa get ${STANDBY_SA}): move away the one that is wrong, or both and ` +
    `make a new one (tctl x sa gen-key ${STANDBY_SA} | base64 -w0 > ${path}), and run this again`
  );
}
