#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2153,SC2154 # bats sets output and stderr, and runs each test in a subshell
# pki: what it issues. Its reruns are in pki-rerun.bats, root CAs of the operator's own in root-ca.bats.

load helper
load pki

setup_file() { make_pki_once; }
setup() {
  isolate
  copy_pki
}

@test "pki: every certificate holds against the root by openssl's strict reading" {
  all_hold
}

@test "pki: every certificate has the permanent and the floating name" {
  local leaf
  for leaf in "${LEAVES[@]}"; do
    run -0 openssl verify -CAfile state/ca/ca.crt -verify_hostname active.tsb.example.com "$leaf"
    run -0 openssl verify -CAfile state/ca/ca.crt -verify_hostname "$(basename "$(dirname "$leaf")").tsb.example.com" "$leaf"
  done
}

@test "pki: an instance's certificates lack the other's permanent name" {
  run ! openssl verify -CAfile state/ca/ca.crt -verify_hostname mp2.tsb.example.com state/mp1/tsb_certs.crt
  run ! openssl verify -CAfile state/ca/ca.crt -verify_hostname mp1.tsb.example.com state/mp2/xcp-central-cert.crt
}

@test "pki: xcp-central-cert is for clients too, and has the URI of old releases" {
  is "$(extension state/mp1/xcp-central-cert.crt extendedKeyUsage)" \
    "TLS Web Server Authentication, TLS Web Client Authentication"
  has "$(extension state/mp1/xcp-central-cert.crt subjectAltName)" "URI:spiffe://xcp.tetrate.io/central"
}

@test "pki: tsb_certs is for servers only" {
  is "$(extension state/mp1/tsb_certs.crt extendedKeyUsage)" "TLS Web Server Authentication"
  lacks "$(extension state/mp1/tsb_certs.crt subjectAltName)" "URI:"
}

@test "pki: the root is a CA for leaves alone" {
  is "$(extension state/ca/ca.crt basicConstraints)" "critical CA:TRUE, pathlen:0"
  is "$(extension state/ca/ca.crt keyUsage)" "critical Certificate Sign, CRL Sign"
}

@test "pki: a leaf is no CA, and its key signs and encrypts keys" {
  is "$(extension state/mp2/tsb_certs.crt basicConstraints)" "critical CA:FALSE"
  is "$(extension state/mp2/tsb_certs.crt keyUsage)" "critical Digital Signature, Key Encipherment"
}

@test "pki: a leaf's authority key identifier is the root's subject key identifier" {
  local leaf root
  root=$(extension state/ca/ca.crt subjectKeyIdentifier)
  [ ${#root} -eq 59 ]
  for leaf in "${LEAVES[@]}"; do is "$(extension "$leaf" authorityKeyIdentifier | sed 's/^keyid://')" "$root"; done
  is "$(for leaf in "${LEAVES[@]}"; do extension "$leaf" subjectKeyIdentifier; done | sort -u | wc -l)" 4
}

@test "pki: serials are random numbers of 128 bits" {
  local leaf serials
  serials=$(for leaf in state/ca/ca.crt "${LEAVES[@]}"; do field "$leaf" -serial; done)
  is "$(sort -u <<<"$serials" | wc -l)" 5
  # Shorter ones have leading zeros: 5 serials with 6 or more hexadecimal zeros each are not random.
  is "$(grep -cE '^[0-9A-F]{26,32}$' <<<"$serials")" 5
}

@test "pki: certificates are valid since a few minutes ago" {
  local leaf age
  for leaf in state/ca/ca.crt "${LEAVES[@]}"; do
    age=$(($(date +%s) - $(date -d "$(field "$leaf" -startdate)" +%s)))
    ((age >= 300 && age < 3600)) || return 1
  done
}

@test "pki: lifetimes are ten years for the root, one for leaves" {
  is "$(days state/ca/ca.crt)" 3650
  is "$(days state/mp1/tsb_certs.crt)" 365
}

@test "pki: lifetimes and key sizes follow the settings" {
  rm -r state
  pki CA_DAYS=100 LEAF_DAYS=40 CA_KEY_BITS=3072 LEAF_KEY_BITS=2560
  is "$(days state/ca/ca.crt)" 100
  is "$(days state/mp2/tsb_certs.crt)" 40
  has "$(openssl x509 -in state/ca/ca.crt -noout -text)" "Public-Key: (3072 bit)"
  has "$(openssl x509 -in state/mp2/tsb_certs.crt -noout -text)" "Public-Key: (2560 bit)"
}

@test "pki: a root that ends after 2050 holds" {
  rm -r state
  pki CA_DAYS=36500
  all_hold
  has "$(field state/ca/ca.crt -enddate)" "21"
}

@test "pki: certificates do not outlive their root, of which it warns" {
  rm -r state
  run -0 --separate-stderr pki CA_DAYS=60
  is "$(field state/mp1/tsb_certs.crt -enddate)" "$(field state/ca/ca.crt -enddate)"
  says "! the root CA ends in 59 days, and every certificate with it"
}

@test "pki: a permanent name too long for a common name stands in the alternative names" {
  local name
  name=$(printf 'a%.0s' {1..60}).tsb.example.com
  rm -r state
  pki MP1_DNS="$name"
  is "$(field state/mp1/tsb_certs.crt -subject)" "CN = mp1"
  has "$(extension state/mp1/tsb_certs.crt subjectAltName)" "DNS:$name"
  all_hold
}

@test "pki: folders are mode 0700, files 0600" {
  is "$(find state -type d -printf '%m\n' | sort -u)" 700
  is "$(find state -type f -printf '%m\n' | sort -u)" 600
  is "$(find state -type f | wc -l)" 10
}

@test "pki: makes the state folder's mode 0700 where it was open" {
  rm -r state
  mkdir -m 755 state
  pki
  is "$(stat -c %a state)" 700
}

@test "pki: prints where the certificates are and how long they last" {
  run -0 --separate-stderr pki
  is "${lines[0]}" "$(printf '%-*s  not after   days left  names' $((${#PWD} + 31)) certificate)"
  has "$output" "$PWD/state/ca/ca.crt"
  has "$output" "$(date -d "$(field state/mp2/xcp-central-cert.crt -enddate)" -u +%F)  364 "
}

@test "pki: says once what the root's key can do, and never shows a key" {
  rm -r state
  run -0 --separate-stderr pki --verbose
  says "! whoever has $PWD/state/ca/ca.key can impersonate every instance"
  lacks "$output$stderr" "BEGIN"
  run -0 --separate-stderr pki
  lacks "$stderr" impersonate
}

@test "pki: --dry-run says what it would issue, and writes nothing" {
  rm -r state
  run -0 --separate-stderr pki --dry-run
  says "would create the root CA"
  says "would issue $PWD/state/mp2/tsb_certs.crt for mp2.tsb.example.com, active.tsb.example.com: there is none yet"
  nothing_touched
}

@test "pki: calls no tool but openssl, and that once" {
  rm -r state
  printf '#!/bin/sh\necho "openssl $*" >>calls\nexec %s "$@"\n' "$(command -v openssl)" >bin/openssl
  chmod +x bin/openssl
  pki
  is "$(calls | wc -l)" 1
  has "$(calls)" "openssl verify -x509_strict"
}

@test "pki: openssl's verdict is heeded" {
  rm -r state
  # Only the strict reading fails, and not because of the root.
  printf '%s\n' '#!/bin/sh' 'case "$*" in *strict*) ;; *) exit 0 ;; esac' \
    'echo "error 26 at 0 depth lookup: unsuitable certificate purpose" >&2' 'exit 2' >bin/openssl
  chmod +x bin/openssl
  run -1 --separate-stderr pki
  says "ERROR: pki: verifying the certificates with openssl failed"
  says "unsuitable certificate purpose"
}

@test "pki: a missing openssl is named before anything is touched" {
  rm -r state
  mkdir only
  ln -s "$(command -v node)" only/node
  run -2 --separate-stderr pki PATH="$PWD/only"
  says "ERROR: pki: PATH openssl is not found"
  nothing_touched
}

@test "pki: no floating name is refused by its name" {
  rm -r state
  run -2 --separate-stderr pki MP_FLOAT_DNS=
  says "ERROR: pki: MP_FLOAT_DNS is not set"
  nothing_touched
}

@test "pki: a state folder that can't be written is told as such" {
  rm -r state
  echo >state
  run -1 --separate-stderr pki
  says "ERROR: pki: can't read $PWD/state/ca/"
}
