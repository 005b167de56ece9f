#!/usr/bin/env bats
# The guide's steps for the standby: what they leave behind, seen with kubectl, helm, openssl, psql and tctl.
# bats sets output, lines and stderr.
# shellcheck disable=SC2154,SC2016

load helper

setup_file() { installed_lab; }
setup() { in_lab; }

@test "standby-secrets: both secrets are the active's, without what tied them to its cluster" {
  local name
  for name in iam-signing-key tsb-standby-sa; do
    is "$(on mp2 get secret "$name" -n tsb -o jsonpath='{.data}')" "$(on mp1 get secret "$name" -n tsb -o jsonpath='{.data}')"
    run -0 on mp2 get secret "$name" -n tsb -o jsonpath='{.metadata.ownerReferences}{.metadata.annotations}'
    is "$output" ""
  done
}

@test "standby-secrets: tsb-iam-jwks was not carried but generated, for the same key" {
  on mp2 get secret tsb-iam-jwks -n tsb
  is "$(on mp2 get secret tsb-iam-jwks -n tsb -o jsonpath='{.data}')" "$(on mp1 get secret tsb-iam-jwks -n tsb -o jsonpath='{.data}')"
}

@test "standby-cert-manager: the release has the guide's values, and its webhook is available" {
  run -0 helm get values cert-manager -n cert-manager --kube-context mp2 -o json
  is "$output" '{"featureGates":"ExperimentalCertificateSigningRequestControllers=true","installCRDs":true}'
  on mp2 wait deployment cert-manager-webhook -n cert-manager --for=condition=Available --timeout=60s
  on mp2 get crd certificates.cert-manager.io
}

@test "standby-install: its values are the active's but for certificates and role" {
  local name
  for name in mp1 mp2; do
    helm get values mp -n tsb --kube-context "$name" -o json >"$BATS_TEST_TMPDIR/$name.json"
  done
  run -0 node -e '
    const [active, standby] = ["mp1", "mp2"].map((name) => JSON.parse(fs.readFileSync(`${process.argv[1]}/${name}.json`, "utf8")));
    const { deepEqual, notEqual } = require("node:assert/strict");
    deepEqual(standby.spec.highAvailability, {
      standby: { activeMpSynchronizationEndpoint: { host: process.env.MP1_DNS, port: Number(process.env.MP_PORT), selfSigned: true } },
    });
    notEqual(standby.secrets.tsb.cert, active.secrets.tsb.cert);
    notEqual(standby.secrets.xcp.central.key, active.secrets.xcp.central.key);
    for (const { spec, secrets } of [active, standby]) {
      delete spec.highAvailability;
      delete secrets.tsb.cert; delete secrets.tsb.key; delete secrets.xcp.central;
    }
    deepEqual(standby, active);' "$BATS_TEST_TMPDIR"
}

@test "standby-install: its certificates are its own, for its permanent and the floating name, from the active's root" {
  local name
  on mp1 get secret xcp-central-cert -n tsb -o jsonpath='{.data.ca\.crt}' | base64 -d >"$BATS_TEST_TMPDIR/root"
  for name in tsb-certs xcp-central-cert; do
    on mp2 get secret "$name" -n tsb -o jsonpath='{.data.tls\.crt}' | base64 -d >"$BATS_TEST_TMPDIR/leaf"
    run -0 openssl verify -x509_strict -CAfile "$BATS_TEST_TMPDIR/root" -verify_hostname "$MP2_DNS" "$BATS_TEST_TMPDIR/leaf"
    run -0 openssl verify -x509_strict -CAfile "$BATS_TEST_TMPDIR/root" -verify_hostname "$MP_FLOAT_DNS" "$BATS_TEST_TMPDIR/leaf"
    run ! openssl verify -CAfile "$BATS_TEST_TMPDIR/root" -verify_hostname "$MP1_DNS" "$BATS_TEST_TMPDIR/leaf"
  done
}

@test "standby-install: the database is read-only and streams from the active's permanent name" {
  is "$(sql mp2 "select pg_is_in_recovery()")" t
  is "$(sql mp2 "select status, sender_host from pg_stat_wal_receiver")" "streaming|$MP1_DNS"
  is "$(sql mp1 "select state from pg_stat_replication")" streaming
}

@test "standby-install: only a limited set of services runs, and no front envoy" {
  run -0 on mp2 get service,deployment -n tsb -o name
  lacks "$output" envoy
  lacks "$output" deployment.apps/tsb$'\n'
}

@test "standby: configuration written through the floating name arrives in its PostgreSQL" {
  local name=arrives-$$
  in_standby() { is "$(sql mp2 "select spec->>'displayName' from objects where kind = 'Tenant' and metadata->>'name' = '$name'" tsb)" "Written $1"; }
  export TCTL_CONFIG=$STATE_DIR/tctl/config.yaml
  tctl apply -f - <<YAML
apiVersion: api.tsb.tetrate.io/v2
kind: Tenant
metadata: {organization: $TSB_ORG, name: $name}
spec: {displayName: Written $$}
YAML
  eventually in_standby $$
  run -0 --separate-stderr node --import tsx tests/lab/show-replicated.ts "$name"
  has "$output" streaming
  tctl delete tenant "$name"
}

@test "standby-logs: ends when the standby synchronises, with the operator's log on standard output" {
  run -0 --separate-stderr step standby-logs
  has "$output" "streaming replication started"
  says "mp2 is synchronising from $MP1_DNS"
}
