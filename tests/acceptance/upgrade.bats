#!/usr/bin/env bats
# Another version for the whole pair: the standby first, the active last.
# bats sets output, lines and stderr.
# shellcheck disable=SC2154,SC2030,SC2031

load helper
load roles
load upkeep

setup_file() {
  upkeep_lab || return
  # On a lab that was kept, an upgrade may have been.
  [ "$(version mp1) $(version mp2)" = "1.12.0 1.12.0" ] || install_pair || return
  export TSB_VERSION=1.12.1
}
setup() { in_lab; }

# images INSTANCE: the tags of what its operator runs that has TSB's version, once each.
images() { on "$1" get deployments -n tsb -o jsonpath='{range .items[*]}{.spec.template.spec.containers[0].image}{"\n"}{end}' | sed 's/.*://' | sort -u; }

@test "upgrade: a version that does not exist, or an older one, is refused before anything is touched" {
  TSB_VERSION=1.99.0 run -1 --separate-stderr changes_nothing step upgrade
  says "fetching chart managementplane 1.99.0"
  TSB_VERSION=1.11.0 run -2 --separate-stderr changes_nothing step upgrade
  says "mp2 runs 1.12.0: a downgrade"
}

@test "upgrade: a dry run names the standby first, and changes nothing" {
  run -0 --separate-stderr changes_nothing step upgrade --dry-run
  has "$(grep -A1 "would upgrade mp2 to 1.12.1" <<<"$stderr")" "would upgrade mp1 to 1.12.1"
}

@test "upgrade: killed after the standby, the pair serves, and status says what differs" {
  killed_once "mp2 .standby.: .* workloads at 1.12.1" upgrade
  is "$(version mp2) $(version mp1)" "1.12.1 1.12.0"
  step active-login
  is "$(sql mp1 "select state from pg_stat_replication")" streaming
  pair_is_whole
  run --separate-stderr step status
  has "$output" "versions differ: mp1 chart 1.12.0"
  has "$output" "make upgrade"
}

@test "upgrade: a second run finishes with the active, and leaves the standby alone" {
  local mark
  mark=$(audit mark)
  run -0 --separate-stderr timed "upgrade of the active alone" step upgrade
  says "mp2, mp1: all at 1.12.1"
  lacks "$(audit since "$mark")" $'\n'"mp2 "
  is "$(images mp1) $(images mp2)" "1.12.1 1.12.1"
  is "$(sql mp1 "select state from pg_stat_replication")" streaming
  is "$(sql mp2 "select pg_is_in_recovery()")" t
  pair_is_whole
}

@test "upgrade: a third run changes nothing, and control planes follow with onboard" {
  run -0 --separate-stderr changes_nothing target upgrade
  says "next, the control planes: make onboard CLUSTER_NAME=cp1"
  run -0 --separate-stderr target onboard
  says "release cp (1.12.1) in namespace istio-system of cp1 upgraded"
  pair_is_whole
}
