#!/usr/bin/env bats
# renew: values with other certificates and nothing else changed (by upkeep.ts), and settings that are refused.
# shellcheck disable=SC2154 # bats sets output and stderr

load helper

setup() { isolate; }

@test "renew: certificates are put into the deployed values, everything else stays" {
  run -0 --separate-stderr driver upkeep CASE=values
  is "$output" '{"image":{"tag":"1.12.0"},"secrets":{"tsb":{"cert":"new","key":"new","adminPassword":"kept"},"xcp":{"central":{"cert":"old","key":"old"}}},"extra":{"list":["kept"]}}'
}

@test "renew: what differs is told by its path, never by its contents" {
  run -0 --separate-stderr driver upkeep CASE=differences
  is "$output" '["image.tag","more"]'
}

@test "renew: an instance that was installed from here must not be passed over because its context is missing" {
  mkdir -p state/mp2 && echo uid >state/mp2/cluster-uid
  run -2 --separate-stderr script renew MP2_CONTEXT=
  says "MP2_CONTEXT is not set, but mp2 was installed from here"
  is "$(calls)" ""
}

@test "renew: all that is missing is named before anything is touched" {
  run -2 --separate-stderr script renew TSB_ADMIN_PASSWORD= RENEW_BEFORE=soon
  says "TSB_ADMIN_PASSWORD is not set"
  says 'RENEW_BEFORE "soon" is not a whole number'
  nothing_touched
}
