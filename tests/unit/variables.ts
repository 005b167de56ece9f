/** Driver for config.bats: prints every setting with its default as NAME=value, as they stand in env.example. */

import { describeSettings, SETTING_NAMES } from "../../lib/config.ts";

for (const [name = "", otherwise = ""] of describeSettings([], SETTING_NAMES))
  console.log(`${name}=${otherwise.startsWith("default ") ? otherwise.slice("default ".length) : ""}`);
