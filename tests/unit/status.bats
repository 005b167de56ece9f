#!/usr/bin/env bats
# What status makes of facts: each test changes the facts of a healthy pair. How they are gathered: tests/acceptance.

load helper

setup_file() {
  mkfifo "$BATS_FILE_TMPDIR"/{asked,answered}
  # Opened for writing as well, it does not end when a test closes its end.
  node "$DRIVERS/status.js" "$BATS_TEST_DIRNAME/fixtures/status.json" "$BATS_FILE_TMPDIR/answered" \
    <>"$BATS_FILE_TMPDIR/asked" >"$BATS_FILE_TMPDIR/said" 2>&1 3>&- &
  echo $! >"$BATS_FILE_TMPDIR/pid"
}

teardown_file() { kill "$(<"$BATS_FILE_TMPDIR/pid")"; }

setup() { isolate; }

# facts judge|render|json PATCH: the facts of the healthy pair with these changes.
facts() {
  printf '%s\n' "$*" >"$BATS_FILE_TMPDIR/asked"
  timeout 60 cat "$BATS_FILE_TMPDIR/answered" || { cat "$BATS_FILE_TMPDIR/said" && return 1; }
}

judge() { facts judge "$1"; }

# finds LINE…: the last judgement has these lines, whatever else.
finds() {
  local line
  for line in "$@"; do grep -qxF -- "$line" <<<"$output" || { printf 'expected: %s\nactual:\n%s\n' "$line" "$output" && return 1; }; done
}

MP1_GONE='"instances.mp1.unreachable": {"because": "refused", "lastSeenAt": "2026-01-01T00:00:00Z"}, "instances.mp1.role": null, "instances.mp1.database": null, "instances.mp1.workloads": [], "tsb.login": "failed", "tsb.error": "refused"'
RECORD='"id": "x", "kind": "failover", "from": "mp1", "to": "mp2", "startedAt": "2026-01-01T00:00:00Z", "outcome": null'

@test "status: a healthy pair is ready, and has no findings" {
  run -0 judge '{}'
  is "$output" "ready; serving: mp1; failover: mp2"
}

@test "status: with the active gone it says where to fail over to, and since when it is gone" {
  run -0 judge "{$MP1_GONE}"
  is "${lines[0]}" "broken; serving: no; failover: mp2"
  finds "broken active-unreachable mp1: make failover TO=mp2" "broken no-active pair: make failover TO=mp2"
  run -0 facts render "{$MP1_GONE, \"instances.mp2.database.lagBytes\": null, \"instances.mp2.database.replayAgeSeconds\": 7}"
  has "$output" "NO, last seen 2026-01-01T00:00:00Z"
  has "$output" "7 s old; what came after is lost"
}

@test "status: an active whose cluster is out of reach but that serves is no ground for a failover" {
  run -0 judge "{$MP1_GONE, \"tsb.login\": \"ok\"}"
  is "${lines[0]}" "degraded; serving: null; failover: mp2"
  finds "degraded active-unreachable mp1: make preflight (shows what is in the way of context mp1)"
  lacks "$output" "make failover"
}

@test "status: with the standby gone the active serves, and nothing could take over" {
  run -0 judge '{"instances.mp2.unreachable": {"because": "refused", "lastSeenAt": null}, "instances.mp2.role": null}'
  is "${lines[0]}" "degraded; serving: mp1; failover: no"
  finds "degraded instance-unreachable mp2: make preflight (shows what is in the way of context mp2)"
}

@test "status: a TSB that answers late, or a database behind one that answers, is slow, not gone" {
  run -0 judge '{"tsb.login": "late", "tsb.error": "tctl did not answer within 6 s"}'
  is "${lines[0]}" "degraded; serving: mp1; failover: mp2"
  finds "degraded tsb-slow floating: make status, once TSB and this machine have less to do"
  run -0 judge "{$MP1_GONE, \"tsb.login\": \"late\"}"
  is "${lines[0]}" "degraded; serving: null; failover: mp2"
  local late='"instances.mp1.database": null, "instances.mp1.databaseError": "asking Postgres on mp1: kubectl did not answer within 2 s"'
  run -0 judge "{$late}"
  is "${lines[0]}" "degraded; serving: mp1; failover: mp2"
  finds "degraded database-unreadable mp1: make status, once TSB and this machine have less to do"
  run -0 judge "{$late, \"tsb.login\": \"failed\"}"
  is "${lines[0]}" "broken; serving: no; failover: mp2"
  finds "broken database-unreadable mp1: make active-install ACTIVE=mp1"
}

@test "status: a fenced active whose successor is gone is to serve again" {
  run -0 judge '{"instances.mp1.isFenced": true, "instances.mp2.unreachable": {"because": "refused", "lastSeenAt": null}, "instances.mp2.role": null, "tsb.login": "failed"}'
  is "${lines[0]}" "broken; serving: no; failover: no"
  finds "broken no-active pair: make failover TO=mp1 (lets it serve again)"
}

@test "status: two actives are shouted" {
  run -0 judge '{"instances.mp2.role": "active"}'
  is "${lines[0]}" "broken; serving: no; failover: no"
  finds "broken two-actives pair: make rejoin MP=mp2"
  run -0 facts render '{"instances.mp2.role": "active"}'
  has "$output" "TWO ACTIVES: mp1 and mp2 both serve"
}

@test "status: of two actives the one that a role change left is to rejoin" {
  run -0 judge "{\"instances.mp2.role\": \"active\", \"instances.mp2.roleChange\": {$RECORD, \"phase\": \"done\", \"finishedAt\": \"2026-01-01T00:01:00Z\", \"unfencedOldActive\": true}}"
  finds "broken two-actives pair: make rejoin MP=mp1" "broken old-active-unfenced mp1: make rejoin MP=mp1 (as soon as mp1 can be reached)"
}

@test "status: no active anywhere" {
  run -0 judge '{"instances.mp1.role": "none", "tsb.login": "failed"}'
  finds "broken no-active pair: make failover TO=mp2"
  run -0 judge '{"instances.*.role": "none", "tsb.login": "failed"}'
  finds "broken no-active pair: make active"
}

@test "status: an active alone has no standby" {
  run -0 judge '{"instances.mp2.role": "none"}'
  is "${lines[0]}" "degraded; serving: mp1; failover: no"
  finds "degraded no-standby pair: make standby ACTIVE=mp1 STANDBY=mp2"
}

@test "status: a fenced former active is to rejoin; a fenced active without another is broken" {
  run -0 judge '{"instances.mp1.isFenced": true, "instances.mp2.role": "active"}'
  finds "degraded fenced mp1: make rejoin MP=mp1"
  run -0 judge '{"instances.mp1.isFenced": true}'
  is "${lines[0]}" "broken; serving: no; failover: mp2"
  has "$output" "broken fenced mp1:"
}

@test "status: a role change that was not finished is to be run again" {
  run -0 judge "{\"instances.mp2.roleChange\": {$RECORD, \"phase\": \"promote\", \"finishedAt\": null, \"unfencedOldActive\": false}}"
  finds "broken role-change-unfinished mp2: make failover TO=mp2 (or take it back: UNDO=1)"
  local planned="\"instances.mp2.roleChange\": {${RECORD/failover/switchover}, \"phase\": \"drain\", \"finishedAt\": null, \"unfencedOldActive\": false}"
  run -0 judge "{$planned, \"instances.mp1.isFenced\": true}"
  local mend="make switchover TO=mp2 (or take it back: UNDO=1)"
  finds "broken no-active pair: $mend" "broken role-change-unfinished mp2: $mend" "broken fenced mp1: $mend"
  run -0 judge "{$planned, $MP1_GONE}"
  finds "broken no-active pair: make failover TO=mp2" "broken role-change-unfinished mp2: make failover TO=mp2"
  run -0 judge "{$planned, \"instances.mp2.role\": \"active\"}"
  finds "broken role-change-unfinished mp2: make switchover TO=mp2"
  local begun="\"instances.mp2.roleChange\": {$RECORD, \"phase\": \"drain\", \"finishedAt\": null, \"unfencedOldActive\": false}"
  run -0 facts render "{$begun}"
  has "$output" "is not finished (drain); mp1 is not fenced"
  run -0 facts render "{$begun, \"instances.mp1.isFenced\": true}"
  lacks "$output" "not fenced"
}

@test "status: an old active that could not be fenced is shouted until it is a standby" {
  local record="\"instances.mp1.roleChange\": {\"id\": \"x\", \"kind\": \"failover\", \"from\": \"mp2\", \"to\": \"mp1\", \"startedAt\": \"2026-01-01T00:00:00Z\", \"outcome\": \"done\", \"phase\": \"done\", \"finishedAt\": \"2026-01-01T00:01:00Z\", \"unfencedOldActive\": true}"
  run -0 judge "{$record, \"instances.mp2.unreachable\": {\"because\": \"refused\", \"lastSeenAt\": null}, \"instances.mp2.role\": null}"
  finds "broken old-active-unfenced mp2: make rejoin MP=mp2 (as soon as mp2 can be reached)"
  run -0 judge "{$record}"
  is "$output" "ready; serving: mp1; failover: mp2"
}

@test "status: contexts that lead to one cluster, or to another than before" {
  run -0 judge '{"instances.*.clusterUid": "one", "instances.*.knownUid": null}'
  finds "broken same-cluster mp2: set MP2_CONTEXT"
  run -0 judge '{"instances.mp2.knownUid": "another"}'
  has "$output" "broken another-cluster mp2: set MP2_CONTEXT"
}

@test "status: workloads: what serves is broken, the rest degraded" {
  run -0 judge '{"instances.mp1.workloads.tsb.ready": 0, "instances.mp1.workloads.tsb.isReady": false}'
  is "${lines[0]}" "broken; serving: no; failover: mp2"
  has "$output" "broken workloads-not-ready mp1: make active-install ACTIVE=mp1"
  run -0 judge '{"instances.mp1.workloads.web.isReady": false}'
  has "$output" "degraded workloads-not-ready mp1"
}

@test "status: replication: not streaming, lagging, following another, writable" {
  run -0 judge '{"instances.mp2.database.receiver": null}'
  finds "degraded not-streaming mp2: make standby-logs STANDBY=mp2"
  run -0 judge '{"instances.mp2.database.lagBytes": 20000000}'
  finds "degraded lagging mp2: make standby-logs STANDBY=mp2"
  run -0 judge '{"instances.mp2.database.lagBytes": 100, "instances.mp2.database.lagSeconds": 2}'
  is "$output" "ready; serving: mp1; failover: mp2"
  run -0 judge '{"instances.mp2.follows": "mp9.tsb.example.com"}'
  finds "degraded follows-another mp2: make standby ACTIVE=mp1 STANDBY=mp2"
  run -0 judge '{"instances.mp2.database.inRecovery": false}'
  is "${lines[0]}" "degraded; serving: mp1; failover: no"
  finds "degraded standby-writable mp2: make rejoin MP=mp2"
}

@test "status: an active whose database is read-only does not serve" {
  run -0 judge '{"instances.mp1.database.inRecovery": true}'
  is "${lines[0]}" "broken; serving: no; failover: mp2"
  finds "broken active-read-only mp1: make failover TO=mp1"
}

@test "status: a slot that keeps much back, and Postgres not exposed" {
  run -0 judge '{"instances.mp1.database.slots": [{"name": "s", "active": false, "retainedBytes": 2000000000}], "instances.mp1.exposesPostgres": false}'
  finds "degraded slot-retains mp1: make standby-logs STANDBY=mp2" "degraded postgres-not-exposed mp1: make active-install ACTIVE=mp1"
}

@test "status: with another signing key the standby could not take over" {
  run -0 judge '{"instances.mp2.keys.signing": {"kids": ["other"], "sha256": "000000000000"}}'
  is "${lines[0]}" "degraded; serving: mp1; failover: no"
  finds "degraded signing-key-differs mp2: make standby-secrets ACTIVE=mp1 STANDBY=mp2 FORCE=1" \
    "degraded jwks-differs mp2: make standby-logs STANDBY=mp2"
  run -0 judge '{"instances.mp2.keys.signing": null, "instances.mp2.keys.jwks": null}'
  finds "degraded signing-key-missing mp2: make standby-secrets ACTIVE=mp1 STANDBY=mp2" "degraded jwks-missing mp2: make standby-logs STANDBY=mp2"
}

@test "status: with the active gone the control planes' tokens tell whether the standby's key is right" {
  run -0 judge "{$MP1_GONE, \"controlPlanes.cp1.tokenKid\": \"another\"}"
  is "${lines[0]}" "broken; serving: no; failover: no"
  finds "degraded signing-key-differs mp2: make standby-secrets ACTIVE=mp1 STANDBY=mp2 IMPORT=… FORCE=1"
}

@test "status: the standby's service account: secret, account, grant, key" {
  run -0 judge '{"instances.*.keys.standbyAccount": null}'
  finds "degraded account-secret-missing mp1: make service-account ACTIVE=mp1" "degraded account-secret-missing mp2: make standby-secrets ACTIVE=mp1 STANDBY=mp2"
  run -0 judge '{"instances.mp2.keys.standbyAccount.sha256": "000000000000"}'
  finds "degraded account-secret-differs mp2: make standby-secrets ACTIVE=mp1 STANDBY=mp2"
  run -0 judge '{"tsb.accountExists": false, "tsb.grantInForce": false, "tsb.keyAccepted": false}'
  finds "degraded account-missing mp1: make service-account ACTIVE=mp1" "degraded grant-missing mp1: make service-account ACTIVE=mp1" \
    "degraded account-key-refused mp1: make service-account ACTIVE=mp1"
}

@test "status: certificates: missing, expired, ending, names, root, key" {
  run -0 judge '{"instances.mp2.certificates.tsb-certs.daysLeft": null}'
  finds "degraded certificate-missing mp2: make renew"
  run -0 judge '{"instances.mp1.certificates.tsb-certs.daysLeft": -1}'
  finds "broken certificate-expired mp1: make renew"
  run -0 judge '{"instances.mp2.certificates.xcp-central-cert.daysLeft": 29, "instances.mp2.certificates.root.daysLeft": 29}'
  finds "degraded certificate-ends mp2: make renew" "degraded certificate-ends mp2: make rotate-root"
  run -0 judge '{"instances.*.certificates.*.daysLeft": 30}'
  is "${lines[0]}" "ready; serving: mp1; failover: mp2"
  run -0 judge '{"instances.mp2.certificates.tsb-certs.coversFloating": false, "instances.mp2.certificates.tsb-certs.isSignedByRoot": false, "instances.mp2.certificates.tsb-certs.isKeyItsOwn": false}'
  is "${lines[0]}" "degraded; serving: mp1; failover: no"
  finds "degraded certificate-names mp2: make renew" "degraded certificate-root mp2: make renew" "degraded certificate-key mp2: make renew"
  run -0 judge '{"instances.mp2.certificates.root.sha256": "000000000000"}'
  finds "degraded roots-differ pair: make rotate-root"
}

@test "status: releases and versions" {
  run -0 judge '{"instances.mp2.release": null}'
  finds "degraded release-missing mp2: make standby STANDBY=mp2"
  run -0 judge '{"instances.mp2.release.status": "pending-upgrade"}'
  finds "degraded release-not-deployed mp2: make standby STANDBY=mp2"
  run -0 judge '{"instances.mp2.version": "1.11.0"}'
  finds "degraded versions-differ pair: make upgrade"
}

@test "status: the floating name elsewhere, and resolvers that say something else" {
  run -0 judge '{"floating.authority.cname": "mp2.tsb.example.com", "floating.authority.addresses": []}'
  finds "broken float-elsewhere floating: make active-dns ACTIVE=mp1 FORCE=1"
  run -0 judge '{"floating.authority.cname": null, "floating.authority.addresses": [], "floating.authority.kind": "absent"}'
  finds "broken float-elsewhere floating: make active-dns ACTIVE=mp1"
  run -0 judge '{"floating.resolver.cname": "mp2.tsb.example.com"}'
  has "$output" "degraded resolver-differs floating"
  run -0 judge '{"floating.authority.ttlSeconds": 3600}'
  has "$output" "degraded ttl-high floating"
  run -0 judge '{"instances.mp1.permanentName.authority.addresses": ["192.0.2.9"]}'
  finds "broken permanent-elsewhere mp1: make active-dns ACTIVE=mp1"
  run -0 judge '{"floating.authority.kind": "failed"}'
  is "${lines[0]}" "degraded; serving: mp1; failover: mp2"
}

@test "status: no login is broken; TSB that was not asked is only said" {
  run -0 judge '{"tsb.login": "failed", "tsb.error": "401"}'
  is "${lines[0]}" "broken; serving: no; failover: mp2"
  finds "broken login-failed floating: make active-login"
  run -0 judge '{"tsb": {"login": "not asked", "error": "TSB_ORG is not set", "accountExists": null, "grantInForce": null, "keyAccepted": null}}'
  is "${lines[0]}" "ready; serving: mp1; failover: mp2"
  finds "info tsb-not-asked pair: set TSB_ORG, TSB_ADMIN_PASSWORD"
}

@test "status: control planes: not READY, another host, out of reach, another token" {
  run -0 judge '{"controlPlanes.cp1.status": "NOT_READY"}'
  finds "degraded control-plane-not-ready cp1: make onboard CLUSTER_NAME=cp1"
  run -0 judge '{"controlPlanes.cp1.host": "mp1.tsb.example.com"}'
  finds "degraded control-plane-host cp1: make onboard CLUSTER_NAME=cp1"
  run -0 judge '{"controlPlanes.cp1.reachable": false}'
  finds "degraded control-plane-unreachable cp1: check context cp1"
  run -0 judge '{"controlPlanes.cp1.tokenKid": "another"}'
  has "$output" "degraded control-plane-token cp1: kubectl --context cp1 rollout restart deploy/edge"
}

@test "status: every finding's code is in docs/status.md" {
  local code codes
  codes=$(grep -ohE '(code: |fault\([^"]*)"[a-z-]+"' "$ROOT"/lib/status-judge*.ts | grep -oE '"[a-z-]+"' | tr -d '"' | sort -u)
  [ "$(wc -l <<<"$codes")" -gt 30 ]
  for code in $codes; do grep -q "^|.*\`$code\`.*| [bdi]" "$ROOT/docs/status.md" || { echo "not in docs/status.md: $code" && return 1; }; done
}

@test "status: the JSON has the fields that docs/status.md names, and no others" {
  run -0 facts json '{}'
  local documented actual
  # shellcheck disable=SC2016  # backquotes of Markdown
  documented=$(sed -n '/^## The JSON/,/^## Findings/p' "$ROOT/docs/status.md" | grep -oE '^\| `[a-zA-Z]+`' | tr -d '|` ' | sort)
  actual=$(node -e 'console.log(Object.keys(JSON.parse(process.argv[1])).sort().join("\n"))' "$output")
  is "$actual" "$documented"
}

@test "status: wrong settings are refused before anything is asked" {
  run -2 --separate-stderr script status FAIL_WITHIN=soon WATCH=yes
  says "FAIL_WITHIN"
  says "WATCH"
  nothing_touched
}
