/**
 * What the control planes' tokens tell of a standby's signing key: token-signer.ts KID, the key's `kid` ("" for none).
 * Prints each finding: level, "RISK" where it must be agreed to, text.
 */

import { readSettings } from "../../lib/config.ts";
import { State } from "../../lib/state.ts";
import { tokenFindings } from "../../lib/token-signer.ts";

const [kid = ""] = process.argv.slice(2);
const key = JSON.stringify({ kty: "RSA", ...(kid ? { kid } : {}) });
const signingKey = { kind: "Secret", data: { "private.key": Buffer.from(key).toString("base64") } };
const settings = readSettings([]);
const state = new State(settings.STATE_DIR);
for (const { level, risk, text } of await tokenFindings({ settings, state, signingKey, from: "mp1", to: "mp2" }))
  console.log([level, ...(risk ? ["RISK"] : []), text].join(" "));
