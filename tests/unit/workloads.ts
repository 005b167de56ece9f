/** Waits for deployments tsb and web in namespace tsb of mp1, for a second. */

import { Cluster } from "../../lib/cluster.ts";
import { messageOf } from "../../lib/errors.ts";
import { State } from "../../lib/state.ts";
import { waitForWorkloads } from "../../lib/workloads.ts";

const cluster = new Cluster("mp1", "mp1", { requestTimeout: 5, state: new State("state") });
const wait = { namespace: "tsb", expected: ["tsb", "web"], timeoutSeconds: 1 };
console.log(await waitForWorkloads(cluster, wait).catch((error) => `error: ${messageOf(error)}`));
