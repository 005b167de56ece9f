#!/usr/bin/env bats
# Certificates issued again by the same root, and rolled out.
# bats sets output, lines and stderr.
# shellcheck disable=SC2154,SC2030,SC2031

load helper
load by-hand
load roles
load upkeep

setup_file() { upkeep_lab; }
setup() { in_lab; }
teardown() { unwatch; }

@test "renew: nothing is due, nothing changes; a dry run with FORCE=1 names all, and changes nothing either" {
  local before
  before=$(kept)
  run -0 --separate-stderr changes_nothing target renew
  says "no certificate ends within 30 days"
  FORCE=1 run -0 --separate-stderr changes_nothing step renew --dry-run
  says "mp1 tsb_certs is due: FORCE=1"
  says "mp2 xcp-central-cert is due: FORCE=1"
  says "would issue what is due, and roll it out, standbys first"
  is "$(kept)" "$before"
}

@test "renew: FORCE=1, killed between the instances, cuts nobody off; a second run finishes it, by the same root" {
  local root old streams name secret
  root=$(sha256sum "$STATE_DIR"/ca/*) old=$(serials mp1 mp2) streams=$(stream)
  watch
  FORCE=1 killed_once "release mp .* of mp2 upgraded" renew
  is "$(serials mp1)" "$(head -2 <<<"$old")"
  is "$(comm -12 <(serials mp2) <(tail -2 <<<"$old"))" ""
  has "$old" "mp1 tsb-certs $(served "$MP_FLOAT_DNS")"
  step active-login

  run -0 --separate-stderr timed "renew, the rest of it" step renew
  lacks "$stderr" "is due"
  is "$(comm -12 <(serials mp1 mp2) <(echo "$old"))" ""
  for name in mp1 mp2; do
    for secret in tsb-certs xcp-central-cert; do
      secret_text "$name" "$secret" tls.crt >"$BATS_TEST_TMPDIR/leaf"
      openssl verify -x509_strict -CAfile "$STATE_DIR/ca/ca.crt" -verify_hostname "$name.$DNS_ZONE" "$BATS_TEST_TMPDIR/leaf"
      openssl verify -x509_strict -CAfile "$STATE_DIR/ca/ca.crt" -verify_hostname "$MP_FLOAT_DNS" "$BATS_TEST_TMPDIR/leaf"
    done
  done
  has "$(serials mp1)" "mp1 tsb-certs $(served "$MP1_DNS")"
  has "$(serials mp1)" "mp1 tsb-certs $(served "$MP_FLOAT_DNS")"
  is "$(sha256sum "$STATE_DIR"/ca/*)" "$root"
  is "$(stream)" "$streams"
  never_cut_off
  pair_is_whole
}

@test "renew: only what ends soon is issued, and only its instance is touched" {
  local before mark seen
  HANDS=$STATE_DIR/mp2 certificate tsb_certs "$MP2_DNS $MP_FLOAT_DNS"
  before=$(serials mp1 && serials mp2 | tail -1)
  mark=$(audit mark)
  RENEW_BEFORE=31 run -0 --separate-stderr step renew
  says "mp2 tsb_certs is due: it ends in"
  says "1 certificates issued"
  seen=$(audit since "$mark")
  is "$(serials mp1 && serials mp2 | tail -1)" "$before"
  is "$(grep -c '^mp2 ' <<<"$seen")" "$(grep -c '^[mc]p' <<<"$seen")"
  is "$(stream | wc -l)" 1
  run -0 --separate-stderr changes_nothing target renew
}
