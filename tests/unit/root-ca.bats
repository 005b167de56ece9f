#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2153,SC2154 # bats sets output and stderr, and runs each test in a subshell
# pki: a root CA of the operator's own (CA_CERT, CA_KEY), and roots that can't be used.

load helper
load pki

# Roots that several tests use, and a state folder that pki made.
setup_file() {
  make_pki_once
  cd "$BATS_FILE_TMPDIR" || return
  NEW_KEY=rsa:2048 root good
  root other
  openssl ecparam -name prime256v1 -genkey -out ec.key
  openssl req -x509 -key ec.key -out ec.crt -subj "/C=DE/O=Müller/OU=a+CN=b" -utf8 -days 400 \
    -addext keyUsage=critical,keyCertSign,cRLSign
  openssl pkey -in good.key -aes256 -passout pass:secret -out encrypted.key
  openssl genpkey -algorithm ed25519 -out ed.key
  openssl req -x509 -key ed.key -out ed.crt -subj /CN=ed -addext keyUsage=critical,keyCertSign
  root leaf -addext basicConstraints=critical,CA:FALSE
  signed_by_good intermediate -days 300
  dated past 20200101000000Z 20210101000000Z
  dated future "$(date -u -d '+1 day' +%Y%m%d%H%M%SZ)" "$(date -u -d '+2 days' +%Y%m%d%H%M%SZ)"
  cat good.crt other.crt >both.crt
  echo garbage >garbage
}

setup() {
  isolate
  cp "$BATS_FILE_TMPDIR"/{*.crt,*.key,garbage} .
}

signed_by_good() {
  openssl req -new -newkey "$NEW_KEY" -nodes -keyout "$1.key" -subj "/CN=$1" 2>/dev/null |
    openssl x509 -req -CA good.crt -CAkey good.key "${@:2}" -out "$1.crt" \
      -extfile <(printf '%s\n' basicConstraints=critical,CA:TRUE keyUsage=critical,keyCertSign) 2>/dev/null
}

# dated NAME BEGIN END: a root with these dates. Only `openssl ca` sets both.
dated() {
  mkdir "$1"
  : >"$1/index"
  printf '%s\n' '[ca]' default_ca=d '[d]' "database=$1/index" "new_certs_dir=$1" default_md=sha256 policy=p \
    rand_serial=yes x509_extensions=x '[p]' commonName=supplied '[x]' basicConstraints=critical,CA:TRUE \
    keyUsage=critical,keyCertSign subjectKeyIdentifier=hash >"$1/config"
  openssl req -new -newkey "$NEW_KEY" -nodes -keyout "$1.key" -out "$1/request" -subj "/CN=$1" 2>/dev/null
  openssl ca -batch -config "$1/config" -selfsign -keyfile "$1.key" -in "$1/request" -out "$1.crt" -notext \
    -startdate "$2" -enddate "$3" 2>/dev/null
}

# refused CERT KEY TEXT…: pki refuses the pair with these words, and touches nothing.
refused() {
  run -2 --separate-stderr pki CA_CERT="$1" CA_KEY="$2"
  local text
  for text in "${@:3}"; do says "$text"; done
  nothing_touched
}

@test "pki: signs with a root that is brought along" {
  run -0 --separate-stderr pki CA_CERT=good.crt CA_KEY=good.key
  says "root CA: brought along"
  is "$(field state/ca/ca.crt -fingerprint)" "$(field good.crt -fingerprint)"
  pair state/ca/ca
  is "$(stat -c %a state/ca/ca.key)" 600
  all_hold
}

@test "pki: signs with a root that has an EC key and an unusual name" {
  pki CA_CERT=ec.crt CA_KEY=ec.key
  has "$(openssl x509 -in state/mp1/tsb_certs.crt -noout -text)" "Signature Algorithm: ecdsa-with-SHA256"
  all_hold
}

@test "pki: warns of a root that strict clients refuse, and still signs with it" {
  openssl req -x509 -newkey rsa:2048 -nodes -keyout plain.key -out plain.crt -subj /CN=plain 2>/dev/null
  run -0 --separate-stderr pki CA_CERT=plain.crt CA_KEY=plain.key
  says "! strict clients will refuse your root CA: CA cert does not include key usage extension"
  run -0 openssl verify -CAfile state/ca/ca.crt "${LEAVES[@]}"
}

@test "pki: a root that was brought along stays when the settings no longer name it" {
  pki CA_CERT=good.crt CA_KEY=good.key
  local before
  before=$(snapshot state)
  pki
  pki CA_CERT=good.crt CA_KEY=good.key
  is "$(snapshot state)" "$before"
}

@test "pki: refuses a certificate that is not a CA" {
  refused leaf.crt leaf.key "ERROR: pki: CA_CERT $PWD/leaf.crt is not a CA"
}

@test "pki: refuses a root that expired" {
  refused past.crt past.key "ERROR: pki: CA_CERT $PWD/past.crt expired on Jan  1 00:00:00 2021 GMT"
}

@test "pki: refuses a root that is not valid yet" {
  refused future.crt future.key "ERROR: pki: CA_CERT $PWD/future.crt is not valid before"
}

@test "pki: refuses a key of another certificate" {
  refused good.crt other.key "ERROR: pki: CA_KEY $PWD/other.key is not the private key of $PWD/good.crt"
}

@test "pki: refuses a key with a passphrase, and says how to take it off" {
  refused good.crt encrypted.key "ERROR: pki: CA_KEY $PWD/encrypted.key is encrypted with a passphrase" "openssl pkey -in"
}

@test "pki: refuses an intermediate CA" {
  refused intermediate.crt intermediate.key "ERROR: pki: CA_CERT $PWD/intermediate.crt is not a root: O=Acme, CN=good"
}

@test "pki: refuses a bundle" {
  refused both.crt good.key "ERROR: pki: CA_CERT $PWD/both.crt holds 2 certificates"
}

@test "pki: refuses a key that can't sign certificates for TSB" {
  refused ed.crt ed.key "ERROR: pki: CA_KEY $PWD/ed.key is of type ed25519"
}

@test "pki: refuses files that are neither certificate nor key, both at once" {
  refused garbage garbage "ERROR: pki: CA_CERT $PWD/garbage is not a certificate" \
    "ERROR: pki: CA_KEY $PWD/garbage is not a private key"
}

@test "pki: refuses certificate and key that changed places" {
  refused good.key good.crt "CA_CERT $PWD/good.key is not a certificate" "CA_KEY $PWD/good.crt is not a private key"
}

@test "pki: refuses another root than the one in use, and changes nothing" {
  copy_pki
  local before
  before=$(snapshot state)
  run -2 --separate-stderr pki CA_CERT=good.crt CA_KEY=good.key
  says "ERROR: pki: CA_CERT is another root than $PWD/state/ca/ca.crt"
  says "next: unset CA_CERT and CA_KEY"
  is "$(snapshot state)" "$before"
}

@test "pki: without the root's key it keeps what is there" {
  copy_pki
  rm state/ca/ca.key
  run -0 --separate-stderr pki
  says "= mp1 tsb_certs: kept"
}

@test "pki: without the root's key it refuses what it would have to sign, and makes no new root" {
  copy_pki
  rm state/ca/ca.key
  run -2 --separate-stderr pki MP3_DNS=mp3.tsb.example.com
  says "ERROR: pki: STATE_DIR has no $PWD/state/ca/ca.key"
  says "mp3/tsb_certs (there is none yet), mp3/xcp-central-cert (there is none yet)"
  [ ! -e state/mp3 ] && [ ! -e state/ca/ca.key ]
}

@test "pki: takes the root's key back from CA_KEY" {
  copy_pki
  mv state/ca/ca.key kept.key
  cp state/ca/ca.crt kept.crt
  pki CA_CERT=kept.crt CA_KEY=kept.key MP3_DNS=mp3.tsb.example.com
  pair state/ca/ca
  run -0 openssl verify -x509_strict -CAfile kept.crt state/mp3/tsb_certs.crt
}

@test "pki: makes no new root for certificates whose root is gone" {
  copy_pki
  rm -r state/ca
  # An instance that the settings no longer name depends on the root too.
  rm -r state/mp1
  run -2 --separate-stderr pki MP2_DNS= MP2_CONTEXT=
  says "ERROR: pki: STATE_DIR has $PWD/state/mp2/tsb_certs.crt, but its root $PWD/state/ca/ca.crt is gone"
  [ ! -e state/ca ]
}

@test "pki: puts a root back that is named by CA_CERT" {
  copy_pki
  mv state/ca kept
  local before
  before=$(snapshot state)
  run -2 pki CA_CERT=good.crt CA_KEY=good.key
  pki CA_CERT=kept/ca.crt CA_KEY=kept/ca.key
  is "$(snapshot state | grep -v /ca/)" "$before"
}

@test "pki: refuses a root in the state folder whose key is another's" {
  copy_pki
  cp good.key state/ca/ca.key
  run -2 --separate-stderr pki
  says "ERROR: pki: STATE_DIR $PWD/state/ca/ca.key is not the private key of $PWD/state/ca/ca.crt"
}

@test "pki: refuses a root in the state folder that expired" {
  mkdir -p state/ca
  cp past.crt state/ca/ca.crt
  cp past.key state/ca/ca.key
  run -2 --separate-stderr pki
  says "ERROR: pki: STATE_DIR $PWD/state/ca/ca.crt expired on"
  says "next: start a new PKI with an empty STATE_DIR"
}

@test "pki: refuses an EC key that lies alone in the state folder" {
  mkdir -p state/ca
  cp ec.key state/ca/ca.key
  run -2 --separate-stderr pki
  says "ERROR: pki: STATE_DIR has $PWD/state/ca/ca.key without its ca.crt"
}
