/** Installs what the lab and the tests need of the system, or says what is missing. */
import { runProgram, say } from "./program.ts";
import { ensureSystem, SHELLCHECK } from "./system-packages.ts";

await runProgram("packages", async () => ensureSystem(say, { further: [SHELLCHECK] }));
