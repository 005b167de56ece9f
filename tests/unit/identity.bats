#!/usr/bin/env bats
# shellcheck disable=SC2154 # bats sets output and stderr
# identity: a context that leads elsewhere than it should is refused before anything is changed.

load helper

setup() {
  isolate
  mkdir -p state/mp1 state/mp2
}

# leads CONTEXT UID: the cluster to which a context leads.
leads() {
  plan kubectl "--context $1 * get namespace/kube-system *" <<<"{\"kind\":\"Namespace\",\"metadata\":{\"name\":\"kube-system\",\"uid\":\"$2\"}}"
}

# refused STEP TEXT: with exit code 2, these words, and nothing but looks.
refused() {
  run -2 --separate-stderr script "$1"
  says "$2"
  says "Nothing was touched."
  is "$(calls | grep -v " get namespace/kube-system ")" ""
}

@test "identity: the standby's context on the active's cluster, in a step that looks at the standby alone" {
  leads mp2 uid-1
  echo uid-1 >state/mp1/cluster-uid
  refused standby-cert-manager 'MP2_CONTEXT "mp2" leads to the cluster of mp1 (kube-system uid-1)'
  says "if mp1 is now called mp2, remove $PWD/state/mp1/cluster-uid"
}

@test "identity: two contexts on one cluster" {
  leads mp1 uid-1
  leads mp2 uid-1
  refused standby-secrets 'MP2_CONTEXT "mp2" and "mp1" (mp1) are one and the same cluster (kube-system uid-1)'
}

@test "identity: contexts that were swapped, and a cluster that was rebuilt" {
  leads mp1 uid-2
  leads mp2 uid-1
  echo uid-1 >state/mp1/cluster-uid
  echo uid-2 >state/mp2/cluster-uid
  refused standby-secrets 'MP1_CONTEXT "mp1" now leads to another cluster (kube-system uid-2) than the one mp1 was installed on (uid-1)'
  says 'MP2_CONTEXT "mp2" now leads to another cluster (kube-system uid-1)'
  says "if mp1 was rebuilt on purpose, remove $PWD/state/mp1/cluster-uid"
}

looked_while() { run "$1" --separate-stderr driver library CASE="look while a cluster is being proven"; }

@test "identity: what was seen meanwhile is told of no other cluster" {
  leads mp1 uid-1
  plan kubectl "--context mp1 * get pods *" <<<'{"kind":"Pod","metadata":{"name":"tsb"}}'
  looked_while -0
  is "$output" "seen: 1 pods"
  echo uid-2 >state/mp1/cluster-uid
  looked_while -2
  is "$output" ""
  says 'MP1_CONTEXT "mp1" now leads to another cluster'
}

@test "identity: what failed meanwhile is told of no other cluster" {
  leads mp1 uid-1
  plan kubectl "--context mp1 * get pods *" 1 <<<''
  looked_while -1
  says "reading pods on mp1 failed"
  echo uid-2 >state/mp1/cluster-uid
  looked_while -2
  says 'MP1_CONTEXT "mp1" now leads to another cluster'
}
