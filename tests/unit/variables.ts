/** Driver for config.bats: prints every setting with its default as NAME=value, as they stand in env.example. */

import { describeSettings, SETTING_NAMES } from "../../lib/config.ts";

for (const [name = "", fallback = ""] of describeSettings(SETTING_NAMES))
  console.log(`${name}=${fallback === "-" ? "" : fallback}`);
