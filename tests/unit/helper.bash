# shellcheck shell=bash
# For tests of the scripts without a cluster: a folder of their own, strict stubs of the tools that reach outside, and
# settings that are good, of which a test changes some.

bats_require_minimum_version 1.5.0

ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
# shellcheck source-path=SCRIPTDIR
source "$ROOT/tests/assertions.bash"

# Settings that no step refuses.
GOOD=(
  MP1_DNS=mp1.tsb.example.com MP1_CONTEXT=mp1 MP2_DNS=mp2.tsb.example.com MP2_CONTEXT=mp2
  MP_FLOAT_DNS=active.tsb.example.com ACTIVE=mp1 STANDBY=mp2 CLUSTER_NAME=cp1
  TSB_ORG=acme TSB_VERSION=1.12.0 TSB_REGISTRY=registry.example.com/tsb
  POSTGRES_PASSWORD=postgres-secret-1 ELASTIC_PASSWORD=elastic-secret-2
  LDAP_BIND_PASSWORD=ldap-secret-3 TSB_ADMIN_PASSWORD=admin-secret-4
  # Small keys are made in no time.
  CA_KEY_BITS=2048
)

# An empty folder to work in, with bin/ before everything else on PATH. Call it in setup.
isolate() {
  cd "$BATS_TEST_TMPDIR" || return
  mkdir bin
  kubeconfig_with mp1 mp2 cp1 >kubeconfig
  # In one go: hundreds of tests do it.
  tee bin/{kubectl,helm,tctl,nsupdate} <"$BATS_TEST_DIRNAME/fixtures/stub" >bin/curl
  chmod +x bin/*
}

# kubeconfig_with CONTEXT…: prints one that leads nowhere.
kubeconfig_with() {
  printf '%s\n' 'apiVersion: v1' 'kind: Config' 'contexts:'
  printf -- '- name: %s\n  context: {cluster: nowhere, user: nobody}\n' "$@"
}

# A stub that records its calls and fails on those that are not planned.
stub() { cp "$BATS_TEST_DIRNAME/fixtures/stub" "bin/$1"; }

# plan TOOL PATTERN [EXIT-CODE]: calls whose arguments match the pattern print standard input and end so. First match wins.
plan() {
  local dir=plans/$1 number
  [ -d "$dir" ] || mkdir -p "$dir"
  local earlier=("$dir"/*.pattern)
  [ -e "${earlier[0]}" ] || earlier=()
  printf -v number '%03d' "${#earlier[@]}"
  printf '%s' "$2" >"$dir/$number.pattern"
  printf '%s' "${3:-0}" >"$dir/$number.code"
  cat >"$dir/$number.output"
}

# The recorded calls, one line each: kubectl --context mp1 …
calls() { [ ! -e calls ] || cat calls; }

# in_environment [VARIABLE=VALUE…] COMMAND…: runs it with the good settings, those given, and nothing else.
in_environment() {
  env -i PATH="$BATS_TEST_TMPDIR/bin:$PATH" HOME="$BATS_TEST_TMPDIR/home" KUBECONFIG="$BATS_TEST_TMPDIR/kubeconfig" \
    TCTL_CONFIG="$BATS_TEST_TMPDIR/tctl" STATE_DIR="$BATS_TEST_TMPDIR/state" "${GOOD[@]}" "$@"
}

# run_file FILE [VARIABLE=VALUE… | FLAG…]
run_file() {
  local file=$1 settings=() flags=() argument
  shift
  for argument in "$@"; do
    if [[ $argument == -* || $argument != *=* ]]; then flags+=("$argument"); else settings+=("$argument"); fi
  done
  in_environment "${settings[@]}" node --enable-source-maps "$file" "${flags[@]}"
}

# script NAME […]: runs scripts/NAME.ts.
script() { run_file "$ROOT/.build/$1.mjs" "${@:2}"; }

# driver NAME […]: runs tests/unit/NAME.ts.
driver() { run_file "$DRIVERS/$1.js" "${@:2}"; }

# Neither the state folder nor a tool was touched.
nothing_touched() {
  [ ! -e state ] || { printf 'there is a state folder:\n%s\n' "$(find state)" && return 1; }
  is "$(calls)" ""
}

# is_gone PID: the process ended; init may not have collected it yet.
is_gone() {
  local state
  state=$(ps -o stat= -p "$1") || return 0
  [[ $state == Z* ]] || { echo "process $1 is still there: $state" && return 1; }
}
