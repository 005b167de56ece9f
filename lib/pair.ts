/** The instances as they are now: role, database, journal; asked of the clusters themselves. */

import { Cluster, find, TSB_NAMESPACE } from "./cluster.ts";
import { contextVariable, type Settings } from "./config.ts";
import { SettingsError, StepError } from "./errors.ts";
import { type Identified, identify, identityProblems } from "./identity.ts";
import { JOURNAL, type Journal, journalIn } from "./journal.ts";
import { textAt } from "./json.ts";
import { MANAGEMENT_PLANE, type Role, roleOf } from "./management-plane.ts";
import * as output from "./output.ts";
import { type DatabaseState, readDatabase } from "./replication.ts";
import type { State } from "./state.ts";

/** One instance, and what could be learnt of it. */
export interface Member {
  /** "mp1". */
  name: string;
  /** Permanent FQDN. */
  dns: string;
  cluster: Cluster;
  /** Why its API server can't be reached; undefined when it can. */
  unreachable: string | undefined;
  role: Role;
  /** The permanent FQDN that a standby synchronises from. */
  follows: string | undefined;
  /** The role change that led to this instance. */
  journal: Journal | undefined;
  /** Undefined when Postgres does not answer; `trouble` says why. */
  database: DatabaseState | undefined;
  trouble: string | undefined;
}

type PairSettings = Pick<Settings, "instances" | "REQUEST_TIMEOUT">;

/**
 * Looks at every instance, side by side. One that can't be reached is part of the picture, not an error.
 * @throws SettingsError (exit 2) when an instance has no context, or a context leads to the wrong cluster
 */
export async function readPair(settings: PairSettings, state: State): Promise<Member[]> {
  const named = settings.instances.flatMap(({ name, dns, context }) => {
    if (context) return [{ name, dns, context }];
    // One that is only planned is passed over; one that we installed must not be forgotten in a role change.
    if (state.read(name, "cluster-uid") === undefined) return [];
    const what = `is not set, but ${name} was installed from here`;
    throw new SettingsError([{ variable: contextVariable(name), what, mend: "give its kube context" }]);
  });
  const options = { state, requestTimeout: settings.REQUEST_TIMEOUT };
  const reached: Identified[] = [];
  const members = await Promise.all(
    named.map(async (one): Promise<Member> => {
      try {
        const identified = await identify(one, options);
        reached.push(identified);
        return await readMember(one, identified.cluster);
      } catch (error) {
        if (!(error instanceof StepError)) throw error;
        return blank(one, new Cluster(one.name, one.context, options), reason(error));
      }
    }),
  );
  const problems = identityProblems(reached, state);
  if (problems.length > 0) throw new SettingsError(problems);
  return members;
}

/**
 * One instance that could not be reached, once more.
 * @throws StepError when its context leads to another cluster than before
 */
export async function readAgain(before: Member, settings: PairSettings, state: State): Promise<Member> {
  const { name, cluster } = before;
  const options = { state, requestTimeout: settings.REQUEST_TIMEOUT };
  try {
    const identified = await identify({ name, context: cluster.context }, options);
    const [problem] = identityProblems([identified], state);
    if (!problem) return await readMember(before, identified.cluster);
    throw new StepError(`${problem.variable} ${problem.what}`, { next: problem.mend, isFinal: true });
  } catch (error) {
    if (!(error instanceof StepError) || error.isFinal) throw error;
    return { ...before, unreachable: reason(error) };
  }
}

/** One instance as it is now; its API server is known to answer. */
export async function readMember(names: { name: string; dns: string }, cluster: Cluster): Promise<Member> {
  const resources = [`${MANAGEMENT_PLANE}/managementplane`, `configmap/${JOURNAL}`];
  const [objects, database] = await Promise.all([
    cluster.get(resources, { namespace: TSB_NAMESPACE }),
    readDatabase(cluster).catch((error: unknown) => {
      if (error instanceof StepError) return error;
      throw error;
    }),
  ]);
  const managementPlane = find(objects, "ManagementPlane", "managementplane");
  const standby = ["spec", "highAvailability", "standby"];
  const isAway = database instanceof StepError;
  return {
    ...blank(names, cluster, undefined),
    role: roleOf(managementPlane),
    follows:
      textAt(managementPlane, ...standby, "activeMpSynchronizationEndpoint", "host") ??
      textAt(managementPlane, ...standby, "embeddedPostgresReplicationSettings", "host"),
    journal: journalIn(find(objects, "ConfigMap", JOURNAL)),
    database: isAway ? undefined : database,
    trouble: isAway ? reason(database) : undefined,
  };
}

function blank(
  { name, dns }: { name: string; dns: string },
  cluster: Cluster,
  unreachable: string | undefined,
): Member {
  const nothing = { role: "none", follows: undefined, journal: undefined, database: undefined } as const;
  return { name, dns, cluster, unreachable, ...nothing, trouble: unreachable };
}

function reason(error: StepError): string {
  return [error.message, ...error.details.slice(-2, -1)].join(": ");
}

/** Shows the pair as a table on standard output. @param float what the floating name is, in words */
export function showPair(title: string, members: readonly Member[], float: string): void {
  const rows = members.map((member) => [
    member.name,
    member.unreachable ? "unreachable" : member.role,
    databaseInWords(member),
    member.database?.lsn ?? "-",
    member.role === "standby" ? (member.follows ?? "-") : "-",
  ]);
  output.result(title);
  output.result(output.table([["INSTANCE", "ROLE", "POSTGRES", "LSN", "FOLLOWS"], ...rows]));
  output.result(`floating name: ${float}`);
}

function databaseInWords({ database, unreachable }: Member): string {
  if (unreachable) return "unknown";
  if (!database) return "does not answer";
  if (!database.inRecovery) return "primary";
  return `standby, ${database.receiver ?? "not streaming"}`;
}

/** The instance of that name. @throws StepError when the settings give it no context */
export function memberNamed(members: readonly Member[], name: string): Member {
  const member = members.find((one) => one.name === name);
  if (member) return member;
  throw new StepError(`${name} has no kube context in the settings`, { next: `set ${name.toUpperCase()}_CONTEXT` });
}

/** Whether an instance is installed as an active. */
export function isActive({ role }: Member): boolean {
  return role === "active" || role === "single";
}

/**
 * Whether a standby was promoted. What counts is what the cluster says: the journal is written a moment before the
 * promotion.
 */
export function isPromoted(to: Member): boolean {
  return to.role !== "standby" || to.database?.inRecovery === false;
}
