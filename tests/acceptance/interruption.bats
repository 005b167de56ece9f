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

# interrupted SIGNAL AGAIN CONDITION COMMAND…: runs it in a process group of its own, as a terminal does, and interrupts it
# when the condition holds: ctrl-C reaches the whole group, SIGTERM the one process.
interrupted() {
  local pid target status=0 began milliseconds
  # bash lets background jobs ignore the signal; --default-signal takes that back.
  KUBECONFIG=$AS_SCRIPTS:$KUBECONFIG setsid env --default-signal=INT "${@:4}" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  pid=$!
  eventually "$3"
  target=$pid
  [ "$1" != INT ] || target=-$pid
  began=$(own_milliseconds)
  kill "-$1" -- "$target"
  wait "$pid" || status=$?
  milliseconds=$(($(own_milliseconds) - began))
  echo "# $4, $3: left $milliseconds ms after SIG$1" >&3
  is "$status" 130
  ((milliseconds < 2000))
  has "$(<"$BATS_TEST_TMPDIR/err")" "interrupted (SIG$1); nothing is lost, go on with: make $2"
  eventually all_gone "$pid"
}

# all_gone GROUP: what ended may not have been collected yet.
all_gone() { run ! pgrep -g "$1" --runstates DRSTW; }

waits_for_workloads() { has "$(<"$BATS_TEST_TMPDIR/err")" "waiting for never-ready"; }
waits_for_names() { has "$(<"$BATS_TEST_TMPDIR/err")" "answers: no such name"; }
is_in_helm() { on mp1 get job never-ready -n tsb; }

@test "ctrl-C during a wait: the script leaves within two seconds with 130, and a rerun finishes" {
  never_ready_deployment
  interrupted INT active-install waits_for_workloads node .build/active-install.mjs
  on mp1 delete deployment never-ready -n tsb
  run -0 target active-install
}

@test "ctrl-C during a wait: make and all that it started are gone as soon" {
  never_ready_deployment
  interrupted INT active-install waits_for_workloads make active-install
}

@test "SIGTERM during a wait: as ctrl-C" {
  never_ready_deployment
  interrupted TERM active-install waits_for_workloads node .build/active-install.mjs
}

@test "SIGTERM and ctrl-C during a helm upgrade: helm goes too, and a rerun finishes" {
  local signal
  never_ready_hook "$HANDS/managementplane.tgz" mp
  export MP_CHART=$BATS_TEST_TMPDIR/mp MP_VALUES=$BATS_TEST_TMPDIR/values.yaml
  # The hook's Job is none of TSB's chart: its permission comes from whoever adds such a hook.
  on mp1 create role hooks -n tsb --verb=create,patch --resource=jobs
  on mp1 create rolebinding hooks -n tsb --role=hooks --group=tsb-active-standby
  for signal in TERM INT; do
    # Something to do for helm.
    echo "operator: {serviceAccount: {annotations: {changed-by: $signal}}}" >"$MP_VALUES"
    interrupted $signal active-install is_in_helm node .build/active-install.mjs
    on mp1 delete job never-ready -n tsb
  done
  on mp1 delete role,rolebinding hooks -n tsb
  unset MP_CHART MP_VALUES
  run -0 target active-install
  run -0 helm status mp -n tsb --kube-context mp1 -o json
  has "$output" '"status":"deployed"'
}

@test "SIGTERM and ctrl-C during a wait for names" {
  local signal
  for signal in TERM INT; do
    DNS_PROVIDER=manual MP_FLOAT_DNS=waiting.$DNS_ZONE interrupted $signal active-dns waits_for_names \
      node .build/active-dns.mjs
  done
}

# never_ready_hook CHART NAME: the chart as folder $BATS_TEST_TMPDIR/NAME, with a hook that never ends.
never_ready_hook() {
  mkdir "$BATS_TEST_TMPDIR/$2"
  tar -xzf "$1" -C "$BATS_TEST_TMPDIR/$2" --strip-components=1
  cat >"$BATS_TEST_TMPDIR/$2/templates/never-ready.yaml" <<YAML
apiVersion: batch/v1
kind: Job
metadata:
  name: never-ready
  annotations: {helm.sh/hook: "pre-install,pre-upgrade"}
spec:
  template:
    spec: {nodeSelector: {no: such}, restartPolicy: Never, containers: [{name: none, image: none}]}
YAML
}

# killed_helm CHART VERB RELEASE NAMESPACE CONTEXT [ARGUMENT…]: helm with a chart whose hook never ends, killed meanwhile.
killed_helm() {
  local verb=$2 release=$3 namespace=$4 context=$5 pid
  never_ready_hook "$1" "$release"
  helm "$verb" "$release" "$BATS_TEST_TMPDIR/$release" -n "$namespace" --kube-context "$context" "${@:6}" 3>&- &
  pid=$!
  hooked() { on "$context" get job never-ready -n "$namespace"; }
  eventually hooked
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
  eventually pair_is_whole
}
