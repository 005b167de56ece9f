#!/usr/bin/env bats
# What the scripts themselves refuse on real clusters, before they touch anything.
# bats sets output, lines and stderr.
# shellcheck disable=SC2154,SC2030,SC2031

load helper
load by-hand

setup_file() { installed_lab && prepare_hands; }
setup() { in_lab; }

@test "two contexts that lead to one cluster" {
  cp "$KUBECONFIG" "$BATS_TEST_TMPDIR/kubeconfig"
  export KUBECONFIG=$BATS_TEST_TMPDIR/kubeconfig
  kubectl config set-context mp1-again --cluster=mp1 --user=mp1
  own_state
  rm "$STATE_DIR/mp2/cluster-uid"
  export MP2_CONTEXT=mp1-again
  for name in preflight standby-secrets standby-install; do
    run -2 --separate-stderr changes_nothing step "$name"
    says '"mp1-again" and "mp1" (mp1) are one and the same cluster'
    says "Nothing was touched."
  done
}

@test "contexts that were swapped" {
  export MP1_CONTEXT=mp2 MP2_CONTEXT=mp1
  for name in active-install active-dns service-account standby-secrets standby-cert-manager standby-install standby-logs; do
    run -2 --separate-stderr changes_nothing step "$name"
    says "now leads to another cluster"
  done
}

@test "a context that leads to a control plane's cluster" {
  own_state
  MP2_CONTEXT=cp1 run -2 --separate-stderr changes_nothing step standby-cert-manager
  says 'MP2_CONTEXT "cp1" now leads to another cluster'
  CLUSTER_NAME=cp1 CP1_CONTEXT=mp2 run -2 --separate-stderr changes_nothing step onboard
  says 'CP1_CONTEXT is "mp2", the context of mp2'
}

@test "a cluster that was rebuilt: the message names the file that remembers the old one" {
  own_state
  echo 00000000-0000-0000-0000-000000000000 >"$STATE_DIR/mp1/cluster-uid"
  run -2 --separate-stderr changes_nothing step active-install
  says "was rebuilt on purpose, remove $STATE_DIR/mp1/cluster-uid"
  rm "$STATE_DIR/mp1/cluster-uid"
  run -0 changes_nothing step active-install
}

@test "active-install on a standby" {
  ACTIVE=mp2 STANDBY=mp1 run -1 --separate-stderr changes_nothing step active-install
  says "mp2 is a standby management plane"
  says "make switchover TO=mp2"
}

@test "standby-install and standby-secrets on the active" {
  for name in standby-install standby-secrets; do
    ACTIVE=mp2 STANDBY=mp1 run -1 --separate-stderr changes_nothing step "$name"
    says "mp1 is an active management plane"
  done
}

@test "preflight: roles that are not those of the clusters" {
  ACTIVE=mp2 STANDBY=mp1 run -1 --separate-stderr changes_nothing step preflight
  says "mp2 is a standby, but ACTIVE names it"
  says "mp1 is an active management plane, but ACTIVE is mp2"
}

@test "active-dns: the floating name is not taken from the active" {
  ACTIVE=mp2 STANDBY=mp1 ADDRESS_TIMEOUT=1 run -1 --separate-stderr changes_nothing step active-dns
  is "$(dig +short @"${DNS_SERVER%:*}" -p "${DNS_SERVER#*:}" "$MP_FLOAT_DNS" CNAME)" "$MP1_DNS."
}

@test "own values that contradict the guide, every one of them named" {
  printf '%s\n' 'secrets: {postgres: {password: mine}, xcp: {autoGenerateCerts: true}}' \
    'spec: {organization: other, highAvailability: {active: {}}}' >"$BATS_TEST_TMPDIR/values.yaml"
  export MP_VALUES=$BATS_TEST_TMPDIR/values.yaml
  for name in active-install standby-install; do
    run -2 --separate-stderr changes_nothing step "$name"
    says "MP_VALUES sets secrets.postgres.password"
    says "MP_VALUES sets secrets.xcp.autoGenerateCerts"
    says "MP_VALUES sets spec.organization"
    says "MP_VALUES sets spec.highAvailability"
    says "$MP_VALUES"
  done
}

@test "service-account: a key that is lost is neither replaced nor papered over" {
  own_state
  rm "$STATE_DIR/tsb-standby-sa-b64e"
  on mp1 get secret tsb-standby-sa -n tsb -o json >"$BATS_TEST_TMPDIR/secret.json"
  on mp1 delete secret tsb-standby-sa -n tsb
  run -1 --separate-stderr changes_nothing step service-account
  on mp1 create -f "$BATS_TEST_TMPDIR/secret.json"
  says "its private key is neither in the state folder nor on the active"
  says "tctl x sa gen-key tsb-standby-sa"
  [ ! -e "$STATE_DIR/tsb-standby-sa-b64e" ]
}

@test "service-account: a key that differs from the active's Secret" {
  own_state
  jwk | base64 -w0 >"$STATE_DIR/tsb-standby-sa-b64e"
  run -1 --separate-stderr changes_nothing step service-account
  says "is not the one in the active's Secret"
  says "kid another"
}

@test "service-account: the key is fetched from the active's Secret where the state folder lost it" {
  own_state
  rm "$STATE_DIR/tsb-standby-sa-b64e"
  run -0 changes_nothing step service-account
  is "$(<"$STATE_DIR/tsb-standby-sa-b64e")" "$(<"$LAB_DIR/state/tsb-standby-sa-b64e")"
  is "$(stat -c %a "$STATE_DIR/tsb-standby-sa-b64e")" 600
}
