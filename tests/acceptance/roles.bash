# shellcheck shell=bash
# For tests of role changes. They share a lab of their own, apart from those of the guide: roles change in it.
#
#   EVERY_MOMENT=1   kills and fails at every moment, not just at a few: 10 minutes more

role_lab() {
  start_lab "$SUITE_LAB-r" || return
  export FIRST_RUN=$LAB_DIR/first-run
  if [ "$(condition cp1 2>/dev/null)" != "True Connected" ] || is_removed mp1 || is_removed mp2; then install_pair; fi
}

# is_removed INSTANCE: on a lab that was kept, by uninstall.bats. One that does not answer is mended by `healthy`.
is_removed() {
  local found
  found=$(on "$1" get managementplane -n tsb -o name --ignore-not-found 2>/dev/null) && [ -z "$found" ]
}

# active: the instance that the floating name leads to.
active() { basename "$(dig_float)" ".$DNS_ZONE."; }

dig_float() { dig +short "@${DNS_SERVER%:*}" -p "${DNS_SERVER#*:}" "$MP_FLOAT_DNS" CNAME; }

other() { [ "$1" = mp1 ] && echo mp2 || echo mp1; }

# healthy: names the active of a pair that is whole; whatever a test before left behind is mended first.
healthy() {
  rm -f "$LAB_DIR"/*/{operator-rescale,edge-keeps-address,edge-keeps-tokens}
  # shellcheck disable=SC2046
  set -- $(roles)
  case $* in
    "active standby" | "standby active") ;;
    *) mend >&2 || return ;;
  esac
  active
}

# mend: from anything that a failed test may leave to a pair.
mend() {
  local name to
  for name in mp1 mp2; do
    on "$name" get namespace tsb >/dev/null 2>&1 || lab control revive "$name"
    eventually on "$name" get namespace tsb >/dev/null
  done
  to=$(active)
  for name in switchover failover; do
    if [ "$(journal "$to" kind)" = "$name" ]; then TO=$to ALLOW_DATA_LOSS=$to step "$name" || true; fi
  done
  MP=$(other "$to") CONFIRM=$(other "$to") FORCE=1 step rejoin
}

# roles: "active standby": what the ManagementPlane resources say, mp1 first.
roles() { echo "$(role mp1) $(role mp2)"; }

role() {
  local found
  found=$(on "$1" get managementplane managementplane -n tsb -o json 2>/dev/null) || { echo unreachable && return; }
  node -p 'Object.keys(JSON.parse(fs.readFileSync(0)).spec.highAvailability)[0]' <<<"$found"
}

# journal INSTANCE FIELD: one field of the role change's journal there; nothing when there is none.
journal() {
  on "$1" get configmap tsb-active-standby-role-change -n tsb -o jsonpath='{.data.journal}' 2>/dev/null |
    node -p "JSON.parse(fs.readFileSync(0, 'utf8') || '{}')['$2'] ?? ''"
}

# one_pair ACTIVE: it is the active, the other one its standby that streams, and cp1 is connected.
one_pair() {
  local standby
  standby=$(other "$1")
  is "$(active)" "$1" && is "$(role "$1")" active && is "$(role "$standby")" standby &&
    is "$(sql "$1" "select pg_is_in_recovery()")" f &&
    is "$(sql "$standby" "select status from pg_stat_wal_receiver")" streaming &&
    is "$(journal "$1" finishedAt | wc -c)" 25 && is "$(condition cp1)" "True Connected"
}

# killed_after PHASE NAME: begins a script, and kills it as soon as it says that the phase is done.
killed_after() { killed_once "^    $1: [0-9.]+ s\$" "$2"; }

# said_to_be_done PHASE: waits until what was begun says so.
said_to_be_done() { said "^    $1: [0-9.]+ s\$"; }

# without_secret INSTANCE NAME COMMAND…: runs it while that Secret is away.
without_secret() {
  local kept=$BATS_TEST_TMPDIR/secret.json
  on "$1" get secret "$2" -n tsb -o json >"$kept"
  on "$1" delete secret "$2" -n tsb
  "${@:3}"
  on "$1" create -f "$kept"
}

# postgres_down INSTANCE: its Postgres ends, and first its operator, which would bring it back.
postgres_down() {
  on "$1" scale deployment tsb-operator-management-plane -n tsb --replicas=0
  eventually none_running "$1" name=tsb-operator
  on "$1" scale statefulset tsb-postgres-1 -n tsb --replicas=0
  eventually none_running "$1" app=tsb-postgres
}

none_running() { is "$(on "$1" get pods -n tsb -l "$2" --field-selector status.phase=Running -o name)" ""; }

# postgres_up INSTANCE: both are back.
postgres_up() {
  on "$1" scale deployment tsb-operator-management-plane -n tsb --replicas=1
  on "$1" scale statefulset tsb-postgres-1 -n tsb --replicas=1
}

# typing KEYS NAME: a script on a terminal; the keys are pressed when it asks for a name.
typing() {
  command -v script >/dev/null || skip "needs script of util-linux for a terminal"
  { eventually asked_by_name && printf '%b' "$1"; } |
    as_scripts script -qefc "node .build/$2.mjs" "$BATS_TEST_TMPDIR/terminal"
}

asked_by_name() { grep -q 'to go on: ' "$BATS_TEST_TMPDIR/terminal"; }

# writing: the writer begins, in the background.
writing() {
  node --import tsx "$ROOT/tests/acceptance/writer.ts" "$BATS_TEST_TMPDIR/acknowledged" >"$BATS_TEST_TMPDIR/writer" 2>&1 3>&- &
  WRITER=$!
  eventually wrote_something
}

wrote_something() { [ "$(sql "$(active)" "select count(*) from objects where fqn like '%/w-$WRITER-%'" tsb)" -gt 0 ]; }

# written: ends the writer; WRITTEN is what it says. Not in a subshell, which could not wait for it.
# shellcheck disable=SC2034
written() {
  kill -TERM "$WRITER"
  wait "$WRITER"
  WRITTEN=$(<"$BATS_TEST_TMPDIR/writer")
}

# lost INSTANCE: the acknowledged writes that this instance does not have, one a line.
lost() {
  sql "$1" "select metadata->>'name' from objects where kind = 'Tenant'" tsb | sort >"$BATS_TEST_TMPDIR/kept"
  sort "$BATS_TEST_TMPDIR/acknowledged" | comm -23 - "$BATS_TEST_TMPDIR/kept"
}

# report FIELD: of the latest report.
report() {
  local latest
  latest=$(find "$STATE_DIR/reports" -name '*.json' ! -name '*drill*' | sort | tail -1)
  node -p "JSON.stringify(JSON.parse(fs.readFileSync('$latest')).$1)"
}

# phases: of the latest report: "fence 0.6 s, drain 3.4 s, …"
phases() { report "phases.map(({ name, seconds }) => name + ' ' + seconds.toFixed(1) + ' s').join(', ')"; }

# show TEXT: among the results.
show() { printf '# %s\n' "$@" >&3; }
