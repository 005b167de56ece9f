#!/usr/bin/env bats
# The unplanned role change: the active is dead. And the lock, which keeps a second run away.
# bats sets output, lines and stderr.
# shellcheck disable=SC2154,SC2030,SC2031

load helper
load roles
load looking

setup_file() { role_lab; }
setup() { in_lab && FROM=$(healthy) && TO=$(other "$FROM") && export TO; }

# back: the dead one is revived, and becomes the standby.
back() {
  lab control revive "$1"
  eventually on "$1" get namespace tsb
  MP=$1 CONFIRM=$1 step rejoin
}

@test "failover: refused without consent by the right name, with nothing changed" {
  lab control kill "$FROM"
  run -1 --separate-stderr changes_nothing step failover
  says "elsewhere: ALLOW_DATA_LOSS=$TO"
  says "whatever $FROM wrote and $TO did not receive is lost for good"
  ALLOW_DATA_LOSS=$FROM run -1 --separate-stderr changes_nothing step failover
  says "ALLOW_DATA_LOSS names $FROM, not $TO"
  run -1 changes_nothing typing "$FROM\n" failover
  has "$output" "\"$FROM\" was typed, not $TO"
  run -1 --separate-stderr step switchover
  says "make failover TO=$TO"
  lab control revive "$FROM"
  eventually one_is_streaming
}

one_is_streaming() { is "$(sql "$TO" "select status from pg_stat_wal_receiver")" streaming; }

@test "failover: refused when the standby is none, was never synchronised, or has no key; nothing is changed" {
  export ALLOW_DATA_LOSS=$TO
  TO=$FROM ALLOW_DATA_LOSS=$FROM run -0 --separate-stderr changes_nothing step failover
  says "$FROM is the active already"
  without_secret "$TO" iam-signing-key run -1 --separate-stderr changes_nothing step failover
  says "clients and control planes would be turned away"
  postgres_down "$TO"
  run -1 --separate-stderr changes_nothing step failover
  local said=$stderr
  look 3 "the standby's Postgres scaled down" \
    "degraded database-unreadable $TO: make standby-logs STANDBY=$TO"
  postgres_up "$TO"
  has "$said" "$TO was never synchronised"
  eventually one_is_streaming
}

@test "failover: the active is killed under a writer; what is lost is said; an old active that comes back is known" {
  writing
  sleep 2
  lab control kill "$FROM"
  ALLOW_DATA_LOSS=$TO run -0 --separate-stderr timed "failover $FROM -> $TO" step failover
  written
  show "writer: $WRITTEN" "acknowledged and lost: $(lost "$TO" | wc -l), $(phases)"
  says "iam-signing-key of $TO (kid $(kid "$TO")) signed the token of control plane cp1"
  says "$FROM is NOT fenced"
  says "when it comes back, run this first: make rejoin MP=$FROM"
  is "$(active) $(role "$TO") $(journal "$TO" unfencedOldActive)" "$TO active true"
  look 1 "after a failover, the old active not fenced" \
    "broken old-active-unfenced $FROM: make rejoin MP=$FROM (as soon as $FROM can be reached)"
  is "$(fact '[active, isServing, failover.isPossible].join()')" "$TO,true,false"
  lab control revive "$FROM"
  eventually on "$FROM" get namespace tsb
  look 1 "two actives" \
    "broken two-actives pair: make rejoin MP=$FROM"
  # With the name gone nothing tells which of them serves: neither is given up.
  dns_set "$MP_FLOAT_DNS"
  MP=$TO CONFIRM=$TO run -1 --separate-stderr changes_nothing step rejoin
  dns_set "$MP_FLOAT_DNS" CNAME "$TO.$DNS_ZONE."
  says "so it can't be told whether $TO or $FROM serves"
  MP=$FROM run -0 typing "$FROM\n" rejoin
  is "$(journal "$TO" unfencedOldActive)" false
  one_pair "$TO"
}

kid() { on "$1" get secret tsb-iam-jwks -n tsb -o jsonpath='{.data.jwks\.json}' | base64 -d | node -p 'JSON.parse(fs.readFileSync(0)).keys[0].kid'; }

@test "failover: the active comes back while the name is asked for: it is fenced, and nothing is lost" {
  lab control kill "$FROM"
  run -0 typing_once_back "$FROM" "$TO\n" failover
  has "$output" "$FROM can be reached again: it is fenced first"
  has "$output" "$TO has replayed everything that $FROM wrote"
  lacks "$output" "NOT fenced"
  is "$(active) $(role "$TO") $(journal "$TO" unfencedOldActive)" "$TO active false"
  MP=$FROM CONFIRM=$FROM step rejoin
  one_pair "$TO"
}

# typing_once_back INSTANCE KEYS NAME: as typing, but it is revived when the script asks, and answers before the keys.
typing_once_back() {
  { eventually asked_by_name && lab control revive "$1" >&2 && eventually one_is_streaming && printf '%b' "$2"; } |
    as_scripts script -qefc "node .build/$3.mjs" "$BATS_TEST_TMPDIR/terminal"
}

@test "failover: the successor dies in the middle of a switchover: the old active serves again" {
  killed_after fence switchover
  lab control kill "$TO"
  look 1 "the successor died after the fence" \
    "broken no-active pair: make failover TO=$FROM (lets it serve again)"
  UNDO=1 run -1 --separate-stderr step switchover
  says "if it does not come back: make failover TO=$FROM, which lets $FROM serve again"
  TO=$FROM run -1 --separate-stderr changes_nothing step failover
  says "elsewhere: ALLOW_DATA_LOSS=$FROM"
  TO=$FROM ALLOW_DATA_LOSS=$FROM run -0 --separate-stderr timed "failover back to $FROM" step failover
  is "$(active) $(journal "$FROM" unfencedOldActive)" "$FROM true"
  lab control revive "$TO"
  eventually one_is_streaming
  # What the dead one had begun is overtaken.
  DRY_RUN=1 run -0 --separate-stderr step switchover
  lacks "$stderr" "going on with"
  MP=$TO run -0 --separate-stderr step rejoin
  is "$(journal "$FROM" unfencedOldActive) $(journal "$TO" outcome)" "false undone"
  one_pair "$FROM"
}

@test "failover: started twice at once, one is refused and told who holds the lock" {
  local first=0 second=0
  lab control kill "$FROM"
  ALLOW_DATA_LOSS=$TO step failover >"$BATS_TEST_TMPDIR/one" 2>&1 3>&- &
  local one=$!
  ALLOW_DATA_LOSS=$TO step failover >"$BATS_TEST_TMPDIR/two" 2>&1 3>&- || second=$?
  wait $one || first=$?
  is "$(printf '%s\n' $first $second | sort | tr '\n' ' ')" "0 1 "
  has "$(cat "$BATS_TEST_TMPDIR/one" "$BATS_TEST_TMPDIR/two")" "holds the lock on $TO since"
  is "$(active) $(role "$TO")" "$TO active"
  back "$FROM"
}

@test "failover: killed halfway, a second run finishes it" {
  local phase phases="promote"
  [ -z "${EVERY_MOMENT:-}" ] || phases="fence drain promote front-envoy dns login control-planes workloads loss followers fence-again"
  for phase in $phases; do
    FROM=$(other "$TO")
    export ALLOW_DATA_LOSS=$TO
    lab control kill "$FROM"
    killed_after "$phase" failover
    timed "killed after $phase: finished" step failover >"$BATS_TEST_TMPDIR/rerun" 2>&1 || { cat "$BATS_TEST_TMPDIR/rerun" && return 1; }
    is "$(active) $(role "$TO")" "$TO active"
    back "$FROM"
    one_pair "$TO"
    TO=$FROM
  done
}

@test "failover: the active dies in the middle of a switchover" {
  local phase phases="promote"
  [ -z "${EVERY_MOMENT:-}" ] || phases="fence drain promote front-envoy dns login control-planes workloads loss followers"
  for phase in $phases; do
    FROM=$(other "$TO")
    export ALLOW_DATA_LOSS=$TO
    begin switchover
    said_to_be_done "$phase"
    lab control kill "$FROM"
    wait "$BEGUN" || true
    has "$(<"$BATS_TEST_TMPDIR/begun")" "if $FROM is gone for good: make failover TO=$TO"
    timed "died after $phase: failed over" step failover >"$BATS_TEST_TMPDIR/rerun" 2>&1 || { cat "$BATS_TEST_TMPDIR/rerun" && return 1; }
    is "$(active) $(role "$TO")" "$TO active"
    back "$FROM"
    one_pair "$TO"
    TO=$FROM
  done
}

@test "lock: a live holder is respected and can be overridden, a dead one is forgotten" {
  hold "somebody@elsewhere/1"
  run -1 --separate-stderr step switchover
  says "somebody@elsewhere/1 holds the lock on $TO since"
  says "FORCE_UNLOCK=1"
  # Its number says nothing where it counts in another container.
  hold "$(id -un)@$(uname -n)/999999999"
  on "$TO" annotate lease tsb-active-standby -n tsb --overwrite "tsb-active-standby/processes=pid:[1]"
  run -1 --separate-stderr step switchover
  says "holds the lock on $TO since"
  on "$TO" annotate lease tsb-active-standby -n tsb --overwrite "tsb-active-standby/processes=$(readlink /proc/self/ns/pid)"
  # A process of this machine that has ended need not be waited for.
  hold "$(id -un)@$(uname -n)/999999999"
  on "$TO" delete secret tsb-standby-sa -n tsb
  ACTIVE=$FROM STANDBY=$TO run -0 --separate-stderr step standby-secrets
  says "applied to $TO"
  lacks "$stderr" "holds the lock"
  hold "somebody@elsewhere/1"
  on "$TO" delete secret tsb-standby-sa -n tsb
  ACTIVE=$FROM STANDBY=$TO FORCE_UNLOCK=1 run -0 --separate-stderr step standby-secrets
  says "is taken from somebody@elsewhere/1"
  says "applied to $TO"
}

# hold HOLDER: somebody took the lock on TO a moment ago.
hold() {
  on "$TO" patch lease tsb-active-standby -n tsb --type merge \
    -p "{\"spec\":{\"holderIdentity\":\"$1\",\"renewTime\":\"$(date -u +%Y-%m-%dT%H:%M:%S.000000Z)\",\"acquireTime\":\"$(date -u +%Y-%m-%dT%H:%M:%S.000000Z)\"}}"
}
