/** What clients meet: the names, the login, the control planes. */

import type { AnswerFacts, ControlPlaneFacts, InstanceFacts, NameFacts } from "./status-facts.ts";
import { type Finding, ONCE_IDLE, type Pair, when } from "./status-findings.ts";

/** A floating name that resolvers keep for longer is downtime. */
const TTL_SECONDS = 300;

/** Findings about names, the login through the floating name, and control planes. */
export function judgeOutside(pair: Pair): Finding[] {
  return [
    ...floating(pair),
    ...pair.actives.flatMap((one) => permanent(one, pair)),
    ...login(pair),
    ...pair.facts.controlPlanes.flatMap((one) => controlPlane(one, pair)),
  ];
}

function floating(pair: Pair): Finding[] {
  const { active, floatHolder, facts } = pair;
  const { name, authority } = facts.floating;
  const about = "floating";
  // With no active, or two, the role is to be mended first; the name follows.
  if (!active) return [];
  const mend = `make active-dns ACTIVE=${active.name}`;
  if (authority.kind === "failed")
    return [
      {
        ...{ code: "dns-no-answer", severity: "degraded", about, mend: "check DNS_SERVER and DNS_RESOLVER" },
        text: `${authority.server} does not answer for ${name}: ${authority.text}`,
      },
    ];
  if (floatHolder !== active) {
    const text = floatHolder
      ? `${name} leads to ${floatHolder.name}, not to the active ${active.name}`
      : `${name} does not lead to the active ${active.name}: ${authority.text}`;
    return [
      { code: "float-elsewhere", severity: "broken", about, text, mend: `${mend}${floatHolder ? " FORCE=1" : ""}` },
    ];
  }
  return [
    ...stale(facts.floating, about, mend),
    ...when((authority.ttlSeconds ?? 0) > TTL_SECONDS, {
      ...{ code: "ttl-high", severity: "degraded", about },
      text: `${name} is kept by resolvers for ${authority.ttlSeconds} s: after a failover clients would be that late`,
      mend: `set DNS_TTL, then ${mend}`,
    }),
  ];
}

function permanent(one: InstanceFacts, pair: Pair): Finding[] {
  const { name, authority } = one.permanentName;
  const mend = `make active-dns ACTIVE=${one.name}`;
  if (one.address === null)
    return [
      {
        ...{ code: "no-address", severity: "broken", about: one.name, mend },
        text: `service envoy on the active ${one.name} has no address`,
      },
    ];
  if (authority.kind === "failed") return [];
  const leadsThere = authority.addresses.includes(one.address) || authority.cname === one.address;
  if (!leadsThere)
    return [
      {
        ...{
          code: "permanent-elsewhere",
          severity: pair.active === one ? "broken" : "degraded",
          about: one.name,
          mend,
        },
        text: `${name} does not lead to ${one.address}, the front envoy of ${one.name}: ${authority.text}`,
      },
    ];
  return stale(one.permanentName, one.name, mend);
}

/** A resolver that still answers something else than the zone's own server. */
function stale({ name, authority, resolver }: NameFacts, about: string, mend: string): Finding[] {
  return when(!isSame(authority, resolver), {
    ...{ code: "resolver-differs", severity: "degraded", about, mend: `wait for its time to live, then: ${mend}` },
    text: `${name}: ${resolver.server} answers: ${resolver.text}; ${authority.server}: ${authority.text}`,
  });
}

function isSame(a: AnswerFacts, b: AnswerFacts): boolean {
  // A server that has the zone only does not follow a CNAME out of it: what both know must agree.
  const addresses = a.addresses.length === 0 || b.addresses.length === 0 || a.addresses.join() === b.addresses.join();
  return a.kind === b.kind && a.cname === b.cname && addresses;
}

function login(pair: Pair): Finding[] {
  const { tsb, floating: name } = pair.facts;
  if (tsb.login === "not asked") {
    const text = `TSB's API was not asked: ${tsb.error}`;
    return [{ code: "tsb-not-asked", severity: "info", about: "pair", text, mend: "set TSB_ORG, TSB_ADMIN_PASSWORD" }];
  }
  if (tsb.login === "late")
    return [
      {
        ...{ code: "tsb-slow", severity: "degraded", about: "floating" },
        text: `TSB answers through ${name.name}, but not in time to be asked what it knows: ${tsb.error}`,
        mend: ONCE_IDLE,
      },
    ];
  return when(tsb.login === "failed" && pair.active !== undefined, {
    ...{ code: "login-failed", severity: "broken", about: "floating" },
    text: `no login through ${name.name}: ${tsb.error}`,
    mend: "make active-login",
  });
}

function controlPlane(one: ControlPlaneFacts, pair: Pair): Finding[] {
  const { name: about, host } = one;
  const onboard = `make onboard CLUSTER_NAME=${about}`;
  const float = pair.facts.floating.name;
  const signing = pair.active?.keys.signing;
  return [
    ...when(one.status !== null && one.status !== "READY", {
      ...{ code: "control-plane-not-ready", severity: "degraded", about, mend: onboard },
      text: `control plane ${about} is ${one.status} ${one.message ?? ""}`.trim(),
    }),
    ...when(host !== null && host !== float, {
      ...{ code: "control-plane-host", severity: "degraded", about, mend: onboard },
      text: `control plane ${about} dials ${host}, not the floating name: a failover would lose it`,
    }),
    ...when(one.reachable === false, {
      ...{ code: "control-plane-unreachable", severity: "degraded", about },
      text: `the cluster of control plane ${about} can't be reached: ${one.error}`,
      mend: `check context ${one.context}`,
    }),
    ...when(one.edgeReady === false && host !== null, {
      ...{ code: "edge-not-ready", severity: "degraded", about, mend: onboard },
      text: `deployment edge of control plane ${about} is not ready`,
    }),
    ...when(Boolean(one.tokenKid && signing && signing.kids.length > 0 && !signing.kids.includes(one.tokenKid)), {
      ...{ code: "control-plane-token", severity: "degraded", about },
      text: `the token of control plane ${about} was signed with another key (kid ${one.tokenKid}) than the active's`,
      mend: `kubectl --context ${one.context} rollout restart deploy/edge -n istio-system`,
    }),
  ];
}
