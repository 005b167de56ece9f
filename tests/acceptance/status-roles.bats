#!/usr/bin/env bats
# Could I fail over now? Asked when a site is gone, or does not answer in time. After role changes: failover.bats,
# switchover.bats
# bats sets output, lines and stderr.
# shellcheck disable=SC2154,SC2016,SC2030,SC2031

load helper
load roles
load by-hand
load looking
load bundle

setup_file() { role_lab; }
setup() { in_lab && FROM=$(healthy) && TO=$(other "$FROM") && export TO; }
teardown() {
  lab control signal "$TO/kube-apiserver" CONT >/dev/null
  lab control revive "$FROM" >/dev/null
  lab control revive "$TO" >/dev/null
  [ -n "${BATS_TEST_COMPLETED:-}" ] || ACTIVE=$FROM STANDBY=$TO FORCE=1 step standby-secrets
}

streams() { is "$(sql "$TO" "select status from pg_stat_wal_receiver")" streaming; }

@test "status: with the active's site killed it says since when, what would be lost, and where to fail over to" {
  local copy=$BATS_TEST_TMPDIR/copy
  ACTIVE=$FROM STANDBY=$TO EXPORT=$copy step standby-secrets
  look 0 "both sites up"
  lab control kill "$FROM"
  look 1 "active's site killed" \
    "broken active-unreachable $FROM: make failover TO=$TO" "broken no-active pair: make failover TO=$TO"
  is "$(fact '[active, isServing, failover.isPossible, failover.to].join()')" ",false,true,$TO"
  [[ "$(fact 'instances.find((one) => one.unreachable).unreachable.lastSeenAt')" == 20*T*Z ]]
  has "$(fact 'failover.because.join()')" "what came after is lost"
  has "$(fact 'findings.map(({ text }) => text).join()')" "can't be reached, last seen 20"

  # The control planes hold tokens that the active signed: with another key nobody would be let in.
  give_secret "$TO" iam-signing-key private.key "$(jwk)"
  look 1 "another signing key, nothing to compare it with" \
    "degraded signing-key-differs $TO: make standby-secrets ACTIVE=$FROM STANDBY=$TO IMPORT=… FORCE=1"
  is "$(fact failover.isPossible)" false
  ALLOW_DATA_LOSS=$TO run -1 --separate-stderr changes_nothing step failover
  says "iam-signing-key of $TO (kid another) did not sign the token of control plane cp1"
  says "elsewhere: ALLOW_TOKEN_LOSS=$TO"
  ALLOW_TOKEN_LOSS=$TO run -1 --separate-stderr step failover
  says "elsewhere: ALLOW_DATA_LOSS=$TO"
  ACTIVE=$FROM STANDBY=$TO IMPORT=$copy FORCE=1 step standby-secrets
  CLUSTER_NAME=cp1,cp9 run -1 --separate-stderr step failover
  says "signed the token of control plane cp1"
  says "signed the token of control plane cp9 can't be told"
  says "elsewhere: ALLOW_DATA_LOSS=$TO"

  bundle
  has "$(<"$BUNDLE/status.json")" '"code": "active-unreachable"'
  has "$(<"$BUNDLE/$FROM/objects.error.txt")" "$FROM"
  has "$(ls "$BUNDLE/$TO")" operator.log

  lab control revive "$FROM"
  eventually streams
}

@test "status: with the standby's site killed users are served, and nothing could take over" {
  lab control kill "$TO"
  look 3 "standby's site killed"
  has "$(<"$BATS_TEST_TMPDIR/findings")" "degraded instance-unreachable $TO: make preflight"
  is "$(fact '[active, isServing, failover.isPossible].join()')" "$FROM,true,false"
  lab control revive "$TO"
  eventually streams
}

@test "status: an API server that stalls holds nobody up, and a slow tctl does not make a pair a broken one" {
  mkdir "$BATS_TEST_TMPDIR/bin"
  printf '#!/bin/sh\nexec sleep 60\n' >"$BATS_TEST_TMPDIR/bin/tctl"
  chmod +x "$BATS_TEST_TMPDIR/bin/tctl"
  lab control signal "$TO/kube-apiserver" STOP
  PATH=$BATS_TEST_TMPDIR/bin:$PATH look 3 "standby's API server stopped with SIGSTOP, and a tctl that hangs" \
    "degraded tsb-slow floating: make status, once TSB and this machine have less to do"
  lab control signal "$TO/kube-apiserver" CONT
  is "$(fact '[active, isServing, tsb.login].join()')" "$FROM,true,late"
  has "$(<"$BATS_TEST_TMPDIR/findings")" "degraded instance-unreachable $TO: make preflight"
  has "$(fact 'findings.map(({ text }) => text).join()')" "$TO can't be reached"
  has "$(fact 'findings.find(({ code }) => code === "instance-unreachable").text')" "did not answer within"
}
