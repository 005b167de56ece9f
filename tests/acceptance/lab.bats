#!/usr/bin/env bats
# The rehearsal lab itself, on a lab of one cluster of its own, beside whatever else runs.
# bats sets stderr, and runs each test in a subshell.
# shellcheck disable=SC2154,SC2030,SC2031

bats_require_minimum_version 1.5.0

setup_file() {
  export LAB_CLUSTERS=mp1 LAB_PACE=0
  # Not below BATS_TEST_TMPDIR: sockets need short names, and PostgreSQL's user must reach the folder.
  LAB_DIR=$(mktemp -u /tmp/tsb-bats-XXXXXX)
  export LAB_DIR
  cd "$BATS_TEST_DIRNAME/../.." || return 1
  lab up
}

teardown_file() {
  cd "$BATS_TEST_DIRNAME/../.." || return 1
  lab down
}

setup() {
  cd "$BATS_TEST_DIRNAME/../.." || return 1
}

lab() { node ".build/lab/$1.mjs" "${@:2}"; }

kubectl() { "$LAB_DIR/bin/kubectl" --kubeconfig "$LAB_DIR/kubeconfig" --context mp1 --request-timeout 60s "$@"; }

supervisor() { node -p "JSON.parse(fs.readFileSync('$LAB_DIR/lab.json')).supervisor.pid"; }

@test "lab: a killed site comes back with its data" {
  kubectl create namespace kept
  lab control kill mp1
  run -1 kubectl get namespace kept
  lab control revive mp1
  run -0 kubectl get namespace kept
}

@test "lab: a service with a host name annotation gets that host name, else the front address" {
  kubectl create service loadbalancer plain --tcp=443
  kubectl create service loadbalancer named --tcp=443 --dry-run=client -o yaml |
    kubectl annotate --local -f - lab/lb-hostname=lb-mp1.tsb.example.com -o yaml | kubectl create -f -
  kubectl wait service/plain --for='jsonpath={.status.loadBalancer.ingress[0].ip}' --timeout=60s
  kubectl wait service/named --for='jsonpath={.status.loadBalancer.ingress[0].hostname}=lb-mp1.tsb.example.com' --timeout=60s
}

@test "lab: the audit log counts what people change, not what they look at" {
  local mark
  mark=$(lab audit mark)
  kubectl get nodes
  kubectl auth can-i create pods
  run -0 lab audit since "$mark"
  [[ ${lines[0]} == "0 mutating requests" ]]
  kubectl create namespace one
  run -0 lab audit since "$mark"
  [[ ${lines[0]} == "1 mutating requests" && ${lines[1]} == "mp1 create /api/v1/namespaces"* ]]
}

@test "lab: a second lab-up finds it running" {
  run -0 --separate-stderr lab up
  [[ $stderr == *"lab is up: mp1 up"* ]]
}

@test "lab: another lab runs beside it, and lab-down leaves neither a process nor a folder of that one" {
  local first=$LAB_DIR
  LAB_DIR=$(mktemp -u /tmp/tsb-bats-XXXXXX)
  lab up
  run -0 kubectl get node mp1-node
  lab down
  [[ ! -e $LAB_DIR ]]
  run -1 pgrep -f "$LAB_DIR/"
  LAB_DIR=$first
  run -0 kubectl get node mp1-node
}

@test "lab: nothing outlives a supervisor that was killed, and lab-up starts anew" {
  kill -KILL "$(supervisor)"
  sleep 1
  run -1 pgrep -f "$LAB_DIR/"
  run -0 --separate-stderr lab up
  [[ $stderr == *"clearing away"* ]]
  run -0 kubectl get node mp1-node
}

@test "lab: refuses a folder that is not a lab" {
  LAB_DIR=/tmp/tsb-bats-$$ # BATS_TEST_TMPDIR is too long a name
  mkdir "$LAB_DIR"
  touch "$LAB_DIR/precious"
  run -2 --separate-stderr lab up
  [[ $stderr == *"is not a lab of yours"* ]]
  run -2 lab down
  [[ -e $LAB_DIR/precious ]]
  rm -r "$LAB_DIR"
}

@test "lab: names every wrong setting at once" {
  LAB_CLUSTERS="mp1 moon" LAB_PACE=fast run -2 --separate-stderr lab up
  [[ $stderr == *LAB_CLUSTERS* && $stderr == *LAB_PACE* ]]
}
