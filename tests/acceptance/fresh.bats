#!/usr/bin/env bats
# The whole guide at once on fresh clusters (make -j4 active standby), watched all the while: no secret where others can
# see it. The tools are called through recorders, and /proc is sampled beside.
# bats sets output, lines and stderr.
# shellcheck disable=SC2154,SC2016

load helper

setup_file() {
  empty_lab || return
  unset CA_KEY_BITS
  export SEEN=$BATS_FILE_TMPDIR/seen HOME=$BATS_FILE_TMPDIR/home TMPDIR=$BATS_FILE_TMPDIR/tmp STRANGE_MARK=mark-$$-of-this-run
  mkdir -p "$SEEN" "$HOME" "$TMPDIR" "$BATS_FILE_TMPDIR/bin"
  settings_file
  local tool
  for tool in kubectl helm tctl nsupdate openssl; do recorder "$tool" >"$BATS_FILE_TMPDIR/bin/$tool"; done
  chmod +x "$BATS_FILE_TMPDIR"/bin/*
  node --import tsx tests/acceptance/argv-sampler.ts "STRANGE_MARK=$STRANGE_MARK" "$SEEN/proc" 3>&- &
  local sampler=$! path=$PATH status=0
  # Nothing may rely on the caller's umask.
  umask 000
  PATH=$BATS_FILE_TMPDIR/bin:$PATH
  timed "make -j4 active standby, on fresh clusters" verbosely -j4 active standby || status=$?
  verbosely onboard || status=$?
  umask 022
  PATH=$path
  kill "$sampler"
  wait "$sampler"
  canaries >"$BATS_FILE_TMPDIR/canaries"
  ((status == 0)) || cat "$SEEN/output"
  return $status
}

teardown_file() { end_own_lab; }
setup() { in_lab; }

# settings_file: passwords stand in a file, as they should; what is then in an environment was put there by us.
settings_file() {
  local name
  export ENV_FILE=$BATS_FILE_TMPDIR/env
  for name in POSTGRES_PASSWORD ELASTIC_PASSWORD LDAP_BIND_PASSWORD TSB_ADMIN_PASSWORD; do
    printf '%s=%s\n' "$name" "${!name}"
    export -n "${name?}"
  done >"$ENV_FILE"
  chmod 600 "$ENV_FILE"
}

# A stand-in for a tool that writes its arguments and environment down before it becomes the tool; without a program of
# its own, which would have them, too.
recorder() {
  cat <<RECORDER
#!/bin/bash
printf '%s\n' "\$0" "\$@" >"$SEEN/$1.argv.\$\$"
mapfile -d '' variables </proc/\$\$/environ
printf '%s\n' "\${variables[@]}" >"$SEEN/$1.env.\$\$"
exec $(command -v "$1") "\$@"
RECORDER
}

# verbosely MAKE-ARGUMENT…: make with every script's --verbose; both outputs are kept.
verbosely() {
  target "$@" 'STEP=node .build/$@.mjs --verbose' >>"$SEEN/output" 2>&1
}

# Every secret there is by now, and the base64 of each: one a line.
canaries() {
  local secret
  for secret in "$POSTGRES_PASSWORD" "$ELASTIC_PASSWORD" "$LDAP_BIND_PASSWORD" "$TSB_ADMIN_PASSWORD"; do
    printf '%s\n' "$secret" "$(printf %s "$secret" | base64 -w0)"
  done
  grep -oP 'secret "\K[^"]+' "$DNS_TSIG_KEY_FILE"
  # The middle of each private key, as PEM and inside base64 of it.
  find "$STATE_DIR" -name '*.key' -exec sed -sn 5p {} +
  find "$STATE_DIR" -name '*.key' -exec sh -c 'for f; do base64 -w0 "$f" | cut -c 200-260; done' - {} +
  cut -c 900-960 "$STATE_DIR/tsb-standby-sa-b64e"
  on mp1 get secret iam-signing-key -n tsb -o jsonpath='{.data.private\.key}' | cut -c 900-960
  sed -n 's/^ *token: //p' "$STATE_DIR/tctl/config.yaml"
}

# no_canary FILE…: none of the secrets is in any of them.
no_canary() { run -1 grep -lF -f "$BATS_FILE_TMPDIR/canaries" "$@"; }

@test "make -j4 active standby: ends with a whole pair" {
  eventually pair_is_whole
  is "$(sql mp2 "select status, sender_host from pg_stat_wal_receiver")" "streaming|$MP1_DNS"
}

@test "secrets: the check knows them, and finds one" {
  local count
  count=$(sort -u "$BATS_FILE_TMPDIR/canaries" | wc -l)
  echo "# $count secrets are looked for; sampled command lines: $(wc -l <"$SEEN/proc")" >&3
  ((count > 20))
  run -1 grep -vE '.{16}' "$BATS_FILE_TMPDIR/canaries"
  no_canary "$SEEN/output"
  run -0 grep -lF -f "$BATS_FILE_TMPDIR/canaries" "$STATE_DIR/mp1/values.yaml"
}

@test "secrets: none in the arguments of any program, recorded or sampled" {
  local tool
  for tool in kubectl helm tctl nsupdate openssl; do ls "$SEEN/$tool".argv.* >/dev/null; done
  # That the sampler looked: the other two live for milliseconds, and are recorded above.
  for tool in kubectl helm tctl; do grep -q "$tool" "$SEEN/proc"; done
  no_canary "$SEEN"/*.argv.* "$SEEN/proc"
}

@test "secrets: none in the environment of a program, but the password that tctl logs in with" {
  no_canary "$SEEN"/{kubectl,helm,nsupdate,openssl}.env.*
  grep -vh ^TCTL_LOGIN_PASSWORD= "$SEEN"/tctl.env.* >"$BATS_TEST_TMPDIR/tctl"
  no_canary "$BATS_TEST_TMPDIR/tctl"
  # Of all processes: make, shells, node, and whatever a tool started.
  for tool in make node kubectl helm; do grep -q "$tool.*STRANGE_MARK=" "$SEEN/proc.env"; done
  grep -vP '\btctl .*\tTCTL_LOGIN_PASSWORD=' "$SEEN/proc.env" >"$BATS_TEST_TMPDIR/all"
  no_canary "$BATS_TEST_TMPDIR/all"
}

@test "secrets: none in the output, with --verbose" {
  grep -q '\$ helm upgrade' "$SEEN/output"
  no_canary "$SEEN/output"
}

@test "secrets: all of the state folder is its owner's alone, whatever the umask" {
  run -0 find "$STATE_DIR" \( -type d ! -perm 700 \) -o \( -type f ! -perm 600 \)
  is "$output" ""
}

@test "secrets: nothing is left in the home or in a temporary folder" {
  no_canary -r "$HOME" "$TMPDIR"
  # tsx keeps compiled scripts there.
  run -0 find "$TMPDIR" -type f ! -path '*/tsx-*'
  is "$output" ""
}

@test "secrets: none in events or in the operator's log" {
  local name
  for name in mp1 mp2 cp1; do
    on "$name" get events -A -o yaml >"$BATS_TEST_TMPDIR/$name.events"
    on "$name" logs -A -l name=tsb-operator --tail=-1 >"$BATS_TEST_TMPDIR/$name.log" 2>&1 ||
      on "$name" logs -n tsb -l name=tsb-operator --tail=-1 >"$BATS_TEST_TMPDIR/$name.log" 2>&1 || true
  done
  no_canary -r "$BATS_TEST_TMPDIR"
}

# texts KIND: of all objects of each cluster, as $BATS_TEST_TMPDIR/CLUSTER.KIND (object-texts.ts).
texts() {
  local name objects
  for name in mp1 mp2 cp1; do
    objects=$BATS_FILE_TMPDIR/$name.json
    [ -e "$objects" ] || every_object "$name" >"$objects"
    node --import tsx tests/acceptance/object-texts.ts "$1" <"$objects" >"$BATS_TEST_TMPDIR/$name.$1"
  done
}

every_object() {
  on "$1" get "$(on "$1" api-resources --verbs=list -o name | paste -sd,)" -A -o json --show-managed-fields
}

@test "secrets: none in an object but Secrets, none in annotations, and of helm's records in values and Secrets alone" {
  texts open
  no_canary "$BATS_TEST_TMPDIR"/*.open
}

@test "secrets: in Secrets and helm's records are those that belong there; root CA's key, TSIG key and tctl's token are on no cluster" {
  local name
  texts secret
  for name in mp1 mp2 cp1; do grep -qF -f "$BATS_FILE_TMPDIR/canaries" "$BATS_TEST_TMPDIR/$name.secret"; done
  {
    sed -n 5p "$STATE_DIR/ca/ca.key"
    grep -oP 'secret "\K[^"]+' "$DNS_TSIG_KEY_FILE"
    sed -n 's/^ *token: //p' "$STATE_DIR/tctl/config.yaml"
  } >"$BATS_TEST_TMPDIR/ours"
  is "$(grep -cE '.{16}' "$BATS_TEST_TMPDIR/ours")" 3
  run -1 grep -lF -f "$BATS_TEST_TMPDIR/ours" "$BATS_TEST_TMPDIR"/*.secret
}

@test "secrets: none in the audit logs, which have the bodies of all requests but for those of Secrets" {
  local name
  for name in mp1 mp2 cp1; do
    grep -q '"requestObject":{.*"kind":"ServiceAccount"' "$LAB_DIR/$name/audit.log"
    grep -q '"level":"Metadata".*"resource":"secrets"' "$LAB_DIR/$name/audit.log"
    sed 's/\\n/\n/g' "$LAB_DIR/$name/audit.log" >"$BATS_TEST_TMPDIR/$name"
  done
  no_canary "$BATS_TEST_TMPDIR"/*
}
