#!/usr/bin/env bats
# One more standby beside the first, and where it looks when roles change.
# bats sets output, lines and stderr.
# shellcheck disable=SC2154,SC2030,SC2031

load helper
load roles

setup_file() {
  own_lab mp1 mp2 mp3 cp1 || return
  export FIRST_RUN=$LAB_DIR/first-run
  # As it is before a third one is thought of.
  (unset MP3_DNS MP3_CONTEXT && install_pair)
}
teardown_file() { end_own_lab; }
setup() { in_lab; }

# followers INSTANCE: who streams from it.
followers() {
  sql "$1" "select string_agg(slot_name, ' ' order by slot_name) from pg_replication_slots where active"
}

# source_of INSTANCE: whom its ManagementPlane names, and whether and from whom its Postgres streams.
source_of() {
  on "$1" get managementplane managementplane -n tsb \
    -o jsonpath='{.spec.highAvailability.standby.activeMpSynchronizationEndpoint.host} '
  sql "$1" "select status, sender_host from pg_stat_wal_receiver"
}

@test "standby: a third instance gets certificates of its own, and streams beside the second" {
  local before
  before=$(sha256sum "$STATE_DIR"/{ca,mp1,mp2}/*.{crt,key})
  STANDBY=mp3 run -0 --separate-stderr timed "make standby STANDBY=mp3" target standby
  says "mp3 tsb_certs: issued"
  says "mp2 tsb_certs: kept"
  is "$(sha256sum "$STATE_DIR"/{ca,mp1,mp2}/*.{crt,key})" "$before"
  openssl verify -x509_strict -CAfile "$STATE_DIR/ca/ca.crt" -verify_hostname "$MP3_DNS" "$STATE_DIR"/mp3/{tsb_certs,xcp-central-cert}.crt
  is "$(followers mp1)" "standby_mp2 standby_mp3"
  is "$(condition mp2) $(condition mp3)" "True Standby True Standby"
}

@test "switchover: the third instance follows the new active, and so does the old one" {
  TO=mp2 run -0 --separate-stderr timed "switchover with a third instance" step switchover
  says "mp3 follows mp2"
  is "$(active) $(role mp1) $(role mp2) $(role mp3)" "mp2 standby active standby"
  is "$(source_of mp1)" "$MP2_DNS streaming|$MP2_DNS"
  is "$(source_of mp3)" "$MP2_DNS streaming|$MP2_DNS"
  is "$(followers mp2)" "standby_mp1 standby_mp3"
  is "$(condition cp1)" "True Connected"
  sql mp2 "create table later (word text)"
  eventually arrived mp1
  eventually arrived mp3
  eventually step status
}

arrived() { sql "$1" "table later"; }
