#!/usr/bin/env bats
# The steps' other ways: files instead of a direct transfer, manual replication, host names, charts and helms from elsewhere,
# other DNS providers.
# bats sets output, lines and stderr.
# shellcheck disable=SC2154,SC2030,SC2031

load helper
load by-hand

setup_file() { installed_lab && prepare_hands; }
setup() { in_lab; }

nameserver=()
name_server() { nameserver=(@"${DNS_SERVER%:*}" -p "${DNS_SERVER#*:}"); }

# update LINE…: what a person does to the zone by other means.
update() {
  printf '%s\n' "server ${DNS_SERVER%:*} ${DNS_SERVER#*:}" "zone $DNS_ZONE" "$@" send | nsupdate -k "$DNS_TSIG_KEY_FILE"
}

@test "standby-secrets: EXPORT writes a private file, IMPORT puts it on the standby without the active in reach" {
  local file=$BATS_TEST_TMPDIR/source_mp_operational_secrets.yaml name
  umask 022
  EXPORT=$file MP2_CONTEXT='' run -0 --separate-stderr changes_nothing step standby-secrets
  is "$(stat -c %a "$file")" 600
  lacks "$(<"$file")" resourceVersion
  run -0 on mp2 apply --dry-run=server -f "$file"
  on mp2 delete secret iam-signing-key tsb-standby-sa -n tsb
  IMPORT=$file MP1_CONTEXT='' run -0 --separate-stderr target standby-secrets
  says "applied to mp2"
  for name in iam-signing-key tsb-standby-sa; do
    is "$(on mp2 get secret "$name" -n tsb -o jsonpath='{.data}')" "$(on mp1 get secret "$name" -n tsb -o jsonpath='{.data}')"
  done
  IMPORT=$file MP1_CONTEXT='' run -0 changes_nothing target standby-secrets
  eventually pair_is_whole
}

@test "standby-secrets: IMPORT takes the file of the guide's own kubectl command" {
  local file=$BATS_TEST_TMPDIR/source_mp_operational_secrets.yaml
  on mp1 get secrets -n tsb -o yaml iam-signing-key tsb-standby-sa >"$file"
  IMPORT=$file run -0 --separate-stderr changes_nothing step standby-secrets
  says "Secret iam-signing-key on mp2 is the active's"
}

@test "standby-install: REPLICATION_SETTINGS are carried as given; without them the endpoint is used again" {
  cat >"$BATS_TEST_TMPDIR/replication.yaml" <<YAML
host: $MP1_DNS
user: tsb_replication
passwordSecret: {name: tsb-postgres-replication, key: password}
YAML
  REPLICATION_SETTINGS=$BATS_TEST_TMPDIR/replication.yaml run -0 --separate-stderr target standby-install
  says "Postgres on mp2 streams from $MP1_DNS"
  run -0 on mp2 get managementplane managementplane -n tsb -o jsonpath='{.spec.highAvailability.standby}'
  is "$output" "{\"embeddedPostgresReplicationSettings\":{\"host\":\"$MP1_DNS\",\"passwordSecret\":{\"key\":\"password\",\"name\":\"tsb-postgres-replication\"},\"user\":\"tsb_replication\"}}"
  REPLICATION_SETTINGS=$BATS_TEST_TMPDIR/replication.yaml run -0 changes_nothing step standby-install
  run -0 target standby-install
  eventually pair_is_whole
}

@test "active-dns: a load balancer with a host name makes the permanent name a CNAME, and back" {
  local host=lb-mp1.$DNS_ZONE
  name_server
  printf '%s\n' "spec: {components: {frontEnvoy: {kubeSpec: {service: {annotations: {lab/lb-hostname: $host}}}}}}" >"$BATS_TEST_TMPDIR/values"
  # A load balancer is not given another kind of address while it lives: a new one is ordered.
  MP_VALUES=$BATS_TEST_TMPDIR/values target active-install
  on mp1 delete service envoy -n tsb
  host_name() { is "$(on mp1 get service envoy -n tsb -o jsonpath='{.status.loadBalancer.ingress[0].hostname}')" "$1"; }
  eventually host_name "$host"
  run -0 --separate-stderr target active-dns
  is "$(dig +short "${nameserver[@]}" "$MP1_DNS" CNAME)" "$host."
  run -0 --separate-stderr step active-login
  target active-install
  on mp1 delete service envoy -n tsb
  run -0 --separate-stderr target active-dns
  is "$(dig +short "${nameserver[@]}" "$MP1_DNS" CNAME)" ""
  eventually pair_is_whole
}

@test "active-dns: manual prints the records, waits, and goes on when somebody made them" {
  name_server
  update "del $MP_FLOAT_DNS CNAME"
  DNS_PROVIDER=manual DNS_TIMEOUT=30 step active-dns >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
  local pid=$!
  printed() { has "$(<"$BATS_TEST_TMPDIR/out")" "$MP_FLOAT_DNS. $DNS_TTL IN CNAME $MP1_DNS."; }
  eventually printed
  update "add $MP_FLOAT_DNS $DNS_TTL CNAME $MP1_DNS"
  wait "$pid"
  lacks "$(<"$BATS_TEST_TMPDIR/out")" "$MP1_DNS. $DNS_TTL IN A"
}

@test "active-dns: a hook of one's own makes the records" {
  name_server
  update "del $MP_FLOAT_DNS CNAME" "del $MP1_DNS A"
  cat >"$BATS_TEST_TMPDIR/hook" <<'HOOK'
#!/usr/bin/env bash
# set NAME TYPE VALUE TTL
printf '%s\n' "server ${DNS_SERVER%:*} ${DNS_SERVER#*:}" "zone $DNS_ZONE" "add $2 $5 $3 $4" send | nsupdate -k "$DNS_TSIG_KEY_FILE"
HOOK
  chmod +x "$BATS_TEST_TMPDIR/hook"
  DNS_PROVIDER=hook DNS_HOOK=$BATS_TEST_TMPDIR/hook run -0 --separate-stderr target active-dns
  is "$(dig +short "${nameserver[@]}" "$MP_FLOAT_DNS" CNAME)" "$MP1_DNS."
  eventually pair_is_whole
}

@test "helm 3: what helm 4 installed is as wanted, it installs and upgrades too, and helm 4 goes on from there" {
  local name before=$PATH
  mkdir "$BATS_TEST_TMPDIR/bin"
  ln -s "$LAB_DIR/bin/helm3" "$BATS_TEST_TMPDIR/bin/helm"
  export PATH=$BATS_TEST_TMPDIR/bin:$PATH
  run -0 helm version --short
  has "$output" "v3."
  run -0 changes_nothing step active-install
  run -0 changes_nothing step standby-install
  helm uninstall cert-manager -n cert-manager --kube-context mp2
  # Without the permissions that helm 3 alone needs.
  run -2 --separate-stderr target standby-cert-manager
  says 'User "lab-scripts" cannot create resource "namespaces"'
  for name in mp1 mp2; do on "$name" apply -f docs/rbac/helm3.yaml; done
  run -0 --separate-stderr target standby-cert-manager
  says "installed"
  printf '%s\n' "operator: {serviceAccount: {annotations: {made-by: helm-3}}}" >"$BATS_TEST_TMPDIR/values"
  MP_VALUES=$BATS_TEST_TMPDIR/values run -0 --separate-stderr target active-install
  says "upgraded"
  for name in mp1 mp2; do on "$name" delete -f docs/rbac/helm3.yaml; done
  PATH=$before
  run -0 --separate-stderr target active-install
  says "upgraded"
  run -0 changes_nothing step standby-cert-manager
  eventually pair_is_whole
}

@test "charts as .tgz or as a folder: the same release" {
  MP_CHART=$HANDS/managementplane.tgz run -0 --separate-stderr changes_nothing step active-install
  tar -xzf "$HANDS/managementplane.tgz" -C "$BATS_TEST_TMPDIR"
  MP_CHART=$BATS_TEST_TMPDIR/managementplane run -0 --separate-stderr changes_nothing step standby-install
}

@test "charts as a folder: another version upgrades the release, and the repository's brings it back" {
  tar -xzf "$HANDS/controlplane.tgz" -C "$BATS_TEST_TMPDIR"
  sed -i 's/^version: .*/version: 1.12.1/' "$BATS_TEST_TMPDIR/controlplane/Chart.yaml"
  CP_CHART=$BATS_TEST_TMPDIR/controlplane run -0 --separate-stderr target onboard
  says "release cp (1.12.1) in namespace istio-system of cp1 upgraded"
  run -0 --separate-stderr target onboard
  says "release cp (1.12.0) in namespace istio-system of cp1 upgraded"
}
