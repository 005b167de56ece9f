/** Driver for pki-read.bats: prints what the install steps read of mp1's certificates, with their names for it. */

import * as output from "../../lib/output.ts";
import { readInstancePems } from "../../lib/pki.ts";
import { step } from "../../lib/step.ts";

const info = { name: "pems", summary: "a test", guide: "none", needs: ["MP_FLOAT_DNS"] } as const;

await step(info, async ({ MP_FLOAT_DNS: float }, { state }) => {
  for (const [name, pem] of Object.entries(readInstancePems(state, "mp1", ["mp1.tsb.example.com", float])))
    output.result(`${name}\n${pem.trim()}`);
});
