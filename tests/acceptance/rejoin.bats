#!/usr/bin/env bats
# An old active that came back, with data that its successor never had.
# bats sets output, lines and stderr.
# shellcheck disable=SC2154,SC2030,SC2031

load helper
load roles

setup_file() { role_lab; }
setup() { in_lab && FROM=$(healthy) && TO=$(other "$FROM") && export TO; }

# diverged: the active dies, its standby takes over, it comes back as a second active and is written to.
diverged() {
  lab control kill "$FROM"
  ALLOW_DATA_LOSS=$TO step failover
  lab control revive "$FROM"
  eventually sql "$FROM" "create table only_here (word text); insert into only_here values ('diverged-$1')"
}

@test "rejoin: refused for the instance that serves, and when nobody else is active; nothing is changed" {
  MP=$FROM run -1 --separate-stderr changes_nothing step rejoin
  says "no other instance is active: $FROM has nobody to follow"
  MP=$TO run -0 --separate-stderr changes_nothing step rejoin
  says "$TO is a standby of $FROM already"
  # One that was killed at its end is closed: it must not speak for another one, years later.
  agreed "$FROM" "$TO" "$(date -u +%FT%T.999Z)"
  MP=$TO step rejoin
  has "$(on "$FROM" get configmap tsb-active-standby-rejoin -n tsb -o jsonpath='{.data.journal}')" finishedAt
  lab control kill "$TO"
  MP=$TO run -1 --separate-stderr changes_nothing step rejoin
  says "$TO can't be reached"
  lab control revive "$TO"
  eventually one_pair_again "$FROM"
}

one_pair_again() { is "$(sql "$(other "$1")" "select status from pg_stat_wal_receiver")" streaming; }

@test "rejoin: fences, keeps the diverged data aside, asks by name, deletes the database's claims only, and streams" {
  local dump
  diverged once
  is "$(roles)" "active active"
  on "$FROM" create -f - <<END
{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"somebody-elses","namespace":"tsb","labels":{"app":"tsb-postgres"}},
 "spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}}
END
  MP=$TO run -1 --separate-stderr changes_nothing step rejoin
  says "$MP_FLOAT_DNS leads to $TO: clients use it as the active"
  # Consent from before the last role change was for other data.
  agreed "$TO" "$FROM" 2020-01-01T00:00:00.000Z
  MP=$FROM run -4 --separate-stderr step rejoin
  says "elsewhere: CONFIRM=$FROM"
  says "bytes of log beyond that point, which $TO never had"
  is "$(on "$FROM" get deployment tsb iam -n tsb -o jsonpath='{.items[*].spec.replicas}')" "0 0"
  dump=$(find "$STATE_DIR/rejoin" -name "$FROM-*.sql" | sort | tail -1)
  has "$(cat "$dump")" "diverged-once"
  is "$(stat -c %a "$dump")" 600
  # TSB guards its resource by a webhook that its operator answers; and that is stopped.
  guard_resource "$FROM"
  MP=$FROM CONFIRM=$FROM begin rejoin
  said "its operator is started first"
  on "$FROM" delete validatingwebhookconfiguration guard
  wait "$BEGUN"
  show "rejoin of $FROM, a webhook in its way for a while: $(grep -o 'done in .*' "$BATS_TEST_TMPDIR/begun")"
  has "$(<"$BATS_TEST_TMPDIR/begun")" "claims that go: postgres-db-tsb-postgres-1-0; nothing else"
  on "$FROM" delete pvc somebody-elses -n tsb --wait=false
  run ! sql "$FROM" "table only_here"
  one_pair "$TO"
}

# guard_resource INSTANCE: nobody answers the webhook that every change of its ManagementPlane has to pass.
guard_resource() {
  on "$1" apply -f - <<YAML
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: guard}
webhooks:
  - name: guard.example.com
    clientConfig: {url: "https://127.0.0.1:1/"}
    rules: [{apiGroups: [install.tetrate.io], apiVersions: ["*"], resources: [managementplanes], operations: [UPDATE]}]
    admissionReviewVersions: [v1]
    sideEffects: None
YAML
  eventually guarded "$1"
}

guarded() { run ! on "$1" annotate managementplane managementplane -n tsb --dry-run=server x=y; }

# agreed ACTIVE INSTANCE TIME: a rejoin was agreed to then, and not finished.
agreed() {
  on "$1" create configmap tsb-active-standby-rejoin -n tsb --dry-run=client -o yaml --from-literal=journal="{
    \"instance\":\"$2\",\"startedAt\":\"$3\",\"agreedAt\":\"$3\",\"claims\":[]}" |
    on "$1" apply --server-side --force-conflicts -f -
}

@test "rejoin: killed after the claims were given up, a second run finishes it" {
  diverged twice
  MP=$FROM CONFIRM=$FROM begin rejoin
  eventually claims_are_given_up "$TO"
  kill -KILL -- "-$BEGUN"
  wait "$BEGUN" || true
  MP=$FROM run -0 --separate-stderr step rejoin
  has "$output" "floating name: $MP_FLOAT_DNS: CNAME $TO.$DNS_ZONE"
  one_pair "$TO"
  MP=$FROM run -0 --separate-stderr changes_nothing step rejoin
}

claims_are_given_up() { on "$1" get configmap tsb-active-standby-rejoin -n tsb -o jsonpath='{.data.journal}' | grep -v finishedAt | grep -q agreedAt; }
