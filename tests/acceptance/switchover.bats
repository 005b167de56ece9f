#!/usr/bin/env bats
# The planned role change.
# bats sets output, lines and stderr.
# shellcheck disable=SC2154,SC2030,SC2031

load helper
load roles
load looking

setup_file() { role_lab; }
setup() { in_lab && FROM=$(healthy) && TO=$(other "$FROM") && export TO; }

@test "switchover: a dry run gathers the facts, prints the plan with its unknowns, and changes nothing" {
  DRY_RUN=1 run -0 --separate-stderr changes_nothing step switchover
  has "$output" "wait for the front envoy's address on $TO: <not known before>"
  says "Postgres on $TO streams"
  is "$(active)" "$FROM"
}

@test "switchover: a second run changes nothing" {
  TO=$FROM run -0 --separate-stderr changes_nothing step switchover
  says "$FROM is the active already"
}

@test "switchover: an operator that undoes the fence, and a control plane that does not come back by itself" {
  writing
  # Killed just before helm promotes: the old active serves again, and what it writes has to be waited for.
  killed_after drain switchover
  about_to_promote "$TO"
  touch "$LAB_DIR/$FROM/operator-rescale" "$LAB_DIR/cp1/edge-keeps-address" "$LAB_DIR/cp1/edge-keeps-tokens"
  eventually serves_again
  run -0 --separate-stderr step switchover
  written
  says "its operator is stopped, too"
  says "$TO has replayed everything that $FROM wrote"
  says "restarting its deployment edge"
  is "$(lost "$TO")" ""
  rm "$LAB_DIR"/*/{operator-rescale,edge-keeps-address,edge-keeps-tokens}
  eventually one_pair "$TO"
}

@test "switchover: killed before the promotion, it can be undone" {
  killed_after fence switchover
  look 1 "a switchover begun" \
    "broken role-change-unfinished $TO: make switchover TO=$TO (or take it back: UNDO=1)" \
    "broken no-active pair: make switchover TO=$TO (or take it back: UNDO=1)"
  UNDO=1 run -0 --separate-stderr step switchover
  says "undone: $FROM serves again"
  is "$(active) $(journal "$TO" outcome)" "$FROM undone"
  step active-login
}

@test "switchover: past the promotion there is no way back, and the old active's data stays until it was compared" {
  # Nor while the helm of a run that was killed is at work.
  slow_helm
  begin switchover
  eventually helm_is_at_work
  kill -KILL "$BEGUN"
  is "$(role "$TO")" standby
  local code=0
  UNDO=1 begin switchover
  said "waiting whether another helm is at work"
  kill "$SILENT"
  wait "$BEGUN" || code=$?
  is $code 4
  has "$(<"$BATS_TEST_TMPDIR/begun")" "there is no way back, only forward"
  on "$TO" delete validatingwebhookconfiguration slow
  touch "$LAB_DIR/$FROM/operator-rescale"
  eventually serves_again
  look 1 "past the promotion, the fence undone by the operator" \
    "broken two-actives pair: make rejoin MP=$FROM" "broken role-change-unfinished $TO: make switchover TO=$TO"
  has "$(fact 'findings.map(({ text }) => text).join()')" "$FROM is not fenced"
  rm "$LAB_DIR/$FROM/operator-rescale"
  UNDO=1 run -4 --separate-stderr changes_nothing step switchover
  says "there is no way back, only forward"
  postgres_down "$FROM"
  run -4 --separate-stderr step switchover
  says "what $FROM wrote last can't be compared"
  says "the data of $FROM stays until it was compared"
  postgres_up "$FROM"
  step switchover
}

# slow_helm: a change of the standby's ManagementPlane takes until SILENT is killed, 30 s at most.
slow_helm() {
  node -e 'require("net").createServer().listen(0, "127.0.0.1", function () { console.log(this.address().port) })' \
    >"$BATS_TEST_TMPDIR/port" 3>&- &
  SILENT=$!
  eventually test -s "$BATS_TEST_TMPDIR/port"
  on "$TO" apply -f - <<YAML
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: slow}
webhooks:
  - name: slow.example.com
    clientConfig: {url: "https://127.0.0.1:$(<"$BATS_TEST_TMPDIR/port")/"}
    rules: [{apiGroups: [install.tetrate.io], apiVersions: ["*"], resources: [managementplanes], operations: [UPDATE]}]
    admissionReviewVersions: [v1]
    sideEffects: None
    failurePolicy: Ignore
    timeoutSeconds: 30
YAML
}

helm_is_at_work() { [ -n "$(on "$TO" get secrets -n tsb -l owner=helm,status=pending-upgrade -o name)" ]; }

teardown() {
  [ -z "${SILENT:-}" ] || { kill "$SILENT" 2>/dev/null || true; on "$TO" delete validatingwebhookconfiguration slow --ignore-not-found; }
}

# about_to_promote INSTANCE: the journal there says that all is done but the promotion, which is begun.
about_to_promote() {
  on "$1" get configmap tsb-active-standby-role-change -n tsb -o jsonpath='{.data.journal}' >"$BATS_TEST_TMPDIR/journal"
  on "$1" patch configmap tsb-active-standby-role-change -n tsb --type merge -p "$(node -p '
    const journal = JSON.parse(fs.readFileSync(process.argv[1], "utf8"));
    const phases = ["fence", "drain"].map((name) => ({ name, startedAt: journal.startedAt, seconds: 1 }));
    JSON.stringify({ data: { journal: JSON.stringify({ ...journal, phases, phase: "promote", pointOfNoReturnPassed: true }) } })' \
    "$BATS_TEST_TMPDIR/journal")"
}

serves_again() { is "$(on "$FROM" get deployment tsb iam -n tsb -o jsonpath='{.items[*].status.readyReplicas}')" "1 1"; }

@test "switchover: killed after any phase, a second run finishes it" {
  # Before the promotion, and in it: see the tests above.
  local phase phases="old-active"
  [ -z "${EVERY_MOMENT:-}" ] || phases="fence drain promote front-envoy dns login control-planes workloads loss followers old-active"
  for phase in $phases; do
    killed_after "$phase" switchover
    timed "killed after $phase: finished" step switchover >"$BATS_TEST_TMPDIR/rerun" 2>&1 || { cat "$BATS_TEST_TMPDIR/rerun" && return 1; }
    one_pair "$TO"
    TO=$(other "$TO")
  done
}

@test "switchover: the old active dies after the promotion: a failover finishes it" {
  killed_after dns switchover
  lab control kill "$FROM"
  run -4 --separate-stderr step switchover
  says "make failover TO=$TO"
  run -0 --separate-stderr step failover
  is "$(active) $(role "$TO")" "$TO active"
  lab control revive "$FROM"
  eventually on "$FROM" get namespace tsb
  MP=$FROM CONFIRM=$FROM step rejoin
}

@test "switchover: refused, with nothing changed, unless all that it needs is there" {
  TO=mp7 run -2 --separate-stderr changes_nothing step switchover
  says "MP7_DNS is not set"
  echo "host: $FROM.$DNS_ZONE" >"$BATS_TEST_TMPDIR/replication.yaml"
  REPLICATION_SETTINGS=$BATS_TEST_TMPDIR/replication.yaml run -1 --separate-stderr changes_nothing step switchover
  says "lead to $FROM, but $TO is to be followed"
  without_secret "$TO" iam-signing-key run -1 --separate-stderr changes_nothing step switchover
  says "$TO has no Secret iam-signing-key"
  on "$TO" scale deployment tsb-operator-management-plane -n tsb --replicas=0
  eventually none_running "$TO" name=tsb-operator
  run -1 --separate-stderr changes_nothing step switchover
  on "$TO" scale deployment tsb-operator-management-plane -n tsb --replicas=1
  on "$TO" wait --for=condition=Available deployment/tsb-operator-management-plane -n tsb --timeout=60s
  says "the operator of $TO, which would promote it, is not ready"
  without_secret "$FROM" tsb-standby-sa run -1 --separate-stderr changes_nothing step switchover
  says "$FROM has no Secret tsb-standby-sa"
}
