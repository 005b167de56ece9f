#!/usr/bin/env bats
# rotate-root: the two roots on disk and the record of the rotation (by upkeep.ts), and what is refused.
# shellcheck disable=SC2154 # bats sets output and stderr

load helper
load pki

setup_file() { make_pki_once; }
setup() {
  isolate
  copy_pki
}

begin() { driver upkeep CASE=begin; }

@test "rotate-root: a new root is made beside the old one, and both are trusted" {
  local before
  before=$(sha256sum state/ca/ca.{crt,key} state/mp1/*)
  run -0 --separate-stderr begin
  has "$output" '"phase":"trust"'
  has "$output" '"roots":2'
  is "$(sha256sum state/ca/ca.{crt,key} state/mp1/*)" "$before"
  is "$(cat state/ca/ca.crt state/next-root/ca/ca.crt)" "$(cat state/ca/trust.crt)"
  openssl verify -x509_strict -CAfile state/next-root/ca/ca.crt state/next-root/ca/ca.crt
  is "$(stat -c %a state/next-root/ca/ca.key state/ca/rotation.json | sort -u)" 600
}

@test "rotate-root: a run that was killed before it kept its record takes up the root that it had made" {
  local next
  begin
  next=$(sha256sum <state/next-root/ca/ca.key)
  rm state/ca/rotation.json state/ca/trust.crt
  begin
  is "$(sha256sum <state/next-root/ca/ca.key)" "$next"
}

@test "rotate-root: the new root takes the old one's place, which is kept aside with what it signed; twice is once" {
  local old leaf
  old=$(sha256sum <state/ca/ca.key) leaf=$(sha256sum <state/mp1/tsb_certs.key)
  begin
  driver upkeep CASE=adopt
  # As if it had been killed after the key: key and certificate do not match.
  cp state/previous-roots/*/ca/ca.crt state/ca/ca.crt
  run -0 --separate-stderr driver upkeep CASE=adopt
  is "$output" '{"roots":2}'
  cmp state/ca/ca.crt state/next-root/ca/ca.crt
  cmp state/ca/ca.key state/next-root/ca/ca.key
  is "$(sha256sum <"$(echo state/previous-roots/*/ca/ca.key)")" "$old"
  is "$(sha256sum <"$(echo state/previous-roots/*/mp1/tsb_certs.key)")" "$leaf"
}

@test "rotate-root: the phases follow one another, and the record can be read" {
  begin
  is "$(driver upkeep CASE=complete)" '"reissue"'
  is "$(driver upkeep CASE=complete)" '"retire"'
  run -0 --separate-stderr script rotate-root --dry-run
  says "retire   next"
  says "would carry out: retire"
  is "$(driver upkeep CASE=complete)" '"done"'
  [ ! -e state/next-root/ca/ca.key ]
  run -0 --separate-stderr script rotate-root
  says "to rotate once more: make rotate-root FORCE=1"
  is "$(calls)" ""
}

@test "rotate-root: a phase out of turn is refused, one that is past is done already" {
  begin
  run -2 --separate-stderr script rotate-root PHASE=retire
  says "PHASE is retire, but trust comes first"
  driver upkeep CASE=complete
  run -0 --separate-stderr script rotate-root PHASE=trust
  says "phase trust was done before"
  run -2 --separate-stderr script rotate-root PHASE=burn
  says 'PHASE "burn" is not one of trust, reissue, retire, all'
}

@test "rotate-root: between two roots pki keeps what is there, and issues nothing" {
  begin
  run -0 --separate-stderr script pki
  says "mp1 tsb_certs: kept"
  run -1 --separate-stderr script pki MP3_DNS=mp3.tsb.example.com
  says "no certificate is issued while a root rotation is under way (phase trust"
  says "next: finish it first: make rotate-root"
  [ ! -e state/mp3 ]
  run -1 --separate-stderr script renew
  says "no certificate is renewed while a root rotation is under way"
}

@test "rotate-root: the root in use is not a new one" {
  run -2 --separate-stderr driver upkeep CASE=begin CA_CERT=state/ca/ca.crt CA_KEY=state/ca/ca.key
  says "CA_CERT is the root in use"
}

@test "rotate-root: a record that can't be read is said to be so" {
  echo '{"phase": "tru' >state/ca/rotation.json
  run -1 --separate-stderr script rotate-root
  says "rotation.json is not the record of a rotation"
}

@test "rotate-root: the old root is found in values, however it is wrapped" {
  run -0 --separate-stderr driver upkeep CASE=holding
  is "$output" '["a.b.1"]'
}
