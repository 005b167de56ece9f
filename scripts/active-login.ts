/**
 * Verifies the login: a real tctl login through the floating name.
 * Guide: Configure the DNS name for Management Plane endpoint, "Verify that you can log in".
 * Reads ca/ca.crt from the state folder; keeps tctl's configuration there (tctl/config.yaml: a token, no password).
 * A rerun logs in again. Done when the organisation can be read through MP_FLOAT_DNS, verified against the root CA.
 */
import * as output from "../lib/output.ts";
import { step } from "../lib/step.ts";
import { Tctl } from "../lib/tctl.ts";

await step(
  {
    name: "active-login",
    summary: "verifies the login through the floating name",
    guide: "Configure the DNS name for Management Plane endpoint",
    needs: ["MP_FLOAT_DNS", "TSB_ORG", "TSB_ADMIN_PASSWORD"],
    heeds: ["MP_PORT", "REQUEST_TIMEOUT", "STATE_DIR"],
    tools: ["tctl"],
  },
  async (settings, { state, dryRun }) => {
    const tctl = new Tctl(settings, state);
    if (dryRun) return output.wouldDo(`log in to ${tctl.address} with tctl and read organisation ${settings.TSB_ORG}`);
    await tctl.login();
    output.done(`logged in to ${tctl.address} as admin; certificate verified against ${state.path("ca", "ca.crt")}`);
    output.done(`organisation ${settings.TSB_ORG} can be read through ${settings.MP_FLOAT_DNS}`);
  },
);
