/** The checks before anything is touched: each returns its findings, none of them changes anything. */

import { type Cluster, TSB_NAMESPACE } from "./cluster.ts";
import { messageOf, StepError } from "./errors.ts";
import { listAt } from "./json.ts";
import { type Role, readManagementPlane, roleOf } from "./management-plane.ts";
import { attempt } from "./run.ts";

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

/** The versions of kubectl and helm: new enough, helm 3 and 4 alike. */
export async function checkTools(): Promise<Finding[]> {
  return Promise.all(
    TOOLS.map(async ({ tool, args, atLeast }): Promise<Finding> => {
      const ended = await attempt(tool, args, { doing: `asking ${tool} for its version`, timeoutSeconds: 10 });
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

/** An API that the scripts use; `group` "" is the core. */
interface Need {
  group: string;
  resource: string;
  verbs: readonly string[];
}

/** What the scripts themselves do; helm needs what its charts hold, which only the charts know. */
const NEEDS: readonly Need[] = [
  { group: "", resource: "namespaces", verbs: ["get", "create"] },
  { group: "", resource: "secrets", verbs: ["get", "list", "create", "patch", "delete"] },
  { group: "", resource: "services", verbs: ["get", "create"] },
  { group: "", resource: "pods", verbs: ["get", "list"] },
  { group: "", resource: "pods/log", verbs: ["get"] },
  { group: "", resource: "pods/exec", verbs: ["create"] },
  { group: "", resource: "events", verbs: ["list"] },
  { group: "coordination.k8s.io", resource: "leases", verbs: ["get", "create", "update"] },
  { group: "apps", resource: "deployments", verbs: ["get", "list", "create", "patch"] },
  { group: "install.tetrate.io", resource: "managementplanes", verbs: ["get", "create", "patch"] },
];

/** Whether we may do what the scripts do, asked in one request. */
export async function checkPermissions(cluster: Cluster): Promise<Finding[]> {
  const review = {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SelfSubjectRulesReview",
    spec: { namespace: TSB_NAMESPACE },
  };
  const path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
  const doing = `asking ${cluster.name} what we may do`;
  // A review is a question put as a POST: nothing is stored.
  const answer: unknown = JSON.parse(
    await cluster.kubectl(["create", "--raw", path, "-f", "-"], { doing, input: JSON.stringify(review) }),
  );
  const rules = listAt(answer, "status", "resourceRules");
  const missing = NEEDS.flatMap((need) =>
    need.verbs
      .filter((verb) => !rules.some((rule) => allows(rule, need, verb)))
      .map((verb) => `${verb} ${need.resource}`),
  );
  if (missing.length === 0) return [{ level: "ok", text: `${cluster.name}: permitted to do what the scripts do` }];
  const text = `${cluster.name}: not permitted in namespace ${TSB_NAMESPACE}: ${missing.join(", ")}`;
  return [{ level: "bad", text, mend: `ask for these permissions for the user of context ${cluster.context}` }];
}

function allows(rule: unknown, need: Need, verb: string): boolean {
  const has = (key: string, wanted: string) => listAt(rule, key).some((one) => one === "*" || one === wanted);
  return has("apiGroups", need.group) && has("resources", need.resource) && has("verbs", verb);
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
