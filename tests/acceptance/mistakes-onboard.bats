#!/usr/bin/env bats
# What the guide warns of, done wrong by hand on a control plane.
# bats sets output, lines and stderr.
# shellcheck disable=SC2154

load helper
load by-hand

setup_file() { installed_lab && prepare_hands; }
teardown_file() { control_plane >/dev/null && eventually pair_is_whole; }
setup() { in_lab; }

@test "a control plane that names the active's permanent name: the management plane refuses it" {
  control_plane --set "spec.managementPlane.host=$MP1_DNS"
  eventually complains cp1 "control planes must dial the floating name \"$MP_FLOAT_DNS\", not \"$MP1_DNS\""
  run -0 as_admin tctl status cluster cp1 -o json
  has "$output" NOT_READY
}

@test "a control plane that names a host which does not exist" {
  control_plane --set "spec.managementPlane.host=nowhere.$DNS_ZONE"
  eventually complains cp1 "lookup nowhere.$DNS_ZONE: no such host"
}

@test "a control plane without selfSigned: it trusts public authorities only" {
  control_plane --set spec.managementPlane.selfSigned=false
  on cp1 delete secret -n istio-system otel-token
  eventually complains cp1 "a private CA needs spec.managementPlane.selfSigned: true"
}

@test "a control plane whose values lack the CA, and onboard mends it" {
  local value
  for value in tsb.cacert:mp-certs elasticsearch.cacert:es-certs xcp.rootca:xcp-central-ca-bundle; do
    control_plane --set "secrets.${value%:*}=null"
    # The chart keeps Secrets that it no longer makes; on a fresh cluster there would be none.
    on cp1 delete secret "${value#*:}" -n istio-system
    eventually complains cp1 "the control plane lacks the CA: Secret ${value#*:} has no ca.crt (secrets.${value%:*})"
  done
  run -0 --separate-stderr target onboard
  says "control plane cp1 is READY"
}

@test "a control plane with another cluster's name" {
  control_plane --set spec.managementPlane.clusterName=cp2
  eventually complains cp1 'spec.managementPlane.clusterName is "cp2", but the service account is that of'
}

@test "onboard: own values that contradict the guide are refused before anything is touched" {
  printf '%s\n' 'spec: {managementPlane: {host: elsewhere.example.com}}' 'secrets: {tsb: {cacert: none}}' >"$BATS_TEST_TMPDIR/values"
  CP_VALUES=$BATS_TEST_TMPDIR/values run -2 --separate-stderr changes_nothing step onboard
  says "CP_VALUES sets spec.managementPlane.host"
  says "CP_VALUES sets secrets.tsb.cacert"
}
