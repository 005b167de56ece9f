#!/usr/bin/env bats
# standby-cert-manager beside what it may find on a cluster.
# bats sets output, lines and stderr.
# shellcheck disable=SC2154

load helper

setup_file() { installed_lab; }
setup() { in_lab; }
teardown() { target standby-cert-manager >/dev/null 2>&1; }

@test "standby-cert-manager: installs it again where only its CRDs were left" {
  helm uninstall cert-manager -n cert-manager --kube-context mp2 --wait
  on mp2 get crd certificates.cert-manager.io
  run -0 --separate-stderr target standby-cert-manager
  says "cert-manager-webhook are ready on mp2"
}

@test "standby-cert-manager: leaves one alone that somebody else installed, whatever its values" {
  own_state
  rm "$STATE_DIR/mp2/cert-manager-values.yaml"
  on mp2 label deployment cert-manager-webhook -n cert-manager installed-by=platform-team --overwrite
  CERT_MANAGER_VERSION=v1.16.3 run -0 --separate-stderr changes_nothing target standby-cert-manager
  says "installed by somebody else: left alone"
}
