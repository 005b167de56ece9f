#!/usr/bin/env bats
# The day when this tool can't run: the runbook's own commands, executed as they are printed.
# bats sets output, lines and stderr.
# shellcheck disable=SC2154,SC2030,SC2031

load helper
load roles
load by-hand
load looking

setup_file() { role_lab; }
setup() { in_lab && FROM=$(healthy) && TO=$(other "$FROM"); }
teardown() { lab control revive "$FROM" >/dev/null; }

# section TITLE FILE: its commands, but for those that are for special cases.
section() {
  awk -v title="## $1" 'index($0, title) == 1 { here = 1; next } /^## / { here = 0 }
    /^```/ { code = here && /bash/; next } code' "$2"
}

# carried_out TITLE: as a person would who pastes one block after the other, and types the password when asked.
carried_out() {
  { section "At hand" "$RUNBOOK" && section "$1" "$RUNBOOK"; } >"$BATS_TEST_TMPDIR/commands"
  (cd "$BATS_TEST_TMPDIR" && timed "runbook: $1" as_scripts bash -xeo pipefail commands <<<"$TSB_ADMIN_PASSWORD") >"$BATS_TEST_TMPDIR/said" 2>&1 ||
    { cat "$BATS_TEST_TMPDIR/said" && return 1; }
}

@test "runbook: names this pair, and no secret; as HTML it needs nothing else" {
  local page secret
  ACTIVE=$FROM FORMAT=html run -0 --separate-stderr step runbook
  page=$output
  has "$page" "<code>$STATE_DIR/ca/ca.crt</code>"
  has "$page" "kube context <code>cp1</code>"
  has "$page" "update add $MP_FLOAT_DNS. $DNS_TTL CNAME $TO.$DNS_ZONE."
  has "$page" "<code>$DNS_TSIG_KEY_FILE</code>"
  for secret in "$POSTGRES_PASSWORD" "$ELASTIC_PASSWORD" "$LDAP_BIND_PASSWORD" "$TSB_ADMIN_PASSWORD" \
    "$(sed -n 's/.*secret "\(.*\)";/\1/p' "$DNS_TSIG_KEY_FILE")" "PRIVATE KEY"; do
    lacks "$page" "$secret"
  done
  run ! grep -E 'src=|href=|@import|url\(|<script' <<<"$page"
}

@test "runbook: its commands fail over, and make a standby of the old active that came back" {
  RUNBOOK=$BATS_TEST_TMPDIR/runbook.md
  ACTIVE=$FROM OUT=$RUNBOOK step runbook
  lab control kill "$FROM"
  carried_out "Failover from $FROM to $TO"
  is "$(active) $(role "$TO") $(sql "$TO" "select pg_is_in_recovery()")" "$TO active f"
  has "$(as_admin tctl status cluster cp1 -o json)" '"status": "READY"'
  lab control revive "$FROM"
  eventually on "$FROM" get namespace tsb
  carried_out "Rejoin of $FROM as a standby of $TO"
  eventually streams_again
  look 0 "after a role change by hand"
  is "$(fact active)" "$TO"
}

streams_again() { is "$(sql "$FROM" "select status from pg_stat_wal_receiver")" streaming; }
