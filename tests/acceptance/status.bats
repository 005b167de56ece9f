#!/usr/bin/env bats
# Could I fail over now? Asked of a healthy pair, and of one with faults made on purpose: each is found, and what is
# named as its mend mends it. Sites that are gone and roles that changed: status-roles.bats
# bats sets output, lines and stderr.
# shellcheck disable=SC2154,SC2016,SC2030,SC2031

load helper
load by-hand
load looking

setup_file() { installed_lab && prepare_hands; }
setup() { in_lab; }
teardown() { [ -n "${BATS_TEST_COMPLETED:-}" ] || as_installed; }

# as_installed: whatever a test that failed has left behind.
as_installed() {
  rm -f "$LAB_DIR"/mp1/operator-rescale
  on mp1 scale deployment tsb iam -n tsb --replicas 1
  sql mp1 "alter role tsb_replication login"
  target active-dns FORCE=1
  on mp1 delete secret tsb-standby-sa -n tsb --ignore-not-found
  target service-account
  target standby-secrets FORCE=1
  control_plane
  eventually pair_is_whole
}

@test "status: a healthy pair is ready, every fact is known, nothing is changed, and no lock is waited for" {
  lock_held mp1
  lock_held mp2
  JSON=1 run -0 --separate-stderr timed "status, a healthy pair" changes_nothing step status
  on mp1 delete lease tsb-active-standby -n tsb && on mp2 delete lease tsb-active-standby -n tsb
  printf '%s\n' "$output" >"$BATS_TEST_TMPDIR/report.json"
  is "$(fact '[schemaVersion, verdict, active, isServing, findings.length].join()')" "1,ready,mp1,true,0"
  is "$(fact '[failover.isPossible, failover.to].join()')" true,mp2
  is "$(fact 'instances.map((one) => [one.name, one.dns, one.role, one.follows, one.release.status, one.version].join()).join(" ")')" \
    "mp1,$MP1_DNS,active,,deployed,$TSB_VERSION mp2,$MP2_DNS,standby,$MP1_DNS,deployed,$TSB_VERSION"
  is "$(fact '[floating.name, floating.authority.cname, floating.resolver.cname, floating.authority.ttlSeconds].join()')" \
    "$MP_FLOAT_DNS,$MP1_DNS,$MP1_DNS,$DNS_TTL"
  is "$(fact 'instances[0].permanentName.authority.addresses.join() === instances[0].address')" true
  is "$(fact 'instances.map(({ database }) => [database.inRecovery, database.receiver, database.senderHost].join()).join(" ")')" \
    "false,, true,streaming,$MP1_DNS"
  is "$(fact 'instances[0].database.slots.map(({ name, active }) => [name, active]).join()')" standby_mp2,true
  is "$(fact 'Object.values(instances[0].keys).every((key, i) => key.kids.length === 1 && key.sha256 === Object.values(instances[1].keys)[i].sha256)')" true
  is "$(fact 'instances.map(({ certificates }) => certificates.map((one) => [one.name, one.daysLeft > 360, one.coversOwn && one.coversFloating && one.isSignedByRoot && one.isKeyItsOwn].join()).join(" ")).join("; ")')" \
    "tsb-certs,true,true xcp-central-cert,true,true root,true,; tsb-certs,true,true xcp-central-cert,true,true root,true,"
  is "$(fact 'Object.values(tsb).join()')" ok,,true,true,true
  is "$(fact 'controlPlanes.map((one) => [one.name, one.status, one.reachable, one.host, one.port, one.edgeReady, one.tokenKid === instances[0].keys.signing.kids[0]].join()).join()')" \
    "cp1,READY,true,$MP_FLOAT_DNS,$MP_PORT,true,true"
  is "$(fact 'instances.flatMap((one) => one.workloads).filter((one) => !one.isReady).length')" 0
  is_documented
}

# is_documented: every field of the report is named in docs/status.md.
is_documented() {
  sed -n '/^## The JSON/,/^## Findings/p' docs/status.md | grep -oE '`[a-zA-Z0-9]+`' | tr -d '`' | sort -u >"$BATS_TEST_TMPDIR/documented"
  fact '(() => { const names = new Set(); JSON.stringify({ floating, instances, tsb, controlPlanes, failover }, (key, value) => (/^[a-z]/i.test(key) && names.add(key), value)); return [...names].join("\n"); })()' |
    sort -u >"$BATS_TEST_TMPDIR/fields"
  is "$(comm -23 "$BATS_TEST_TMPDIR/fields" "$BATS_TEST_TMPDIR/documented")" ""
}

@test "status: WATCH=1 draws the screen again, and ends with 130 at Ctrl-C" {
  command -v script >/dev/null || skip "needs script of util-linux for a terminal"
  WATCH=1 run -130 watching
  has "$output" "READY"
  has "$output" "could I fail over now: yes, to mp2"
  has "$output" "status: interrupted (SIGINT)"
}

# watching: on a terminal, until it was drawn twice; then Ctrl-C.
watching() {
  { eventually drawn 2 && printf '\003'; } |
    as_scripts script -qefc "node .build/status.mjs" "$BATS_TEST_TMPDIR/screen"
}

# drawn TIMES: the screen was cleared and drawn anew so often.
drawn() { (($(grep -c "could I fail over now" "$BATS_TEST_TMPDIR/screen") >= $1)); }

@test "status: certificates that end within FAIL_WITHIN days" {
  FAIL_WITHIN=3650 look 3 "certificates that end"
  finds "degraded certificate-ends mp1: make renew" "degraded certificate-ends mp2: make rotate-root"
  is "$(fact '[isServing, failover.isPossible].join()')" true,true
}

@test "status: a control plane that dials another name; one out of reach" {
  control_plane --set "spec.managementPlane.host=$MP1_DNS"
  eventually is_not_ready
  look 3 "a control plane with a wrong host" \
    "degraded control-plane-host cp1: make onboard CLUSTER_NAME=cp1" \
    "degraded control-plane-not-ready cp1: make onboard CLUSTER_NAME=cp1"
  mended control-plane-host
  cp "$KUBECONFIG" "$BATS_TEST_TMPDIR/kubeconfig"
  export KUBECONFIG=$BATS_TEST_TMPDIR/kubeconfig
  kubectl config set-cluster cp1 --server=https://127.0.0.1:1
  look 3 "a control plane out of reach"
  is "$(<"$BATS_TEST_TMPDIR/findings")" "degraded control-plane-unreachable cp1: check context cp1"
}

is_not_ready() { has "$(as_admin tctl status cluster cp1 -o json)" NOT_READY; }

@test "status: a standby whose link is cut does not stream" {
  sql mp1 "alter role tsb_replication nologin" && sql mp1 "select pg_terminate_backend(pid) from pg_stat_replication"
  eventually is_cut
  look 3 "a standby that does not stream" \
    "degraded not-streaming mp2: make standby-logs STANDBY=mp2"
  is "$(fact '[isServing, failover.isPossible].join()')" true,true
  sql mp1 "alter role tsb_replication login"
  mended not-streaming
}

is_cut() { is "$(sql mp2 "select count(*) from pg_stat_wal_receiver")" 0; }

@test "status: an iam-signing-key on the standby that differs, or is missing, forbids a failover" {
  give_secret mp2 iam-signing-key private.key "$(jwk)"
  look 3 "another signing key" \
    "degraded signing-key-differs mp2: make standby-secrets ACTIVE=mp1 STANDBY=mp2 FORCE=1"
  is "$(fact '[isServing, failover.isPossible, failover.because].join()')" "true,false,mp2: its iam-signing-key is not the active's"
  mended signing-key-differs
  on mp2 delete secret iam-signing-key -n tsb
  look 3 "no signing key" \
    "degraded signing-key-missing mp2: make standby-secrets ACTIVE=mp1 STANDBY=mp2"
  is "$(fact '[isServing, failover.isPossible].join()')" true,false
  mended signing-key-missing
  eventually pair_is_whole
}

@test "status: tsb-standby-sa without its grant, and with a key that is none of its own" {
  edit_bindings 'allow = allow.filter((rule) => !JSON.stringify(rule).includes("tsb-standby-sa"))'
  look 3 "no grant" "degraded grant-missing mp1: make service-account ACTIVE=mp1"
  mended grant-missing
  give_secret mp1 tsb-standby-sa jwk "$(jwk)"
  look 3 "a key that is not accepted" "degraded account-key-refused mp1: make service-account ACTIVE=mp1" \
    "degraded account-secret-differs mp2: make standby-secrets ACTIVE=mp1 STANDBY=mp2"
  mended account-key-refused
  look 0 "service account mended"
}

@test "status: the floating name leads to the standby, or nowhere" {
  dns_set "$MP_FLOAT_DNS" CNAME "$MP2_DNS."
  look 1 "floating name elsewhere" \
    "broken float-elsewhere floating: make active-dns ACTIVE=mp1 FORCE=1" "broken login-failed floating: make active-login"
  is "$(fact '[isServing, failover.isPossible].join()')" false,true
  mended float-elsewhere
  dns_set "$MP_FLOAT_DNS"
  look 1 "no floating name" \
    "broken float-elsewhere floating: make active-dns ACTIVE=mp1"
  mended float-elsewhere
  look 0 "floating name mended"
}

@test "status: an active that is fenced is no active; an operator that undoes the fence is seen" {
  on mp1 scale deployment tsb iam -n tsb --replicas 0
  eventually is_fenced
  look 1 "no active" \
    "broken no-active pair: make failover TO=mp2"
  has "$(<"$BATS_TEST_TMPDIR/findings")" "broken fenced mp1: kubectl --context mp1 scale deploy -n tsb tsb iam --replicas 1"
  is "$(fact '[active, isServing, failover.to].join()')" ",false,mp2"
  touch "$LAB_DIR/mp1/operator-rescale"
  eventually pair_is_whole
  rm "$LAB_DIR/mp1/operator-rescale"
  look 0 "fence undone by the operator"
}

is_fenced() { is "$(on mp1 get deployment tsb iam -n tsb -o jsonpath='{.items[*].status.readyReplicas}')" ""; }
