#!/usr/bin/env bats
# workloads: what is waited for until it is ready.
# shellcheck disable=SC2154 # bats sets output

load helper

setup() { isolate; }

# deployments NAME=REPLICAS…: the namespace has these, and all replicas of each are ready.
deployments() {
  local one items=()
  for one in "$@"; do
    items+=("$(printf '{"kind":"Deployment","metadata":{"name":"%s","generation":1},"spec":{"replicas":%d},"status":{"observedGeneration":1,"readyReplicas":%d,"updatedReplicas":%d}}' \
      "${one%=*}" "${one#*=}" "${one#*=}" "${one#*=}")")
  done
  plan kubectl "* get deployments,statefulsets *" <<<"{\"kind\":\"List\",\"items\":[$(IFS=, && echo "${items[*]}")]}"
  plan kubectl "*" <<<""
}

@test "workloads: ready when all that are there are, and none of the expected ones is missing" {
  deployments tsb=1 web=2 other=0
  run -0 driver workloads
  is "$output" 3
}

@test "workloads: one that is expected, and scaled to 0, is not ready" {
  deployments tsb=1 web=0
  run -0 driver workloads
  has "$output" "last seen: mp1: 1 of 2 workloads ready; waiting for web (scaled to 0)"
}

@test "workloads: one that is expected, and missing, is waited for" {
  deployments tsb=1
  run -0 driver workloads
  has "$output" "last seen: mp1: 1 of 2 workloads ready; waiting for web"
}
