/** Who is what: two actives or none, instances out of reach, role changes that were not finished. */

import type { InstanceFacts, RoleChangeFacts } from "./status-facts.ts";
import { type Finding, isServedUnseen, type Pair, when } from "./status-findings.ts";

/** Findings about roles, reachability and role changes. */
export function judgeRoles(pair: Pair): Finding[] {
  return [
    ...twoActives(pair),
    ...noActive(pair),
    ...pair.unreachable.map((one) => unreachable(one, pair)),
    ...wrongClusters(pair),
    ...roleChanges(pair),
    ...pair.fenced.flatMap((one) => fenced(one, pair)),
    // A former active waits to be the standby, or an instance is out of reach: said already.
    ...when(pair.standbys.length + pair.fenced.length + pair.unreachable.length === 0 && pair.active !== undefined, {
      code: "no-standby",
      severity: "degraded",
      about: "pair",
      text: "there is no standby: nothing could take over",
      mend: `make standby ACTIVE=${pair.active?.name}${standbyToBe(pair)}`,
    }),
  ];
}

function standbyToBe(pair: Pair): string {
  const empty = pair.facts.instances.find(({ role }) => role === "none");
  return empty ? ` STANDBY=${empty.name}` : " STANDBY=…";
}

function twoActives(pair: Pair): Finding[] {
  if (pair.actives.length < 2) return [];
  const names = pair.actives.map(({ name }) => name).join(" and ");
  const change = newestChange(pair);
  const former = pair.actives.find(({ name }) => name === change?.from) ?? nonHolder(pair);
  const how = change ? ` (${change.kind} from ${change.from} to ${change.to}, ${change.startedAt})` : "";
  return [
    {
      code: "two-actives",
      severity: "broken",
      about: "pair",
      text: `TWO ACTIVES: ${names} both serve; what is written to one is missing on the other${how}`,
      mend: former ? `make rejoin MP=${former.name}` : "make rejoin MP=… (the one that should not be active)",
    },
  ];
}

function nonHolder(pair: Pair): InstanceFacts | undefined {
  return pair.floatHolder && pair.actives.find((one) => one !== pair.floatHolder);
}

function noActive(pair: Pair): Finding[] {
  if (pair.actives.length > 0 || isServedUnseen(pair)) return [];
  const [standby] = pair.standbys;
  const [stopped] = pair.fenced;
  const change = unfinished(pair);
  const mend = change
    ? finishing(change, pair)
    : standby
      ? `make failover TO=${standby.name}`
      : stopped && pair.unreachable.length > 0
        ? `make failover TO=${stopped.name} (lets it serve again)`
        : stopped
          ? `kubectl --context ${stopped.context} scale deploy -n tsb tsb iam --replicas 1`
          : pair.unreachable.length > 0
            ? "make preflight (shows what is in the way)"
            : "make active";
  const where = pair.unreachable.map(({ name }) => name).join(" and ");
  const text = where ? `NO ACTIVE in reach (${where} can't be asked)` : "NO ACTIVE: nothing is served";
  return [{ code: "no-active", severity: "broken", about: "pair", text, mend }];
}

function unreachable(one: InstanceFacts, pair: Pair): Finding {
  const { because = "", lastSeenAt = null } = one.unreachable ?? {};
  const since = lastSeenAt ? `last seen ${lastSeenAt}` : "never seen from here";
  const isActive = pair.actives.length === 0 && (pair.floatHolder === one || pair.floatHolder === undefined);
  const text = `${one.name} can't be reached, ${since}: ${because}`;
  if (one.context === null) {
    const mend = `set ${one.name.toUpperCase()}_CONTEXT`;
    return { code: "no-context", severity: "degraded", about: one.name, text, mend };
  }
  const [standby] = pair.standbys;
  const preflight = `make preflight (shows what is in the way of context ${one.context})`;
  if (isActive && isServedUnseen(pair)) {
    const served = `${text}; but users are served through ${pair.facts.floating.name}`;
    return { code: "active-unreachable", severity: "degraded", about: one.name, text: served, mend: preflight };
  }
  if (isActive && standby)
    return {
      ...{ code: "active-unreachable", severity: "broken", about: one.name, text },
      mend: `make failover TO=${standby.name}`,
    };
  const severity = isActive ? "broken" : "degraded";
  return { code: "instance-unreachable", severity, about: one.name, text, mend: preflight };
}

function wrongClusters({ reachable }: Pair): Finding[] {
  return reachable.flatMap((one, i): Finding[] => {
    const about = one.name;
    const variable = `${one.name.toUpperCase()}_CONTEXT`;
    const twin = reachable.slice(0, i).find(({ clusterUid }) => clusterUid === one.clusterUid);
    const isOther = one.knownUid !== null && one.knownUid !== one.clusterUid;
    return [
      ...when(twin !== undefined, {
        ...{ code: "same-cluster", severity: "broken", about },
        text: `contexts ${one.context} and ${twin?.context} lead to one and the same cluster`,
        mend: `set ${variable}`,
      }),
      ...when(isOther, {
        ...{ code: "another-cluster", severity: "broken", about },
        text: `context ${one.context} leads to another cluster than the one ${one.name} was installed on`,
        mend: `set ${variable}; or, if ${one.name} was rebuilt, remove ${one.name}/cluster-uid from the state folder`,
      }),
    ];
  });
}

/** The record of the latest role change that any instance holds. */
function newestChange(pair: Pair): RoleChangeFacts | undefined {
  const records = pair.reachable.flatMap(({ roleChange }) => roleChange ?? []);
  return records.sort((a, b) => b.startedAt.localeCompare(a.startedAt))[0];
}

function unfinished(pair: Pair): RoleChangeFacts | undefined {
  const change = newestChange(pair);
  return change?.finishedAt === null ? change : undefined;
}

/** What ends a role change that was begun: it again; a failover in its place, when the old active is gone. */
function finishing({ kind, from, to }: RoleChangeFacts, { facts }: Pair): string {
  const named = (name: string) => facts.instances.find((one) => one.name === name);
  if (named(from)?.unreachable) return `make failover TO=${to}`;
  return `make ${kind} TO=${to}${named(to)?.role === "standby" ? " (or take it back: UNDO=1)" : ""}`;
}

function roleChanges(pair: Pair): Finding[] {
  const change = newestChange(pair);
  if (!change) return [];
  const { kind, from, to, phase, startedAt } = change;
  const old = pair.facts.instances.find(({ name }) => name === from);
  const isHarmless = old?.role === "standby" || old?.role === "none" || old?.isFenced === true;
  // Its operator may have scaled it up again: what is written there now has to reach the standby, too.
  const isServing = old !== undefined && pair.actives.includes(old);
  return [
    ...when(change.finishedAt === null, {
      ...{ code: "role-change-unfinished", severity: "broken", about: to },
      text: `${kind} from ${from} to ${to}, begun ${startedAt}, is not finished (${phase})${isServing ? `; ${from} is not fenced` : ""}`,
      mend: finishing(change, pair),
    }),
    ...when(change.unfencedOldActive && !isHarmless, {
      ...{ code: "old-active-unfenced", severity: "broken", about: from },
      text: `${from} COULD NOT BE FENCED in the ${kind} of ${startedAt}: when it comes back, it is a second active`,
      mend: `make rejoin MP=${from} (as soon as ${from} can be reached)`,
    }),
  ];
}

function fenced(one: InstanceFacts, pair: Pair): Finding[] {
  const isReplaced = pair.actives.some((active) => active !== one);
  if (!isReplaced && pair.standbys.length === 0) return [];
  const change = unfinished(pair);
  const serve = `kubectl --context ${one.context} scale deploy -n tsb tsb iam --replicas 1`;
  const text = isReplaced
    ? `${one.name} is a former active, fenced (tsb and iam scaled to 0), not yet a standby`
    : `${one.name} is the active, but fenced: tsb and iam are scaled to 0`;
  return [
    {
      ...{ code: "fenced", severity: isReplaced ? "degraded" : "broken", about: one.name, text },
      mend: isReplaced
        ? `make rejoin MP=${one.name}`
        : change
          ? finishing(change, pair)
          : `${serve}; or promote the standby: make failover TO=${pair.standbys[0]?.name}`,
    },
  ];
}
