/** The checks before anything is touched: each returns its findings, none of them changes anything. */

import { hasOthersCertManager } from "./cert-manager.ts";
import type { Cluster } from "./cluster.ts";
import { messageOf, StepError } from "./errors.ts";
import { textAt } from "./json.ts";
import { type Role, readManagementPlane, roleOf } from "./management-plane.ts";
import { missingPermissions } from "./permissions.ts";
import { attempt } from "./run.ts";
import type { State } from "./state.ts";

/** What a check found: "ok" and "warn" let the run go on, "bad" ends it. */
export interface Finding {
  level: "ok" | "warn" | "bad";
  text: string;
  /** What to do about it. */
  mend?: string;
  /** What is risked by going on all the same: it must be agreed to by name. */
  risk?: string;
}

/** Runs a check; whatever it throws becomes a finding, so that one failure does not hide the others. */
export async function checked(check: () => Promise<Finding[]>, level: "warn" | "bad" = "bad"): Promise<Finding[]> {
  try {
    return await check();
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    const text = [error.message, ...error.details.slice(0, 2)].join(": ");
    return [{ level, text, ...(error.next === undefined ? {} : { mend: error.next }) }];
  }
}

const TOOLS = [
  { tool: "kubectl", args: ["version", "--client"], atLeast: [1, 28] },
  { tool: "helm", args: ["version", "--short"], atLeast: [3, 8] },
] as const;

/**
 * The versions of kubectl and helm: new enough, helm 3 and 4 alike.
 * @param timeoutSeconds for each to answer; on a machine with much else to do that takes longer than one would think
 */
export async function checkTools(timeoutSeconds: number): Promise<Finding[]> {
  return Promise.all(
    TOOLS.map(async ({ tool, args, atLeast }): Promise<Finding> => {
      const doing = `asking ${tool} for its version`;
      const next = `see why it takes so long: time ${tool} ${args.join(" ")}`;
      const ended = await attempt(tool, args, { doing, timeoutSeconds, next });
      const version = /v(\d+)\.(\d+)(\.\d+)?/.exec(ended.stdout);
      const mend = `install ${tool} ${atLeast.join(".")} or newer`;
      if (!version) return { level: "bad", text: `${tool} does not tell its version`, mend };
      const [major, minor] = [Number(version[1]), Number(version[2])];
      const isOld = major < atLeast[0] || (major === atLeast[0] && minor < atLeast[1]);
      return isOld
        ? { level: "bad", text: `${tool} ${version[0]} is too old`, mend }
        : { level: "ok", text: `${tool} ${version[0]}` };
    }),
  );
}

/**
 * Whether we may do what the scripts do: all that docs/rbac gives.
 * @param isActive false: cert-manager may have to be installed there, too
 */
export async function checkPermissions(cluster: Cluster, isActive: boolean, state: State): Promise<Finding[]> {
  // Not permitted to look, we know of none: then all of it is named.
  const hasOthers = async () => hasOthersCertManager(cluster, state).catch(falseOnStepError);
  const files =
    isActive || (await hasOthers()) ? (["active.yaml"] as const) : (["active.yaml", "standby.yaml"] as const);
  const { missing, isIncomplete } = await missingPermissions(cluster, files);
  if (missing.length === 0) return [{ level: "ok", text: `${cluster.name}: permitted to do what the scripts do` }];
  const text = `${cluster.name}: not permitted to ${missing.join(", ")}`;
  if (isIncomplete) return [{ level: "warn", text: `${text}; or so it seems: its API server can't tell all` }];
  const apply = files.map((file) => `-f docs/rbac/${file}`).join(" ");
  return [
    { level: "bad", text, mend: `have an administrator run: kubectl --context ${cluster.context} apply ${apply}` },
  ];
}

function falseOnStepError(error: unknown): false {
  if (error instanceof StepError) return false;
  throw error;
}

/** Seconds by which clocks may differ: certificates that we issue are dated back by as much. */
const CLOCK_TOLERANCE = 300;

/** Whether this machine's clock is the cluster's: otherwise certificates made here would not be valid there. */
export async function checkClock(cluster: Cluster): Promise<Finding[]> {
  const theirs = await timeOf(cluster);
  const seconds = theirs === undefined ? 0 : Math.round((Date.now() - theirs) / 1000);
  if (Math.abs(seconds) <= CLOCK_TOLERANCE) return [];
  const text = `this machine's clock is ${Math.abs(seconds)} s ${seconds > 0 ? "ahead of" : "behind"} that of ${cluster.name}`;
  return [{ level: "bad", text, mend: "set the clock: certificates issued now would not be valid when they should" }];
}

/** Milliseconds since 1970 as the cluster's API server counts; undefined where it does not tell (before Kubernetes 1.28). */
async function timeOf(cluster: Cluster): Promise<number | undefined> {
  const review = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };
  const path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
  const call = { doing: `asking ${cluster.name} for the time`, input: JSON.stringify(review) };
  try {
    // Also a question put as a POST. Its answer is dated by the API server.
    const answer = await cluster.kubectl(["create", "--raw", path, "-f", "-"], call);
    return Date.parse(textAt(JSON.parse(answer), "metadata", "creationTimestamp") ?? "") || undefined;
  } catch (error) {
    if (error instanceof StepError) return undefined;
    throw error;
  }
}

/** The roles that the clusters say they have, against the roles this run takes for granted. */
export async function checkRoles(clusters: readonly Cluster[], activeName: string): Promise<Finding[]> {
  const roles = await Promise.all(
    clusters.map(async (cluster): Promise<Role | "unknown"> => {
      try {
        return roleOf(await readManagementPlane(cluster));
      } catch (error) {
        if (error instanceof StepError) return "unknown";
        throw new Error(messageOf(error), { cause: error });
      }
    }),
  );
  return clusters.flatMap((cluster, i): Finding[] => {
    const role = roles[i];
    if (role === "unknown") return [];
    if (cluster.name !== activeName && (role === "active" || role === "single")) {
      const text = `${cluster.name} is an active management plane, but ACTIVE is ${activeName}`;
      return [{ level: "bad", text, mend: `ACTIVE=${cluster.name}, or make switchover TO=${activeName}` }];
    }
    if (cluster.name === activeName && role === "standby")
      return [
        { level: "bad", text: `${activeName} is a standby, but ACTIVE names it`, mend: "name the active instance" },
      ];
    return [{ level: "ok", text: `${cluster.name}: ${role === "none" ? "no management plane yet" : `is ${role}`}` }];
  });
}
