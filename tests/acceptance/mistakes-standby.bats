#!/usr/bin/env bats
# What the guide warns of, done wrong by hand on the standby or between the two: the lab refuses it as TSB would, and
# our steps say why, or mend it.
# bats sets output, lines and stderr.
# shellcheck disable=SC2154,SC2016

load helper
load by-hand

setup_file() { installed_lab && prepare_hands; }
teardown_file() {
  target standby-secrets standby-cert-manager >/dev/null
  mend_pair mp1 mp2
}
setup() { in_lab; }

# replicates_from HOST: the guide's synchronisation endpoint, set to that host.
replicates_from() {
  management_plane mp2 --set "spec.highAvailability.standby.activeMpSynchronizationEndpoint.host=$1"
}

@test "the standby pointed at the floating name: the active refuses" {
  replicates_from "$MP_FLOAT_DNS"
  eventually complains mp2 "must be the permanent name of the active, not the floating name \"$MP_FLOAT_DNS\""
}

@test "the standby pointed at a name that does not exist" {
  replicates_from "mp7.$DNS_ZONE"
  eventually complains mp2 "lookup mp7.$DNS_ZONE: no such host"
}

@test "the standby pointed at another name of the same address: the certificate does not have it" {
  replicates_from "lb-mp1.$DNS_ZONE"
  eventually complains mp2 "not lb-mp1.$DNS_ZONE"
}

@test "the standby's endpoint without selfSigned: a private CA is not trusted; standby-install mends it" {
  management_plane mp2 --set spec.highAvailability.standby.activeMpSynchronizationEndpoint.selfSigned=false
  eventually complains mp2 "needs activeMpSynchronizationEndpoint.selfSigned: true"
  run -0 --separate-stderr target standby-install
  says "Postgres on mp2 streams from $MP1_DNS"
}

@test "active and standby both set: the API server refuses the resource" {
  run ! management_plane mp2 --set spec.highAvailability.active.exposeEmbeddedPostgresInFrontEnvoy=true
  has "$output" "mutually exclusive"
}

@test "a standby with certificates of its own root: it does not trust the active" {
  certificate mine "$MP2_DNS $MP_FLOAT_DNS" "$HANDS/other-ca"
  management_plane mp2 --set-file "secrets.xcp.rootca=$HANDS/other-ca.crt" \
    --set-file "secrets.tsb.cert=$HANDS/mine.crt,secrets.tsb.key=$HANDS/mine.key" \
    --set-file "secrets.xcp.central.cert=$HANDS/mine.crt,secrets.xcp.central.key=$HANDS/mine.key"
  eventually complains mp2 "x509: certificate signed by unknown authority"
}

@test "postgres passwords that differ: TSB's own login fails; standby-install refuses such settings" {
  management_plane mp2 --set secrets.postgres.password=another-password
  eventually complains mp2 'password authentication failed for user "tsb"'
  POSTGRES_PASSWORD=another-password-$$ run -2 --separate-stderr changes_nothing step standby-install
  says "POSTGRES_PASSWORD is not the one that mp1 runs with"
  lacks "$stderr$output" "another-password-$$"
}

@test "Postgres not exposed on the active: it refuses; standby-logs shows it, active-install mends it" {
  management_plane mp2
  management_plane mp1 --set spec.highAvailability.active.exposeEmbeddedPostgresInFrontEnvoy=false
  eventually complains mp2 "does not expose its embedded Postgres"
  REPLICATION_TIMEOUT=5 run -1 --separate-stderr step standby-logs
  has "$stderr$output" "exposeEmbeddedPostgresInFrontEnvoy"
  run -0 --separate-stderr target active-install
  says "Postgres is exposed on port 5432"
  eventually pair_is_whole
}

@test "a service account without org-reader: the active refuses; service-account mends it, and keeps others' grants" {
  local team=organizations/$TSB_ORG/teams/developers
  edit_bindings 'allow = allow.filter((rule) => rule.role !== "rbac/reader" && !JSON.stringify(rule).includes("tsb-standby-sa"))'
  edit_bindings "allow.push({ role: 'rbac/reader', subjects: [{ team: '$team' }] })"
  eventually complains mp2 "lacks role rbac/org-reader"
  run -0 --separate-stderr target service-account
  eventually pair_is_whole
  run -0 as_admin tctl get ab "organizations/$TSB_ORG" -o yaml
  is "$(grep -c "team: $team" <<<"$output")" 2
  is "$(grep -c serviceaccounts/tsb-standby-sa <<<"$output")" 1
  edit_bindings 'allow = allow.filter((rule) => rule.role !== "rbac/reader")'
}

@test "another key in the standby's service account: the active refuses; standby-secrets mends it" {
  give_secret mp2 tsb-standby-sa jwk "$(jwk)"
  eventually complains mp2 "token is not signed with a key of service account"
  run -0 --separate-stderr target standby-secrets
  says "Secret tsb-standby-sa applied to mp2"
  eventually pair_is_whole
}

@test "another iam-signing-key: the active refuses; standby-secrets overwrites it only when forced" {
  give_secret mp2 iam-signing-key private.key "$(jwk)"
  eventually complains mp2 "iam-signing-key differs"
  run -1 --separate-stderr changes_nothing step standby-secrets
  says "mp2 already runs with another iam-signing-key than the active's"
  FORCE=1 run -0 --separate-stderr target standby-secrets
  eventually pair_is_whole
}

@test "iam-signing-key missing: the operator refuses, standby-install names the step that brings it" {
  on mp2 delete secret iam-signing-key -n tsb
  eventually complains mp2 "Secret iam-signing-key does not exist"
  run -1 --separate-stderr changes_nothing step standby-install
  says "Secret iam-signing-key (make standby-secrets)"
  target standby-secrets
  eventually pair_is_whole
}

@test "cert-manager missing: the operator refuses, standby-install names the step that brings it" {
  helm uninstall cert-manager -n cert-manager --kube-context mp2 --wait
  on mp2 delete crd certificates.cert-manager.io
  eventually complains mp2 "cert-manager is not installed"
  run -1 --separate-stderr changes_nothing step standby-install
  says "cert-manager (make standby-cert-manager)"
  target standby-cert-manager
  eventually pair_is_whole
}
