#!/usr/bin/env bats
# Onboarding control planes: what it leaves behind, and one cluster that fails beside another.
# bats sets output, lines and stderr.
# shellcheck disable=SC2154

load helper

setup_file() { installed_lab; }
setup() { in_lab; }

@test "onboard: the management plane calls the cluster READY" {
  run -0 env TCTL_CONFIG="$STATE_DIR/tctl/config.yaml" tctl status cluster cp1 -o json
  has "$output" '"status": "READY"'
}

@test "onboard: the control plane dials the floating name, and has the root CA three times" {
  run -0 on cp1 get controlplane controlplane -n istio-system -o jsonpath='{.spec.managementPlane}'
  is "$output" "{\"clusterName\":\"cp1\",\"host\":\"$MP_FLOAT_DNS\",\"port\":$MP_PORT,\"selfSigned\":true}"
  local name
  for name in mp-certs es-certs xcp-central-ca-bundle; do
    is "$(on cp1 get secret "$name" -n istio-system -o jsonpath='{.data.ca\.crt}' | base64 -d)" "$(<"$STATE_DIR/ca/ca.crt")"
  done
}

@test "onboard: a cluster that can't be reached does not stop the other one" {
  cp "$KUBECONFIG" "$BATS_TEST_TMPDIR/kubeconfig"
  export KUBECONFIG=$BATS_TEST_TMPDIR/kubeconfig
  kubectl config set-cluster gone --server=https://127.0.0.1:1
  kubectl config set-context gone --cluster=gone --user=cp1
  CLUSTER_NAME=gone,cp1 REQUEST_TIMEOUT=5 run -1 --separate-stderr step onboard
  says "1 of 2 clusters could not be onboarded"
  says "gone"
  says "control plane cp1 is READY"
  says "next: make onboard CLUSTER_NAME=gone"
}
