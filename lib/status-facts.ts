/** What `status` knows: plain data, as it stands in its JSON. docs/status.md describes every field. */

import type { Role } from "./management-plane.ts";

/** Everything that was gathered at one moment. */
export interface StatusFacts {
  /** ISO 8601. */
  at: string;
  floating: NameFacts;
  instances: InstanceFacts[];
  tsb: TsbFacts;
  controlPlanes: ControlPlaneFacts[];
}

/** A name as three servers answer for it; servers that are one and the same are asked once. */
export interface NameFacts {
  name: string;
  /** The server that takes updates (DNS_SERVER), else as `resolver`. */
  authority: AnswerFacts;
  /** DNS_RESOLVER, else the system's resolver. */
  resolver: AnswerFacts;
  system: AnswerFacts;
}

export interface AnswerFacts {
  server: string;
  /** "found", "absent" (no such name), "empty" (no address), "failed" (no answer). */
  kind: "found" | "absent" | "empty" | "failed";
  cname: string | null;
  addresses: string[];
  ttlSeconds: number | null;
  /** The same in words. */
  text: string;
}

export interface InstanceFacts {
  /** "mp1" */
  name: string;
  /** The permanent FQDN. */
  dns: string;
  context: string | null;
  /** Null where it is reachable. */
  unreachable: { because: string; lastSeenAt: string | null } | null;
  /** UID of namespace kube-system; `knownUid` is the one that was there when we installed on it. */
  clusterUid: string | null;
  knownUid: string | null;
  /** Null where it is not known. */
  role: Role | null;
  /** Standby: the host whose synchronisation endpoint it asks; "manual" with replication settings of the user's own. */
  follows: string | null;
  /** What the operator is not content with. */
  complaints: string[];
  release: ReleaseFacts | null;
  /** The operator's image tag. */
  version: string | null;
  workloads: WorkloadFacts[];
  /** `tsb` and `iam` are scaled to 0: nothing is served or written. */
  isFenced: boolean;
  /** Of service envoy. */
  address: string | null;
  exposesPostgres: boolean;
  permanentName: NameFacts;
  database: DatabaseFacts | null;
  databaseError: string | null;
  keys: { signing: KeyFacts | null; jwks: KeyFacts | null; standbyAccount: KeyFacts | null };
  certificates: CertificateFacts[];
  roleChange: RoleChangeFacts | null;
}

export interface ReleaseFacts {
  name: string;
  status: string;
  revision: number;
  chartVersion: string;
}

export interface WorkloadFacts {
  name: string;
  ready: number;
  wanted: number;
  isReady: boolean;
}

export interface DatabaseFacts {
  inRecovery: boolean;
  /** Standby: "streaming", or null without a WAL receiver. */
  receiver: string | null;
  senderHost: string | null;
  lsn: string;
  /** Standby: bytes behind the active's database; null where that can't be read. */
  lagBytes: number | null;
  /** Standby: 0 when it has everything, else the age of the last change that it replayed. */
  lagSeconds: number | null;
  /** Standby: age of the last change that it replayed. */
  replayAgeSeconds: number | null;
  /** Primary. */
  senders: { state: string; lagBytes: number }[];
  slots: { name: string; active: boolean; retainedBytes: number }[];
}

/** What may be told of a key. */
export interface KeyFacts {
  /** Every `kid` in it. */
  kids: string[];
  /** First 12 hexadecimal digits of a SHA-256 over it: alike where the keys are. */
  sha256: string;
}

export interface CertificateFacts {
  /** The Secret, "tsb-certs" or "xcp-central-cert", or "root". */
  name: string;
  /** Null where there is none, or it can't be read. */
  notAfter: string | null;
  daysLeft: number | null;
  /** DNS names. */
  names: string[];
  /** First 12 hexadecimal digits of the SHA-256 fingerprint. */
  sha256: string | null;
  /** Leaves: covers the permanent, and the floating name; signed by the root beside it; the key is its own. */
  coversOwn: boolean | null;
  coversFloating: boolean | null;
  isSignedByRoot: boolean | null;
  isKeyItsOwn: boolean | null;
}

/** The record that a role change leaves on the new active. */
export interface RoleChangeFacts {
  id: string;
  kind: "switchover" | "failover";
  from: string;
  to: string;
  phase: string;
  startedAt: string;
  finishedAt: string | null;
  outcome: string | null;
  /** The old active could not be fenced: it may come back as a second active. */
  unfencedOldActive: boolean;
}

/** What TSB's API says, asked with tctl through the floating name. */
export interface TsbFacts {
  /** "ok"; "failed", "late" (TSB answers, but tctl had no answer in time), "not asked": see `error`. */
  login: "ok" | "failed" | "late" | "not asked";
  error: string | null;
  /** The standby's service account; null where it is not known. */
  accountExists: boolean | null;
  grantInForce: boolean | null;
  /** The key in the active's Secret is one of the account's. */
  keyAccepted: boolean | null;
}

export interface ControlPlaneFacts {
  name: string;
  /** As the management plane calls it: "READY"; null where it can't be asked. */
  status: string | null;
  message: string | null;
  context: string | null;
  /** Null: no kube context is known for it. */
  reachable: boolean | null;
  error: string | null;
  /** The host and port that its ControlPlane resource dials. */
  host: string | null;
  port: number | null;
  edgeReady: boolean | null;
  /** Who signed the token with which it talks to the management plane. */
  tokenKid: string | null;
}
