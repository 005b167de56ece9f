#!/usr/bin/env bats
# upgrade: the order of versions (by upkeep.ts), and settings that are refused.
# shellcheck disable=SC2154 # bats sets output and stderr

load helper

setup() { isolate; }

# order A B SIGN
order() {
  run -0 --separate-stderr driver upkeep CASE=versions VERSIONS="$1 $2"
  is "$1 $2: $output" "$1 $2: $3"
}

@test "upgrade: versions are compared by their numbers, a pre-release comes before its release" {
  order 1.9.0 1.12.0 -1
  order 1.12.10 1.12.9 1
  order v1.12.0 1.12.0 0
  order 1.12.0-rc1 1.12.0 -1
  order 1.12.0-rc.10 1.12.0-rc.9 1
  order 1.12.0+build 1.12.0 0
}

@test "upgrade: all that is missing is named before anything is touched" {
  run -2 --separate-stderr script upgrade TSB_VERSION= TSB_ORG= MP_FLOAT_DNS=
  says "TSB_VERSION is not set"
  says "TSB_ORG is not set"
  says "MP_FLOAT_DNS is not set"
  nothing_touched
}

@test "upgrade: a context that does not exist is a wrong setting, not a cluster that is down" {
  run -2 --separate-stderr script upgrade MP2_CONTEXT=moon
  says 'MP2_CONTEXT "moon" is not a context of your kubeconfig'
  nothing_touched
}
