#!/usr/bin/env bats
# Every step a second time: nothing is sent that could change anything.
# bats sets output, lines and stderr.
# shellcheck disable=SC2154

load helper

setup_file() { installed_lab; }
setup() { in_lab; }

# What no audit log tells: zone serial, helm revisions, access bindings, and the files that are kept.
footprint() {
  dig +short @"${DNS_SERVER%:*}" -p "${DNS_SERVER#*:}" "$DNS_ZONE" SOA
  on mp1 get secret -A -l owner=helm -o name
  on mp2 get secret -A -l owner=helm -o name
  TCTL_CONFIG=$STATE_DIR/tctl/config.yaml tctl get ab "organizations/$TSB_ORG" -o yaml
  find "$STATE_DIR" -type f ! -path '*/helm/*' ! -path '*/tctl/*' -printf '%p %T@ %m\n' | sort
}

again() {
  local before after
  before=$(footprint)
  run -0 --separate-stderr timed "make $1, second run" changes_nothing target "$1"
  after=$(footprint)
  is "$after" "$before"
  # Only what was found or verified, nothing that was made.
  [[ $stderr != *installed* && $stderr != *upgraded* && $stderr != *created* && $stderr != *applied* && $stderr != *issued* ]]
}

@test "active: a second run of all its steps changes nothing" { again active; }

@test "onboard: a second run changes nothing" { again onboard; }

@test "standby: a second run of all its steps changes nothing" { again standby; }

@test "dns-plan: changes nothing" { changes_nothing target dns-plan; }

@test "audit: the check that nothing changed can fail" {
  run ! changes_nothing on mp1 annotate namespace tsb --overwrite "checked=$$"
  has "$output" "1 mutating requests"
}

@test "active, standby: a state folder that got lost is made again without changing what is installed" {
  # All but the root CA, which nobody can make again.
  STATE_DIR=$BATS_TEST_TMPDIR/state
  mkdir -p "$STATE_DIR"
  cp -a "$LAB_DIR/state/"{ca,mp1,mp2,tsb-standby-sa-b64e} "$STATE_DIR"
  rm "$STATE_DIR"/*/{cluster-uid,values.yaml} "$STATE_DIR/tsb-standby-sa-b64e"
  changes_nothing target active
  changes_nothing target standby
  is "$(<"$STATE_DIR/tsb-standby-sa-b64e")" "$(<"$LAB_DIR/state/tsb-standby-sa-b64e")"
}
