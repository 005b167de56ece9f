#!/usr/bin/env bats
# What the guide warns of, done wrong by hand on the active: the lab refuses it as TSB would, and our steps say why.
# bats sets output, lines and stderr.
# shellcheck disable=SC2154

load helper
load by-hand

setup_file() { installed_lab && prepare_hands; }
teardown_file() { mend_pair mp1; }
setup() { in_lab; }

@test "tsb_certs without the floating name: tctl refuses the login" {
  certificate no-float "$MP1_DNS"
  management_plane mp1 --set-file "secrets.tsb.cert=$HANDS/no-float.crt,secrets.tsb.key=$HANDS/no-float.key"
  refused() { run ! step active-login && has "$output" "x509: certificate is valid for $MP1_DNS, not $MP_FLOAT_DNS"; }
  eventually refused
}

@test "tsb_certs without the permanent name: the standby refuses its active" {
  certificate no-permanent "$MP_FLOAT_DNS"
  management_plane mp1 --set-file "secrets.tsb.cert=$HANDS/no-permanent.crt,secrets.tsb.key=$HANDS/no-permanent.key"
  eventually complains mp2 "x509: certificate is valid for $MP_FLOAT_DNS, not $MP1_DNS"
}

@test "xcp-central-cert without the floating name: the control plane refuses XCP central" {
  certificate no-float "$MP1_DNS"
  management_plane mp1 --set-file "secrets.xcp.central.cert=$HANDS/no-float.crt,secrets.xcp.central.key=$HANDS/no-float.key"
  eventually complains cp1 "x509: certificate is valid for $MP1_DNS, not $MP_FLOAT_DNS"
}

@test "certificates from two roots: the operator refuses them, and active-install mends it" {
  certificate foreign "$MP1_DNS $MP_FLOAT_DNS" "$HANDS/other-ca"
  management_plane mp1 --set-file "secrets.tsb.cert=$HANDS/foreign.crt,secrets.tsb.key=$HANDS/foreign.key"
  eventually complains mp1 "Secret tsb-certs: x509: certificate signed by unknown authority"
  run -0 --separate-stderr target active-install
  says "upgraded"
  eventually pair_is_whole
}

@test "a key that does not match: the operator refuses it" {
  certificate other "$MP1_DNS $MP_FLOAT_DNS"
  management_plane mp1 --set-file "secrets.xcp.central.key=$HANDS/other.key"
  eventually complains mp1 "Secret xcp-central-cert: tls: private key does not match public key"
}

@test "xcp-central-cert that is no client's: the operator refuses it" {
  certificate other "$MP1_DNS $MP_FLOAT_DNS"
  openssl x509 -req -in "$HANDS/other.csr" -CA "$STATE_DIR/ca/ca.crt" -CAkey "$STATE_DIR/ca/ca.key" -out "$HANDS/server.crt" \
    -extfile <(printf 'subjectAltName=DNS:%s,DNS:%s\nextendedKeyUsage=serverAuth\n' "$MP1_DNS" "$MP_FLOAT_DNS")
  management_plane mp1 --set-file "secrets.xcp.central.cert=$HANDS/server.crt,secrets.xcp.central.key=$HANDS/other.key"
  eventually complains mp1 "extended key usage lacks clientAuth"
}

@test "active and standby both set: the API server refuses the resource" {
  run ! management_plane mp1 --set "spec.highAvailability.standby.activeMpSynchronizationEndpoint.host=$MP2_DNS" \
    --set spec.highAvailability.standby.activeMpSynchronizationEndpoint.port=443
  has "$output" "spec.highAvailability.active and spec.highAvailability.standby are mutually exclusive"
}

@test "organisation in capitals: refused by chart or API server" {
  run ! management_plane mp1 --set spec.organization=ACME
  has "$output" "lower case"
}

@test "tctl without the CA: it refuses the management plane's certificate" {
  mend_pair mp1
  export TCTL_CONFIG=$BATS_TEST_TMPDIR/tctl
  tctl config clusters set mine --bridge-address "$MP_FLOAT_DNS:$MP_PORT"
  tctl config users set mine --org "$TSB_ORG" --username admin
  tctl config profiles set mine --cluster mine --username mine
  run ! env TCTL_LOGIN_ORG="$TSB_ORG" TCTL_LOGIN_TENANT='' TCTL_LOGIN_USERNAME=admin \
    TCTL_LOGIN_PASSWORD="$TSB_ADMIN_PASSWORD" tctl login
  has "$output" "x509: certificate signed by unknown authority"
}

@test "another admin password in the settings: the login says so, without showing it" {
  TSB_ADMIN_PASSWORD=not-the-password-$$ run -1 --separate-stderr step active-login
  says "Unauthenticated"
  says "TSB_ADMIN_PASSWORD"
  lacks "$stderr$output" "not-the-password-$$"
}
