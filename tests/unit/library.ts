/** Driver for run.bats, wait.bats, identity.bats and state.bats: does what its first argument says, and lets errors be shown by the frame. */

import { StepError } from "../../lib/errors.ts";
import { openAndLook } from "../../lib/identity.ts";
import * as output from "../../lib/output.ts";
import { attempt, follow, run } from "../../lib/run.ts";
import { State, writeFileAtomically } from "../../lib/state.ts";
import { step } from "../../lib/step.ts";
import { type Look, waitFor } from "../../lib/wait.ts";

const state = new State(process.env.STATE_DIR ?? "state");
const awkward = [
  "; touch harm",
  "$(touch harm)",
  "`touch harm`",
  "a b",
  "'",
  '"',
  "",
  "--flag",
  "*",
  "line\nbreak",
  "\\",
];
const call = { doing: "calling kubectl", timeoutSeconds: 10 };

/** Three looks: a failure, not yet, done. */
function looks(last: Look<string>): () => Promise<Look<string>> {
  let count = 0;
  return async () => {
    count += 1;
    if (count === 1) throw new StepError("server is down", { details: ["connection refused"] });
    return count === 2 ? { pending: "1 of 2 ready" } : last;
  };
}

const wait = { what: "the pods of mp1", timeoutSeconds: 1, everySeconds: 0.1, next: "look at the pods" };

const cases: Record<string, () => Promise<void>> = {
  run: async () => output.result(await run("kubectl", ["get", "pods"], call)),
  "run with awkward arguments": async () => output.result(await run("kubectl", awkward, call)),
  "run with input": async () => void (await run("kubectl", ["apply"], { ...call, input: "a secret\n" })),
  "run with much input": async () => void (await run("kubectl", ["apply"], { ...call, input: "x".repeat(5_000_000) })),
  "run with a time-out": async () => void (await run("kubectl", ["wait"], { ...call, timeoutSeconds: 1 })),
  "run with advice": async () => void (await run("kubectl", ["get"], { ...call, next: "check the cluster" })),
  "run what is missing": async () => void (await run("no-such-tool", [], call)),
  attempt: async () => output.result(JSON.stringify(await attempt("kubectl", ["get"], call))),
  follow: async () =>
    output.result(`ended ${(await follow("kubectl", ["logs"], (line) => output.note(line)).ended).exitCode}`),
  "wait until it holds": async () => output.result(await waitFor({ ...wait, look: looks({ done: "ready" }) })),
  "wait in vain": async () => {
    const diagnose = async () => ["pod tsb-1: ImagePullBackOff"];
    await waitFor({ ...wait, look: looks({ pending: "1 of 2 ready" }), diagnose });
  },
  "wait for what can't come": async () => {
    const look = async () => {
      throw new StepError("the license expired", { isFinal: true });
    };
    await waitFor({ ...wait, timeoutSeconds: 60, look });
  },
  "wait with a mistake": async () => {
    const look = async () => {
      throw new TypeError("x is not a function");
    };
    await waitFor({ ...wait, timeoutSeconds: 60, look });
  },
  write: async () => output.result(state.write("new\n", "mp1", "file")),
  "write much": async () => output.result(state.write("x".repeat(100_000), "mp1", "file")),
  "look while a cluster is being proven": async () => {
    const options = { state, requestTimeout: 10 };
    const { seen } = await openAndLook([{ name: "mp1", context: "mp1" }], options, ([mp1]) => mp1.get(["pods"]));
    output.result(`seen: ${seen.length} pods`);
  },
  create: async () => output.result(state.create("new\n", "mp1", "file")),
  read: async () => output.result(`${state.read("mp1", "file")}`),
  "write elsewhere": async () => writeFileAtomically("elsewhere/file", "new\n"),
  async "many at once"() {
    for (let i = 0; i < 50; i++) state.write(`${`${process.pid}\n`.repeat(1000)}`, "mp1", "file");
  },
};

const info = { name: "library", summary: "a test", guide: "none", needs: [] } as const;
await step(info, async () => {
  await cases[process.env.CASE ?? ""]?.();
});
