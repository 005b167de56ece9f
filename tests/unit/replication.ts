/** Asks Postgres on mp1 as often as is said: replication.ts COUNT. Prints each answer, or the error. */

import { Cluster } from "../../lib/cluster.ts";
import { messageOf } from "../../lib/errors.ts";
import { query } from "../../lib/replication.ts";
import { State } from "../../lib/state.ts";

const cluster = new Cluster("mp1", "mp1", { requestTimeout: 5, state: new State("state") });
for (let i = 0; i < Number(process.argv[2]); i += 1)
  console.log(await query(cluster, "select 1", "asking").catch((error) => `error: ${messageOf(error)}`));
