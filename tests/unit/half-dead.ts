/** The fence of a failover around an old active whose API server answers; prints whether it is noted as unfenced. */

import { Cluster } from "../../lib/cluster.ts";
import { readSettings } from "../../lib/config.ts";
import { openDns } from "../../lib/dns.ts";
import { FAILOVER } from "../../lib/failover.ts";
import { newJournal } from "../../lib/journal.ts";
import type { Member } from "../../lib/pair.ts";
import { guardFence, type RoleChange } from "../../lib/role-change.ts";
import { State } from "../../lib/state.ts";
import { Tctl } from "../../lib/tctl.ts";

const settings = readSettings(["MP_FLOAT_DNS", "TSB_ORG", "TSB_VERSION", "TSB_ADMIN_PASSWORD"]);
const state = new State(settings.STATE_DIR);
const member = (name: string): Member => ({
  ...{ name, dns: `${name}.tsb.example.com`, cluster: new Cluster(name, name, { requestTimeout: 5, state }) },
  ...{ unreachable: undefined, role: "active", follows: undefined, journal: undefined },
  ...{ database: undefined, trouble: undefined },
});
const chart = { path: "managementplane.tgz", version: "1.12.0" };
const change: RoleChange = {
  ...{ settings, state, dns: await openDns(settings), tctl: new Tctl(settings, state) },
  ...{ from: member("mp1"), to: member("mp2"), others: [], prepared: { values: {}, chart } },
  ...{ journal: newJournal("failover", "mp1", "mp2"), assertHeld: () => undefined },
};
await FAILOVER.find(({ name }) => name === "fence")?.run(change);
console.log(`unfenced: ${change.journal.unfencedOldActive}`);
// What the phases after the promotion look at, side by side with their work.
await guardFence(change);
