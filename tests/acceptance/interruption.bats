#!/usr/bin/env bats
# Interrupted, and gone on with: ctrl-C during a wait, and a helm that was killed in the middle of its work.
# bats sets output, lines and stderr.
# shellcheck disable=SC2154,SC2030,SC2031

load helper
load by-hand

setup_file() { installed_lab && prepare_hands; }
setup() { in_lab; }
teardown() {
  on mp1 delete deployment,job never-ready -n tsb --ignore-not-found
  on mp2 delete job never-ready -n cert-manager --ignore-not-found
}

# A deployment in namespace tsb that no node will ever run.
never_ready_deployment() {
  on mp1 apply -n tsb -f - <<YAML
apiVersion: apps/v1
kind: Deployment
metadata: {name: never-ready}
spec:
  selector: {matchLabels: {app: never-ready}}
  template:
    metadata: {labels: {app: never-ready}}
    spec: {nodeSelector: {no: such}, containers: [{name: none, image: none}]}
YAML
}

# ctrl_c COMMAND…: runs it in a process group of its own, as a terminal does, and interrupts it during its wait.
ctrl_c() {
  local pid status=0 began milliseconds
  # bash lets background jobs ignore the signal; --default-signal takes that back.
  setsid env --default-signal=INT "$@" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  pid=$!
  waiting() { has "$(<"$BATS_TEST_TMPDIR/err")" "waiting for never-ready"; }
  eventually 30 waiting
  began=$(own_milliseconds)
  kill -INT -- "-$pid"
  wait "$pid" || status=$?
  milliseconds=$(($(own_milliseconds) - began))
  echo "# $1: left $milliseconds ms after the interruption" >&3
  is "$status" 130
  ((milliseconds < 2000))
  has "$(<"$BATS_TEST_TMPDIR/err")" "nothing is lost, go on with: make active-install"
  eventually 10 all_gone "$pid"
}

# all_gone GROUP: what ended may not have been collected yet.
all_gone() { run ! pgrep -g "$1" --runstates DRSTW; }

@test "ctrl-C during a wait: the script leaves within two seconds with 130, and a rerun finishes" {
  never_ready_deployment
  ctrl_c node .build/active-install.mjs
  on mp1 delete deployment never-ready -n tsb
  run -0 target active-install
}

@test "ctrl-C during a wait: make and all that it started are gone as soon" {
  never_ready_deployment
  ctrl_c make active-install
}

# killed_helm CHART VERB RELEASE NAMESPACE CONTEXT [ARGUMENT…]: helm with a chart whose hook never ends, killed meanwhile.
killed_helm() {
  local chart=$1 verb=$2 release=$3 namespace=$4 context=$5 pid
  mkdir "$BATS_TEST_TMPDIR/$release"
  tar -xzf "$chart" -C "$BATS_TEST_TMPDIR/$release" --strip-components=1
  cat >"$BATS_TEST_TMPDIR/$release/templates/never-ready.yaml" <<YAML
apiVersion: batch/v1
kind: Job
metadata:
  name: never-ready
  annotations: {helm.sh/hook: "pre-install,pre-upgrade"}
spec:
  template:
    spec: {nodeSelector: {no: such}, restartPolicy: Never, containers: [{name: none, image: none}]}
YAML
  helm "$verb" "$release" "$BATS_TEST_TMPDIR/$release" -n "$namespace" --kube-context "$context" "${@:6}" 3>&- &
  pid=$!
  hooked() { on "$context" get job never-ready -n "$namespace"; }
  eventually 20 hooked
  kill -KILL "$pid"
  wait "$pid" || true
  run -0 helm status "$release" -n "$namespace" --kube-context "$context" -o json
  has "$output" "\"status\":\"pending-$verb\""
}

@test "a helm that was killed: releases stuck in pending-install and pending-upgrade are freed, nothing is uninstalled" {
  local uid
  uid=$(on mp1 get deployment tsb -n tsb -o jsonpath='{.metadata.uid}')
  helm uninstall cert-manager -n cert-manager --kube-context mp2 --wait
  killed_helm "$HANDS/managementplane.tgz" upgrade mp tsb mp1 -f "$STATE_DIR/mp1/values.yaml"
  killed_helm "$HANDS/cert-manager.tgz" install cert-manager cert-manager mp2 --set installCRDs=true
  step standby-cert-manager >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  run -0 --separate-stderr target active-install
  says "release mp was left pending-upgrade by an interrupted helm: its record was removed"
  is "$(on mp1 get deployment tsb -n tsb -o jsonpath='{.metadata.uid}')" "$uid"
  wait $!
  has "$(<"$BATS_TEST_TMPDIR/err")" "release cert-manager was left pending-install by an interrupted helm: its record was removed"
  run -0 helm status cert-manager -n cert-manager --kube-context mp2 -o json
  has "$output" '"status":"deployed"'
  eventually 20 pair_is_whole
}
