#!/usr/bin/env bats
# Charts from a registry: oci:// references. The registry is real; its CA is one that only SSL_CERT_FILE names.
# bats sets output, lines and stderr.
# shellcheck disable=SC2154,SC2030,SC2031

load helper
load by-hand

setup_file() {
  installed_lab && prepare_hands || return
  export REGISTRY=$BATS_FILE_TMPDIR/registry
  mkdir "$REGISTRY"
  node --import tsx tests/acceptance/oci-registry.ts "$REGISTRY" >"$REGISTRY/log" 2>"$REGISTRY/err" 3>&- &
  echo $! >"$REGISTRY/pid"
  eventually test -e "$REGISTRY/url"
  export SSL_CERT_FILE=$REGISTRY/pki/ca.crt CHARTS
  CHARTS=oci://$(<"$REGISTRY/url")
  # Into the user's own file, below HELM_CONFIG_HOME.
  helm registry login "${CHARTS#oci://}" -u reader --password-stdin <<<"let me in"
  local file
  for file in "$HANDS"/{managementplane,controlplane,cert-manager}.tgz; do helm push "$file" "$CHARTS/charts"; done
  helm push "$HANDS/managementplane.tgz" "$CHARTS/private"
}

teardown_file() { kill "$(<"$REGISTRY/pid")"; }

setup() {
  in_lab
  own_state
}

@test "oci: all three charts come from the registry, once, and are the releases that the repository's charts made" {
  local fetched
  rm -r "$STATE_DIR/charts"
  export MP_CHART=$CHARTS/charts/managementplane CP_CHART=$CHARTS/charts/controlplane
  export CERT_MANAGER_CHART=$CHARTS/charts/cert-manager
  run -0 changes_nothing target active-install onboard standby-cert-manager standby-install
  fetched=$(grep -c '^GET .*/blobs/' "$REGISTRY/log")
  is "$(cd "$STATE_DIR/charts" && find . -name '*.tgz' -printf '%f\n' | sort | paste -sd' ')" \
    "cert-manager-v1.16.2.tgz controlplane-1.12.0.tgz managementplane-1.12.0.tgz"
  run -0 step standby-install --dry-run
  is "$(grep -c '^GET .*/blobs/' "$REGISTRY/log")" "$fetched"
}

@test "oci: a release that is gone is installed from the registry, by helm 4 and helm 3" {
  helm uninstall cert-manager -n cert-manager --kube-context mp2
  CERT_MANAGER_CHART=$CHARTS/charts/cert-manager run -0 --separate-stderr target standby-cert-manager
  says "release cert-manager (v1.16.2) in namespace cert-manager of mp2 installed"
  mkdir "$BATS_TEST_TMPDIR/bin"
  ln -s "$LAB_DIR/bin/helm3" "$BATS_TEST_TMPDIR/bin/helm"
  rm -r "$STATE_DIR/charts"
  PATH=$BATS_TEST_TMPDIR/bin:$PATH MP_CHART=$CHARTS/charts/managementplane run -0 changes_nothing target standby-install
  eventually pair_is_whole
}

@test "oci: a registry that wants a login gets the user's own; without one, the error says how to log in" {
  export MP_CHART=$CHARTS/private/managementplane
  HELM_REGISTRY_CONFIG=$BATS_TEST_TMPDIR/none run -1 --separate-stderr changes_nothing step active-install
  says "ERROR: active-install: fetching chart managementplane 1.12.0 from $MP_CHART failed"
  says "credential not found"
  says "a registry that wants a login: \`helm registry login HOST\`"
  run -0 --separate-stderr changes_nothing step active-install
  # Read where it lies, never copied.
  run -1 grep -rF "$(printf 'reader:let me in' | base64)" "$STATE_DIR"
}

@test "oci: an absent version, an absent chart, a CA that is not known and a dead registry are told apart, before anything changes" {
  local charts=$CHARTS/charts
  TSB_VERSION=9.9.9 MP_CHART=$charts/managementplane run -1 --separate-stderr changes_nothing step active-install
  says "fetching chart managementplane 9.9.9 from $charts/managementplane failed"
  says "managementplane:9.9.9: not found"
  says "next: check reference and version"
  CERT_MANAGER_CHART=$charts/none run -1 --separate-stderr changes_nothing step standby-cert-manager
  says "charts/none:v1.16.2: not found"
  SSL_CERT_FILE='' CP_CHART=$charts/controlplane run -1 --separate-stderr changes_nothing step onboard
  says "certificate signed by unknown authority"
  MP_CHART=oci://127.0.0.1:1/charts/managementplane run -1 --separate-stderr changes_nothing step preflight
  says "connection refused"
}
