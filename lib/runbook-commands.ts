/** The single steps of a role change as commands for a shell. Source: TSB's documentation, failover; the guide. */

import { CP_NAMESPACE } from "./onboarding.ts";

/** An instance with the context of its cluster. */
export interface Place {
  /** "mp1" */
  name: string;
  /** The permanent FQDN. */
  dns: string;
  context: string;
}

/** What the commands are made of: names and paths of the user's own, no secrets. */
export interface RunbookNames {
  active: Place;
  others: readonly Place[];
  floating: string;
  port: number;
  organisation: string;
  /** "/charts/managementplane.tgz", or "managementplane --repo URL", and the version. */
  chart: string;
  version: string;
  certManager: string;
  /** Where dynamic updates go; undefined with another DNS provider. */
  dns: { server: string; serverPort: number; zone: string; keyFile: string } | undefined;
  ttl: number;
  rootCa: string;
  controlPlanes: readonly { name: string; context: string }[];
}

/** A word as a shell reads it. */
export function quoted(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** kubectl, bound to a place. */
export function kubectl(place: { context: string }, args: string): string {
  return `kubectl --context ${quoted(place.context)} ${args}`;
}

/** A function for SQL in a place's Postgres pod; every other SQL command uses it. */
export const SQL_FUNCTION = [
  "sql() {  # sql CONTEXT STATEMENT: in the Postgres pod there, as its superuser",
  '  kubectl --context "$1" exec -n tsb "$(kubectl --context "$1" get pods -n tsb -l app=tsb-postgres -o name | head -n 1)" -- \\',
  '    psql -X -A -t -v ON_ERROR_STOP=1 -U postgres -d postgres -c "$2"',
  "}",
];

/** SQL in a place's database. */
export function sql(place: Place, statement: string): string {
  return `sql ${quoted(place.context)} "${statement}"`;
}

/** Scales `tsb` and `iam` to 0, and waits until their pods are gone. */
export function fence(place: Place): string[] {
  const pods = `${kubectl(place, "get pods -n tsb -o name")} | grep -E '^pod/(tsb|iam)-[0-9a-z]+-[0-9a-z]{5}$'`;
  return [kubectl(place, "scale deploy -n tsb tsb iam --replicas 0"), `while ${pods}; do sleep 1; done`];
}

/** Compares keys by hash: they are never on the screen. */
export function compareKeys(places: readonly Place[]): string[] {
  return places.map((place) =>
    kubectl(place, `get secret iam-signing-key -n tsb -o jsonpath='{.data}' | sha256sum  # ${place.name}`),
  );
}

/**
 * Turns a release into another role: the values stay, `spec.highAvailability` alone changes. The old role is cut out of
 * the values as helm prints them, since `--reuse-values --set …=null` leaves it in.
 */
export function changeRelease(place: Place, names: RunbookNames, settings: readonly string[]): string[] {
  const to = `-n tsb --kube-context ${quoted(place.context)}`;
  const kept = `${place.name}-values.yaml`;
  const set = settings.map((one) => `--set ${one}`).join(" \\\n  ");
  return [
    `(umask 077; helm get values mp ${to} -o yaml > ${kept}) && \\`,
    `sed -E '/^  highAvailability:/,/^ {0,2}[^ ]/{/^  highAvailability:/d;/^ {4}/d}' ${kept} | \\`,
    `helm upgrade mp ${names.chart} --version ${quoted(names.version)} ${to} -f - \\`,
    ...`  ${set}`.split("\n"),
    kubectl(place, `get managementplane managementplane -n tsb -o jsonpath='{.spec.highAvailability}{"\\n"}'`),
  ];
}

/** Proof that a database takes writes: not a label, a write. */
export function proveWritable(place: Place): string[] {
  const recovery = sql(place, "select pg_is_in_recovery()");
  return [
    `until [ "$(${recovery})" = f ]; do sleep 1; done`,
    sql(place, "create table runbook_proof (); drop table runbook_proof"),
  ];
}

/** Waits for the front envoy's address, which the DNS commands use, and for everything else. */
export function waitForFrontEnvoy(place: Place): string[] {
  const path = "{.status.loadBalancer.ingress[0].ip}{.status.loadBalancer.ingress[0].hostname}";
  const address = kubectl(place, `get service envoy -n tsb --ignore-not-found -o jsonpath='${path}'`);
  return [
    `until ADDRESS=$(${address}); [ -n "$ADDRESS" ]; do sleep 2; done; echo "$ADDRESS"`,
    kubectl(place, "wait deploy --all -n tsb --for=condition=Available --timeout=600s"),
    kubectl(place, "get service envoy -n tsb  # its ports must have 5432"),
  ];
}

/** Both names in one update, so that the floating name is never without a record. Needs ADDRESS. */
export function moveNames(place: Place, names: RunbookNames): string[] {
  const { dns, floating } = names;
  if (!dns) return [];
  const clear = (name: string) => ["A", "AAAA", "CNAME"].map((type) => `update delete ${name}. ${type}`);
  return [
    'case $ADDRESS in *:*) TYPE=AAAA ;; *[a-z]*) TYPE=CNAME ADDRESS="$ADDRESS." ;; *) TYPE=A ;; esac',
    `nsupdate -v -k ${quoted(dns.keyFile)} <<EOF`,
    `server ${dns.server} ${dns.serverPort}`,
    `zone ${dns.zone}.`,
    ...clear(place.dns),
    `update add ${place.dns}. ${names.ttl} $TYPE $ADDRESS`,
    ...clear(floating),
    `update add ${floating}. ${names.ttl} CNAME ${place.dns}.`,
    "send",
    "EOF",
    `dig @${dns.server} -p ${dns.serverPort} ${floating} +noall +answer`,
  ];
}

/** A login through the floating name. The password is typed, on a line of its own: pasted, the next line would be it. */
export function login(names: RunbookNames): { prepare: string[]; type: string[]; login: string[] } {
  const { floating, port, organisation, rootCa } = names;
  return {
    prepare: [
      "export TCTL_CONFIG=$(mktemp)",
      `tctl config clusters set runbook --bridge-address ${floating}:${port} --tls-custom-ca-file ${quoted(rootCa)}`,
      `tctl config users set runbook --org ${organisation} --username admin`,
      "tctl config profiles set runbook --cluster runbook --username runbook",
      "tctl config profiles set-current runbook",
      `export TCTL_LOGIN_ORG=${organisation} TCTL_LOGIN_TENANT= TCTL_LOGIN_USERNAME=admin`,
    ],
    type: ["read -rsp 'password of admin: ' TCTL_LOGIN_PASSWORD; export TCTL_LOGIN_PASSWORD"],
    login: ["until tctl login; do sleep 2; done; unset TCTL_LOGIN_PASSWORD", `tctl get org ${organisation}`],
  };
}

/** For a control plane that does not come back by itself. */
export function reconnect(plane: { context: string }): string[] {
  const secrets = "otel-token oap-token ngac-token xcp-edge-central-auth-token";
  return [
    kubectl(plane, `rollout restart deploy/edge -n ${CP_NAMESPACE}`),
    "# and only if it is not READY a minute later:",
    kubectl(plane, `delete secret ${secrets} -n ${CP_NAMESPACE}`),
  ];
}

/** Where the database's claims are deleted: by name, and no others. */
export function deleteClaims(place: Place): string[] {
  const claims = kubectl(place, "get pvc -n tsb -o name");
  return [
    `CLAIMS=$(${claims} | grep -E '/postgres-db-tsb-postgres-[0-9]+-[0-9]+$'); echo "$CLAIMS"`,
    kubectl(place, "delete -n tsb --wait=false $CLAIMS"),
    kubectl(place, "delete pods -n tsb -l app=tsb-postgres --ignore-not-found"),
  ];
}
