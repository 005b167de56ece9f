#!/usr/bin/env bats
# A new root in three phases, under the eyes of whoever trusts only one of the two.
# bats sets output, lines and stderr.
# shellcheck disable=SC2154,SC2030,SC2031

load helper
load roles
load upkeep

setup_file() {
  upkeep_lab || return
  # The roots of the rotation under test, for all its phases.
  export OLD=$BATS_FILE_TMPDIR/old.crt NEW=$BATS_FILE_TMPDIR/new.crt
}
setup() { in_lab; }
teardown() { unwatch; }

# places: the roots that each place trusts, as a file each in $BATS_TEST_TMPDIR/places.
places() {
  local name to=$BATS_TEST_TMPDIR/places
  rm -rf "$to" && mkdir "$to"
  for name in mp1 mp2; do
    secret_text "$name" xcp-central-cert ca.crt >"$to/$name-secret"
    values mp tsb "$name" xcp.rootca >"$to/$name-values"
  done
  for name in mp-certs es-certs xcp-central-ca-bundle; do
    on cp1 get secret "$name" -n istio-system -o go-template='{{index .data "ca.crt" | base64decode}}' >"$to/cp1-$name"
  done
  for name in tsb.cacert elasticsearch.cacert xcp.rootca; do values cp istio-system cp1 "$name" >"$to/cp1-$name"-values; done
}

# values RELEASE NAMESPACE CONTEXT SECRET
values() {
  helm get values "$1" -n "$2" --kube-context "$3" -o json | node -p "JSON.parse(fs.readFileSync(0)).secrets.$4"
}

# everywhere ROOT: openssl finds it among the roots of every place.
everywhere() {
  local place
  places
  for place in "$BATS_TEST_TMPDIR"/places/*; do
    openssl verify -CAfile "$place" "$1" >/dev/null || { echo "not in $place" && return 1; }
  done
}

# nowhere ROOT: in none of them.
nowhere() {
  local place
  places
  for place in "$BATS_TEST_TMPDIR"/places/*; do
    [ -s "$place" ] || { echo "nothing in $place" && return 1; }
    ! openssl verify -CAfile "$place" "$1" >/dev/null 2>&1 || { echo "in $place" && return 1; }
  done
}

# shown_by ROOT: what clients see holds for those who trust this root alone.
shown_by() { served "$MP1_DNS" "$1" && served "$MP_FLOAT_DNS" "$1"; }

# content: the standby streams, and cp1 was never cut off.
content() { is "$(sql mp1 "select state from pg_stat_replication")" streaming && never_cut_off && pair_is_whole; }

@test "rotate-root: a phase out of turn is refused; trust: both roots everywhere, what is shown is the old one's still" {
  cp "$STATE_DIR/ca/ca.crt" "$OLD"
  PHASE=reissue run -2 --separate-stderr changes_nothing step rotate-root
  says "PHASE is reissue, but trust comes first"
  watch
  run -0 --separate-stderr timed "phase trust" target rotate-root
  says "next: make rotate-root (phase reissue)"
  cp "$STATE_DIR/next-root/ca/ca.crt" "$NEW"
  everywhere "$OLD"
  everywhere "$NEW"
  shown_by "$OLD"
  content
}

@test "rotate-root: reissue, killed between the instances and finished: what is shown is the new one's, both are trusted" {
  watch
  PHASE=all killed_once "release mp .* of mp2 upgraded" rotate-root
  shown_by "$OLD"
  step active-login
  content
  run -0 --separate-stderr timed "phase reissue, the rest of it" step rotate-root
  says "next: make rotate-root (phase retire)"
  shown_by "$NEW"
  run ! shown_by "$OLD"
  everywhere "$OLD"
  everywhere "$NEW"
  content
}

@test "rotate-root: retire, by PHASE=all: the old root is trusted nowhere any more, and kept aside" {
  watch
  PHASE=all run -0 --separate-stderr timed "phase retire" step rotate-root
  shown_by "$NEW"
  everywhere "$NEW"
  nowhere "$OLD"
  content
  cmp "$STATE_DIR/ca/ca.crt" "$NEW"
  cmp "$STATE_DIR"/previous-roots/*/ca/ca.crt "$OLD"
  step active-login
}

@test "rotate-root: when it is done, a further run changes nothing" {
  run -0 --separate-stderr changes_nothing target rotate-root
  says "to rotate once more: make rotate-root FORCE=1"
}

@test "rotate-root: another one, PHASE=all, killed between two phases, is finished by a second run" {
  [ -n "${EVERY_MOMENT:-}" ] || skip "takes a minute: EVERY_MOMENT=1"
  cp "$STATE_DIR/ca/ca.crt" "$OLD"
  watch
  FORCE=1 PHASE=all killed_once "the old root and what it signed are kept in" rotate-root
  everywhere "$OLD"
  content
  PHASE=all run -0 --separate-stderr timed "PHASE=all, the rest of it" step rotate-root
  run ! cmp "$STATE_DIR/ca/ca.crt" "$OLD"
  shown_by "$STATE_DIR/ca/ca.crt"
  everywhere "$STATE_DIR/ca/ca.crt"
  nowhere "$OLD"
  content
}
