/** Driver for step.bats and consent.bats: a step whose body does what BODY says. */

import { generateKeyPair } from "node:crypto";
import { promisify } from "node:util";
import { askByName } from "../../lib/consent.ts";
import { StepError } from "../../lib/errors.ts";
import * as output from "../../lib/output.ts";
import { run } from "../../lib/run.ts";
import { step } from "../../lib/step.ts";
import { pause, waitFor } from "../../lib/wait.ts";

const calling = { doing: "calling kubectl", timeoutSeconds: 30 };

const bodies: Record<string, () => Promise<void>> = {
  async works() {
    output.done("something was done");
    output.result("the result");
  },
  async fails() {
    throw new StepError("the release is stuck", { details: ["pod a", "pod b"], next: "helm rollback" });
  },
  async "fails without advice"() {
    throw new StepError("the release is stuck");
  },
  async "is not finished"() {
    throw new StepError("the role change is not finished", { exitCode: 4 });
  },
  async "is degraded"() {
    process.exitCode = 3;
  },
  async crashes() {
    throw new TypeError("x is not a function");
  },
  async "shows secrets"() {
    output.note(`password ${process.env.TSB_ADMIN_PASSWORD}`);
    output.note(`short ${process.env.LDAP_BIND_PASSWORD}`);
    await run("kubectl", ["fail", `--password=${process.env.POSTGRES_PASSWORD}`], calling);
  },
  async "asks by name"() {
    const { CONFIRM: given } = process.env;
    await askByName({ variable: "CONFIRM", given, name: "mp2", risk: "the data of mp2 goes", exitCode: 1 });
    output.done("it is gone");
  },
  async "calls kubectl"() {
    await run("kubectl", ["get"], calling);
  },
  async "changes something"() {
    await run("kubectl", ["get"], calling);
    await run("kubectl", ["apply"], { ...calling, mutates: true });
  },
  async "waits long"() {
    output.note("ready to be interrupted");
    await pause(60);
  },
  async "polls long"() {
    output.note("ready to be interrupted");
    const look = async () => ({ pending: "nothing yet" });
    await waitFor({ what: "the impossible", timeoutSeconds: 60, everySeconds: 0.05, look, next: "give up" });
  },
  async "runs long"() {
    output.note("ready to be interrupted");
    await run("kubectl", ["wait"], calling);
  },
  async "computes long"() {
    output.note("ready to be interrupted");
    await promisify(generateKeyPair)("rsa", { modulusLength: 16384 });
  },
};

const info = {
  name: "frame",
  summary: "a step of the tests",
  guide: "Some section",
  needs: ["MP_FLOAT_DNS"],
  heeds: ["DNS_TTL"],
  flags: { json: "print JSON" },
  tools: (process.env.TOOLS ?? "").split(" ").filter(Boolean),
} as const;

await step(info, async (_settings, { dryRun, flags }) => {
  if (dryRun) output.wouldDo("do something");
  if (flags.has("json")) output.result("{}");
  await bodies[process.env.BODY ?? "works"]?.();
});
