# shellcheck shell=bash
# For tests of what comes long after the guide: certificates, versions, removal. They share the lab of roles.bash, which is
# loaded before, since they change what the guide left; each file begins with a whole pair whose active is mp1.
#
#   EVERY_MOMENT=1   a second root rotation, killed between its phases: a minute more

upkeep_lab() {
  role_lab || return
  [ "$(healthy)" = mp1 ] || TO=mp1 step switchover || return
  # What an upgrade before left.
  export TSB_VERSION
  TSB_VERSION=$(version mp1)
}

# version INSTANCE: the version that its operator runs.
version() {
  local image
  image=$(on "$1" get deployment tsb-operator-management-plane -n tsb -o jsonpath='{.spec.template.spec.containers[0].image}')
  echo "${image##*:}"
}

# kept: the fingerprints of all keys and certificates in the state folder.
kept() { sha256sum "$STATE_DIR"/{ca,mp1,mp2}/*.{crt,key}; }

# serials INSTANCE…: of the certificates in its Secrets, one a line: "mp1 tsb-certs serial=…"
serials() {
  local name secret
  for name in "$@"; do
    for secret in tsb-certs xcp-central-cert; do
      echo "$name $secret $(secret_text "$name" "$secret" tls.crt | openssl x509 -noout -serial)"
    done
  done
}

# secret_text INSTANCE SECRET KEY
secret_text() { on "$1" get secret "$2" -n tsb -o go-template="{{index .data \"$3\" | base64decode}}"; }

# served NAME [ROOTS]: the serial that is shown to a client who trusts these roots; fails when it does not hold for them.
served() {
  local address
  address=$(dig +short "@${DNS_SERVER%:*}" -p "${DNS_SERVER#*:}" "$1" | tail -1)
  openssl s_client -connect "$address:$MP_PORT" -servername "$1" -verify_hostname "$1" -verify_return_error \
    -CAfile "${2:-$STATE_DIR/ca/ca.crt}" </dev/null >"$BATS_TEST_TMPDIR/shown" 2>&1 || return
  openssl x509 -noout -serial -in "$BATS_TEST_TMPDIR/shown"
}

# stream: which connection the standby streams by. The same words later: it was never cut.
stream() { sql mp1 "select application_name, state, backend_start from pg_stat_replication"; }

# watch: from now on whatever the operator of cp1 says of its connection is noted.
watch() {
  kubectl --context cp1 get controlplane controlplane -n istio-system --watch \
    -o jsonpath='{.status.conditions[?(@.type=="Ready")].status} {.status.conditions[?(@.type=="Ready")].reason}{"\n"}' \
    >"$BATS_TEST_TMPDIR/watched" 2>&1 3>&- &
  WATCH=$!
  eventually test -s "$BATS_TEST_TMPDIR/watched"
}

# never_cut_off: since `watch` cp1 was connected all the while.
never_cut_off() {
  kill -0 "$WATCH" && is "$(sort -u "$BATS_TEST_TMPDIR/watched")" "True Connected"
}

# In teardown.
unwatch() { [ -z "${WATCH:-}" ] || kill "$WATCH"; }
