#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2153,SC2154 # bats sets output and stderr, and runs each test in a subshell
# pki: what a rerun keeps and what it issues again.

load helper
load pki

setup_file() { make_pki_once; }
setup() {
  isolate
  copy_pki
  before=$(snapshot state)
}
teardown() { ! mountpoint -q state || umount state; }

@test "pki: a second run writes nothing and calls nothing" {
  stub openssl
  run -0 --separate-stderr pki
  is "$(snapshot state)" "$before"
  is "$(calls)" ""
  says "= root CA: kept"
  says "= mp2 xcp-central-cert: kept"
}

@test "pki: a third instance gets its certificates, the others keep theirs" {
  run -0 --separate-stderr pki MP3_DNS=mp3.tsb.example.com
  is "$(changed "$before")" \
    "mp3/tsb_certs.crt mp3/tsb_certs.key mp3/xcp-central-cert.crt mp3/xcp-central-cert.key"
  run -0 openssl verify -x509_strict -CAfile state/ca/ca.crt -verify_hostname mp3.tsb.example.com state/mp3/*.crt
}

@test "pki: a new permanent name reissues that instance's certificates" {
  run -0 --separate-stderr pki MP2_DNS=other.tsb.example.com
  is "$(changed "$before")" \
    "mp2/tsb_certs.crt mp2/tsb_certs.key mp2/xcp-central-cert.crt mp2/xcp-central-cert.key"
  says "mp2 tsb_certs: issued, because its names changed"
  all_hold
}

@test "pki: a new floating name reissues all certificates under the same root" {
  pki MP_FLOAT_DNS=float.tsb.example.com
  is "$(changed "$before" | wc -w)" 8
  lacks "$(changed "$before")" "ca/"
  all_hold
}

@test "pki: a certificate that ends within RENEW_BEFORE days is reissued, no other" {
  rm -r state/mp1
  pki LEAF_DAYS=20 RENEW_BEFORE=10
  before=$(snapshot state)
  pki RENEW_BEFORE=10
  is "$(snapshot state)" "$before"
  run -0 --separate-stderr pki
  is "$(changed "$before")" \
    "mp1/tsb_certs.crt mp1/tsb_certs.key mp1/xcp-central-cert.crt mp1/xcp-central-cert.key"
  says "mp1 tsb_certs: issued, because it ends in 19 days"
  is "$(days state/mp1/tsb_certs.crt)" 365
}

@test "pki: a certificate that ends with its root is not reissued over and over" {
  rm -r state
  pki CA_DAYS=20
  before=$(snapshot state)
  pki CA_DAYS=20
  is "$(snapshot state)" "$before"
}

@test "pki: a lost key is made again, with its certificate" {
  rm state/mp1/xcp-central-cert.key
  pki
  is "$(changed "$before")" "mp1/xcp-central-cert.crt mp1/xcp-central-cert.key"
  all_hold
}

@test "pki: a key that does not match is replaced, with its certificate" {
  # So a run leaves it that was killed between the key and the certificate.
  cp state/mp1/tsb_certs.key state/mp2/tsb_certs.key
  before=$(snapshot state)
  run -0 --separate-stderr pki
  is "$(changed "$before")" "mp2/tsb_certs.crt mp2/tsb_certs.key"
  says "mp2 tsb_certs: issued, because its key does not match"
  all_hold
}

@test "pki: a certificate that can't be read is replaced" {
  echo garbage >state/mp2/tsb_certs.crt
  before=$(snapshot state)
  run -0 pki
  is "$(changed "$before")" "mp2/tsb_certs.crt mp2/tsb_certs.key"
}

@test "pki: a certificate that another root signed is replaced, whatever its names" {
  root other
  openssl req -new -key state/mp1/tsb_certs.key -subj /CN=mp1.tsb.example.com |
    openssl x509 -req -CA other.crt -CAkey other.key -days 300 -out state/mp1/tsb_certs.crt \
      -extfile <(echo subjectAltName=DNS:mp1.tsb.example.com,DNS:active.tsb.example.com) 2>/dev/null
  before=$(snapshot state)
  run -0 --separate-stderr pki
  is "$(changed "$before")" "mp1/tsb_certs.crt mp1/tsb_certs.key"
  says "mp1 tsb_certs: issued, because another root signed it"
}

@test "pki: a certificate that was issued with a clock ahead is replaced" {
  rm -r state/mp1
  # openssl keeps to the right time, and says so.
  run -1 pki NODE_OPTIONS="--import=$ROOT/tests/day-ahead.mjs"
  before=$(snapshot state)
  run -0 --separate-stderr pki
  has "$(changed "$before")" mp1/tsb_certs.crt
  lacks "$(changed "$before")" mp2
  says "mp1 tsb_certs: issued, because it is not valid before "
}

@test "pki: a disk that fills up: the file is named; with room, a rerun goes on with the same root" {
  rm -r state
  mkdir state
  # A page each for the root's key and certificate, and for the first leaf's key.
  mount -t tmpfs -o size=12k,mode=700 none state 2>/dev/null || skip "needs the right to mount"
  run -1 --separate-stderr pki
  says "ERROR: pki: can't write $PWD/state/mp1/tsb_certs.crt: ENOSPC: no space left on device"
  says "nothing was lost"
  before=$(snapshot state/ca)
  mount -o remount,size=1m state
  run -0 pki
  is "$(snapshot state/ca)" "$before"
  is "$(find state -name '*.tmp')" ""
  all_hold
}

@test "pki: xcp-central-cert that is a copy of tsb_certs is replaced" {
  cp state/mp1/tsb_certs.crt state/mp1/xcp-central-cert.crt
  cp state/mp1/tsb_certs.key state/mp1/xcp-central-cert.key
  pki
  has "$(extension state/mp1/xcp-central-cert.crt extendedKeyUsage)" "TLS Web Client Authentication"
}

@test "pki: --dry-run says what a rerun would issue and why" {
  run -0 --separate-stderr pki --dry-run MP2_DNS=other.tsb.example.com
  is "$(snapshot state)" "$before"
  says "would issue $PWD/state/mp2/tsb_certs.crt for other.tsb.example.com, active.tsb.example.com: its names changed"
  says "= $PWD/state/mp1/tsb_certs.crt"
}

@test "pki: killed at each of its writes, it is finished by a rerun, and the root that was there stays" {
  local at root points=0
  for at in {1..100..3}; do
    rm -rf state keys-used
    pki KILL_AT="$at" NODE_OPTIONS="--import=$DRIVERS/keys.js --import=$DRIVERS/killed.js" >killed 2>&1 || true
    grep -q '^killed$' killed || break
    points=$((points + 1))
    root=$(cat state/ca/ca.crt 2>/dev/null || true)
    pki
    all_hold
    [ -z "$root" ] || is "$(<state/ca/ca.crt)" "$root"
  done
  # Ten files, each opened and put into its place.
  ((points >= 7))
}

@test "pki: a root whose certificate a killed run did not write is finished with its key" {
  rm -r state/ca/ca.crt state/mp1 state/mp2
  local key
  key=$(<state/ca/ca.key)
  pki
  is "$(<state/ca/ca.key)" "$key"
  pair state/ca/ca
  all_hold
}

@test "pki: of two runs at once, neither takes the other's root away" {
  rm -r state
  pki >first 2>&1 &
  pki >second 2>&1 || true
  wait "$!" || true
  is "$(grep -l 'root CA: created' first second | wc -l)" 1
  pki
  all_hold
}

@test "pki: leaves no temporary files behind" {
  is "$(find state -name '*.tmp')" ""
}
