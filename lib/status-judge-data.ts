/** The databases and the keys: what a standby needs so that it could take over. */

import type { InstanceFacts, KeyFacts } from "./status-facts.ts";
import { bytes, type Finding, installTarget, isSlow, ONCE_IDLE, type Pair, when } from "./status-findings.ts";

/** One segment of Postgres's log: a standby that keeps up is within it. */
const LAG_BYTES = 16 * 1024 * 1024;
const LAG_SECONDS = 60;
/** Log that a slot keeps for a standby that does not fetch it fills the active's disk. */
const RETAINED_BYTES = 1024 ** 3;

/** Findings about databases, signing keys and the standby's service account. */
export function judgeData(pair: Pair): Finding[] {
  return [
    ...pair.actives.flatMap((one) => activeDatabase(one, pair)),
    ...pair.standbys.flatMap((one) => [...standbyDatabase(one, pair), ...standbyKeys(one, pair)]),
    ...jwks(pair),
    ...account(pair),
  ];
}

function activeDatabase(one: InstanceFacts, pair: Pair): Finding[] {
  const { database, name: about } = one;
  const [standby] = pair.standbys;
  const isBusy = isSlow(one, pair.facts);
  const retaining = database?.slots.filter((slot) => slot.retainedBytes > RETAINED_BYTES) ?? [];
  return [
    ...when(database === null, {
      ...{ code: "database-unreadable", severity: isBusy ? "degraded" : "broken", about },
      text: `the database of the active ${about} can't be asked: ${one.databaseError ?? "no answer"}`,
      mend: isBusy ? ONCE_IDLE : installTarget(one),
    }),
    ...when(database?.inRecovery === true, {
      ...{ code: "active-read-only", severity: "broken", about },
      text: `${about} is active, but its database is still in recovery: nothing can be written`,
      mend: `make failover TO=${about}`,
    }),
    ...when(!one.exposesPostgres && pair.unreachable.length + pair.standbys.length > 0, {
      ...{ code: "postgres-not-exposed", severity: "degraded", about },
      text: `service envoy on ${about} does not expose Postgres on port 5432: no standby can follow`,
      mend: installTarget(one),
    }),
    ...retaining.map(
      (slot): Finding => ({
        ...{ code: "slot-retains", severity: "degraded", about },
        text: `slot ${slot.name} on ${about} keeps back ${bytes(slot.retainedBytes)} of log${slot.active ? "" : ", and nobody reads it"}`,
        mend: standby
          ? `make standby-logs STANDBY=${standby.name}`
          : `kubectl --context ${one.context} exec -n tsb … psql: drop the slot once its standby is gone for good`,
      }),
    ),
  ];
}

function standbyDatabase(one: InstanceFacts, pair: Pair): Finding[] {
  const { database, name: about, follows } = one;
  const { active } = pair;
  const logs = `make standby-logs STANDBY=${about}`;
  const [lagBytes, lagSeconds] = [database?.lagBytes ?? 0, database?.lagSeconds ?? 0];
  const isElsewhere = active !== undefined && follows !== null && follows !== "manual" && follows !== active.dns;
  return [
    ...when(isElsewhere, {
      ...{ code: "follows-another", severity: "degraded", about },
      text: `${about} follows ${follows}, not the active (${active?.dns})`,
      mend: `make standby ACTIVE=${active?.name} STANDBY=${about}`,
    }),
    ...when(database === null, {
      ...{ code: "database-unreadable", severity: "degraded", about },
      text: `the database of the standby ${about} can't be asked: ${one.databaseError ?? "no answer"}`,
      mend: logs,
    }),
    ...when(database?.inRecovery === false, {
      ...{ code: "standby-writable", severity: "degraded", about },
      text: `the database of the standby ${about} is no standby: it takes writes, and follows nobody`,
      mend: `make rejoin MP=${about}`,
    }),
    // With the active gone there is nothing to stream from: that is another finding.
    ...when(database?.inRecovery === true && database.receiver !== "streaming" && active !== undefined, {
      ...{ code: "not-streaming", severity: "degraded", about },
      text: `${about} does not stream from the active (WAL receiver: ${database?.receiver ?? "none"})`,
      mend: logs,
    }),
    ...when(lagBytes > LAG_BYTES || (lagBytes > 0 && lagSeconds > LAG_SECONDS), {
      ...{ code: "lagging", severity: "degraded", about },
      text: `${about} is ${bytes(lagBytes)} behind, its last change ${lagSeconds.toFixed(0)} s old`,
      mend: logs,
    }),
  ];
}

function standbyKeys(one: InstanceFacts, pair: Pair): Finding[] {
  const { name: about, keys } = one;
  const { active } = pair;
  const former = pair.unreachable[0] ?? pair.fenced[0];
  const source = active?.name ?? former?.name ?? "…";
  // With no active to take them from, the copy that EXPORT= made is left.
  const secrets = `make standby-secrets ACTIVE=${source} STANDBY=${about}${active ? "" : " IMPORT=…"}`;
  const isManual = one.follows === "manual";
  return [
    ...when(keys.signing === null, {
      ...{ code: "signing-key-missing", severity: "degraded", about },
      text: `Secret iam-signing-key is missing on ${about}`,
      mend: secrets,
    }),
    ...when(differ(keys.signing, active?.keys.signing), {
      ...{ code: "signing-key-differs", severity: "degraded", about },
      text: `iam-signing-key on ${about} (${who(keys.signing)}) is not the active's (${who(active?.keys.signing)}): after a failover every token would be refused`,
      mend: `${secrets} FORCE=1`,
    }),
    ...when(!active && isForeign(keys.signing, pair), {
      ...{ code: "signing-key-differs", severity: "degraded", about },
      text: `iam-signing-key on ${about} (${who(keys.signing)}) did not sign the tokens that control planes hold`,
      mend: `${secrets} FORCE=1`,
    }),
    ...when(keys.standbyAccount === null && !isManual, {
      ...{ code: "account-secret-missing", severity: "degraded", about },
      text: `Secret tsb-standby-sa is missing on ${about}`,
      mend: secrets,
    }),
    ...when(differ(keys.standbyAccount, active?.keys.standbyAccount), {
      ...{ code: "account-secret-differs", severity: "degraded", about },
      text: `Secret tsb-standby-sa on ${about} holds another key than the active's`,
      mend: secrets,
    }),
  ];
}

/** With no active to compare with, the tokens of the control planes tell which key is the right one. */
export function isForeign(signing: KeyFacts | null, pair: Pair): boolean {
  const kids = pair.facts.controlPlanes.flatMap(({ tokenKid }) => tokenKid ?? []);
  return signing !== null && signing.kids.length > 0 && kids.some((kid) => !signing.kids.includes(kid));
}

function jwks(pair: Pair): Finding[] {
  return [...pair.actives, ...pair.standbys].flatMap((one): Finding[] => {
    const { name: about, keys } = one;
    const mend = one.role === "standby" ? `make standby-logs STANDBY=${about}` : installTarget(one);
    const lacksOwn = keys.signing?.kids.some((kid) => keys.jwks !== null && !keys.jwks.kids.includes(kid)) ?? false;
    return [
      ...when(keys.jwks === null, {
        ...{ code: "jwks-missing", severity: "degraded", about },
        text: `Secret tsb-iam-jwks, which the operator makes from iam-signing-key, is missing on ${about}`,
        mend,
      }),
      ...when(lacksOwn || (one.role === "standby" && differ(keys.jwks, pair.active?.keys.jwks)), {
        ...{ code: "jwks-differs", severity: "degraded", about },
        text: lacksOwn
          ? `tsb-iam-jwks on ${about} was not made from its iam-signing-key`
          : `tsb-iam-jwks on ${about} is not the active's`,
        mend,
      }),
    ];
  });
}

function account(pair: Pair): Finding[] {
  const { active, standbys, facts } = pair;
  const isNeeded = active && standbys.some(({ follows }) => follows !== "manual");
  if (!isNeeded) return [];
  const { accountExists, grantInForce, keyAccepted } = facts.tsb;
  const mend = `make service-account ACTIVE=${active.name}`;
  const about = active.name;
  return [
    ...when(active.keys.standbyAccount === null, {
      ...{ code: "account-secret-missing", severity: "degraded", about },
      text: `Secret tsb-standby-sa is missing on the active ${about}: it could not become a standby`,
      mend,
    }),
    ...when(accountExists === false, {
      ...{ code: "account-missing", severity: "degraded", about },
      text: "TSB has no service account tsb-standby-sa: no standby can synchronise",
      mend,
    }),
    ...when(grantInForce === false, {
      ...{ code: "grant-missing", severity: "degraded", about },
      text: "tsb-standby-sa lacks rbac/org-reader on the organisation: no standby can synchronise",
      mend,
    }),
    ...when(keyAccepted === false, {
      ...{ code: "account-key-refused", severity: "degraded", about },
      text: "the key in Secret tsb-standby-sa is not one of the account's: no standby can synchronise with it",
      mend,
    }),
  ];
}

function differ(a: KeyFacts | null | undefined, b: KeyFacts | null | undefined): boolean {
  return Boolean(a && b && a.sha256 !== b.sha256);
}

function who(key: KeyFacts | null | undefined): string {
  return key ? `kid ${key.kids.join(", ") || "none"}, sha256 ${key.sha256}` : "none";
}
