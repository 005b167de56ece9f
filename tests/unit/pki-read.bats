#!/usr/bin/env bats
# pki: what the install steps read of it (by pems.ts).
# shellcheck disable=SC2154 # bats sets output and stderr

load helper
load pki

setup_file() { make_pki_once; }
setup() {
  isolate
  copy_pki
}

# again TEXT: reading fails with this, and the way out.
again() {
  says "ERROR: pems: $PWD/state/$1"
  says "make pki"
}

@test "pki: an instance's certificates, keys and root are read under their own names" {
  run -0 --separate-stderr driver pems
  is "$output" "$(printf 'rootCa\n%s\ntsbCert\n%s\ntsbKey\n%s\nxcpCert\n%s\nxcpKey\n%s' "$(<state/ca/ca.crt)" \
    "$(<state/mp1/tsb_certs.crt)" "$(<state/mp1/tsb_certs.key)" \
    "$(<state/mp1/xcp-central-cert.crt)" "$(<state/mp1/xcp-central-cert.key)")"
}

@test "pki: a file that is not made yet is named when it is needed" {
  local file
  for file in mp1/xcp-central-cert.key mp1/tsb_certs.crt ca/ca.crt; do
    rm "state/$file"
    run -1 --separate-stderr driver pems
    again "$file is not there yet"
  done
}

@test "pki: a certificate and a key that do not match are not installed" {
  cp state/mp2/tsb_certs.key state/mp1/tsb_certs.key
  run -1 --separate-stderr driver pems
  again "mp1/tsb_certs.crt does not fit its key"
}

@test "pki: a certificate of another root is not installed" {
  root other
  cp other.crt state/ca/ca.crt
  run -1 --separate-stderr driver pems
  again "mp1/tsb_certs.crt was not signed by $PWD/state/ca/ca.crt"
}

@test "pki: a certificate that lacks a name is not installed" {
  run -1 --separate-stderr driver pems MP_FLOAT_DNS=other.tsb.example.com
  again "mp1/tsb_certs.crt lacks the name other.tsb.example.com"
}
