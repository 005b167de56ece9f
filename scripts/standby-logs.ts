/**
 * Follows the management plane operator's log on the standby until the database streams from the active.
 * Guide: Deploy the Standby instance, "Follow the logs from the management plane operator".
 * Changes nothing. FOLLOW=1 goes on until interrupted. An error that the operator logs while it is being watched, with
 * the database not streaming, is shown and fails the step.
 */
import { type Cluster, TSB_NAMESPACE } from "../lib/cluster.ts";
import { StepError } from "../lib/errors.ts";
import { openClusters } from "../lib/identity.ts";
import * as output from "../lib/output.ts";
import { type DatabaseState, lookAtReplication } from "../lib/replication.ts";
import { step } from "../lib/step.ts";
import { type Look, waitFor } from "../lib/wait.ts";
import { isErrorLine, OPERATOR_SELECTOR } from "../lib/workloads.ts";

await step(
  {
    name: "standby-logs",
    summary: "follows the operator's log until the standby synchronises",
    guide: "Deploy the Standby instance",
    needs: ["STANDBY"],
    heeds: ["FOLLOW", "REPLICATION_TIMEOUT", "REQUEST_TIMEOUT", "STATE_DIR"],
    tools: ["kubectl"],
  },
  async (settings, { state }) => {
    const [cluster] = await openClusters([settings.standby], { state, requestTimeout: settings.REQUEST_TIMEOUT });
    const errors: string[] = [];
    const args = ["-n", TSB_NAMESPACE, "-l", OPERATOR_SELECTOR, "--tail=20"];
    const log = cluster.followLogs(args, (line) => {
      output.result(line);
      if (isErrorLine(line)) errors.push(line);
    });
    try {
      if (settings.FOLLOW) await log.ended;
      else await untilStreaming(cluster, errors, settings.REPLICATION_TIMEOUT);
    } finally {
      log.stop();
    }
  },
);

async function untilStreaming(cluster: Cluster, errors: readonly string[], timeoutSeconds: number): Promise<void> {
  const look = async (): Promise<Look<DatabaseState>> => {
    // Errors from before the database came up may still stand in the log: only those without a stream count.
    const seen = errors.length;
    const replication = await lookAtReplication(cluster);
    if ("done" in replication || seen === 0) return replication;
    throw new StepError(`the operator on ${cluster.name} reports an error, and its database does not stream`, {
      details: errors.slice(-3),
      next: `mend the cause named above, then: make standby STANDBY=${cluster.name}`,
      isFinal: true,
    });
  };
  const database = await waitFor({
    what: `synchronisation of ${cluster.name}`,
    timeoutSeconds,
    look,
    next: `make standby-logs STANDBY=${cluster.name} FOLLOW=1`,
  });
  output.done(`${cluster.name} is synchronising from ${database.senderHost ?? "the active"}, at ${database.lsn}`);
}
