# shellcheck shell=bash
# For tests on the rehearsal lab: the real targets, run through make, and looked at with kubectl, psql, dig, openssl.
#
# A file asks in setup_file for the lab that it needs:
#
#   setup_file() { installed_lab; }      the lab that all files share, the whole guide carried out on it. A test may
#                                        break something there if it mends it in teardown. Not for role changes.
#   setup_file() { empty_lab; }          the same as long as nothing is installed on it, otherwise a new one
#   setup_file() { own_lab; }            a new lab of three clusters for this file alone, nothing installed
#   setup_file() { own_lab mp1 mp2; }    the same with these clusters
#   teardown_file() { end_own_lab; }     at once rather than at the end of the suite: each lab takes 1.5 GiB
#
# and in setup: `setup() { in_lab; }`. Afterwards all variables of `make -s lab-env` are set, kubectl, helm, tctl and
# psql are on PATH, and the working folder is the checkout. With ACCEPTANCE_LAB=/tmp/tsb-mine the shared lab is kept.
#
#   run -0 --separate-stderr target active-dns         make active-dns; make turns every failure into its own 2
#   run -1 --separate-stderr step active-dns --verbose  the script itself, for its own exit code
#   on mp1 get pods -n tsb                             kubectl, bound to a context
#   sql mp2 "select 1"                                 psql in the Postgres pod of an instance
#   changes_nothing target active                      fails when a mutating request reached any API server
#   mark=$(audit mark); …; audit since "$mark"         the same, to look at
#   eventually condition_function ARGUMENT…            looks until it holds; fails after two minutes, with its last words
#   as_scripts COMMAND…                                as the identity that the scripts run as: docs/rbac is all it may do.
#                                                      target, step and begin do so; all else here is an administrator's
#   own_state                                          this test alone gets a copy of the state folder as STATE_DIR
#   timed "active, first run" COMMAND…                 runs it, and prints its seconds with the results
#   killed_once 'of mp2 upgraded' renew                 a script, killed as soon as it says so

bats_require_minimum_version 1.5.0

ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
source "$ROOT/tests/assertions.bash"

# lab NAME ARGUMENT…: tests/lab/NAME.ts, from the bundle
lab() { node "$ROOT/.build/lab/$1.mjs" "${@:2}"; }

# Brings the lab in LAB_DIR up, and sets all that is needed to work with it.
start_lab() {
  cd "$ROOT" || return
  export LAB_DIR=$1
  echo "$LAB_DIR" >>"$LABS"
  lab up >"$BATS_FILE_TMPDIR/lab-up.log" 2>&1 || { cat "$BATS_FILE_TMPDIR/lab-up.log" && return 1; }
  local settings
  settings=$(lab env) || return
  eval "$settings"
  export AS_SCRIPTS=$LAB_DIR/scripts.kubeconfig
  # shellcheck disable=SC2086
  [ -e "$LAB_DIR/permitted" ] || permit ${LAB_CLUSTERS:-mp1 mp2 cp1}
}

# permit CLUSTER…: what an administrator does once, before the first run.
permit() {
  local name
  for name in "$@"; do
    case $name in
      mp*) on "$name" apply -f docs/rbac/active.yaml -f docs/rbac/standby.yaml ;;
      cp*) on "$name" apply -f docs/rbac/controlplane.yaml ;;
    esac >"$BATS_FILE_TMPDIR/permit.$name" || return
  done
  touch "$LAB_DIR/permitted"
}

installed_lab() {
  start_lab "$SUITE_LAB" || return
  export FIRST_RUN=$LAB_DIR/first-run
  pair_is_whole >/dev/null 2>&1 || install_pair
}

empty_lab() {
  start_lab "$SUITE_LAB" || return
  if pair_is_whole >/dev/null 2>&1; then own_lab mp1 mp2 cp1; fi
}

# The guide, as a person would carry it out; what it printed is kept in FIRST_RUN.
install_pair() {
  local name
  mkdir -p "$FIRST_RUN"
  for name in active onboard standby; do
    timed "make $name" target "$name" >"$FIRST_RUN/$name.out" 2>"$FIRST_RUN/$name.err" || {
      cat "$FIRST_RUN/$name.out" "$FIRST_RUN/$name.err"
      return 1
    }
  done
}

# Active, standby and control plane are there and content.
pair_is_whole() {
  is "$(condition mp1)" "True Active" && is "$(condition mp2)" "True Standby" && is "$(condition cp1)" "True Connected"
}

own_lab() {
  local dir
  dir=$(mktemp -u /tmp/tsb-own-XXXXXX)
  LAB_CLUSTERS="${*:-mp1 mp2 cp1}" start_lab "$dir"
}

end_own_lab() {
  [ "$LAB_DIR" = "$SUITE_LAB" ] || lab down
}

in_lab() { cd "$ROOT" || return; }

# Its users are believed before those of the same names in KUBECONFIG, wherever that leads.
as_scripts() { KUBECONFIG=$AS_SCRIPTS:$KUBECONFIG "$@"; }

target() { as_scripts make -s --no-print-directory -C "$ROOT" "$@"; }

step() { as_scripts node "$ROOT/.build/$1.mjs" "${@:2}"; }

on() { kubectl --context "$1" --request-timeout 60s "${@:2}"; }

# condition CLUSTER: "True Active", "False InvalidCertificate": what the operator says of its resource.
condition() {
  local kind=managementplane namespace=tsb
  [[ $1 == mp* ]] || { kind=controlplane namespace=istio-system; }
  on "$1" get "$kind" "$kind" -n "$namespace" \
    -o jsonpath='{.status.conditions[?(@.type=="Ready")].status} {.status.conditions[?(@.type=="Ready")].reason}'
}

# complaint CLUSTER: the operator's words in the same condition.
complaint() {
  local kind=managementplane namespace=tsb
  [[ $1 == mp* ]] || { kind=controlplane namespace=istio-system; }
  on "$1" get "$kind" "$kind" -n "$namespace" -o jsonpath='{.status.conditions[?(@.type=="Ready")].message}'
}

# complains CLUSTER TEXT: the operator's words have it.
complains() { has "$(complaint "$1")" "$2"; }

# sql INSTANCE STATEMENT [DATABASE]
sql() {
  on "$1" exec -n tsb tsb-postgres-1-0 -- psql -X -A -t -v ON_ERROR_STOP=1 -U postgres -d "${3:-postgres}" -c "$2"
}

# dns_set NAME [TYPE VALUE]: by hand, the only record of that name; without TYPE, none.
dns_set() {
  nsupdate -k "$DNS_TSIG_KEY_FILE" <<END
server ${DNS_SERVER%:*} ${DNS_SERVER#*:}
zone $DNS_ZONE
update delete $1. A
update delete $1. CNAME
${2:+update add $1. 5 $2 $3}
send
END
}

audit() { lab audit "$@"; }

changes_nothing() {
  local mark seen status=0
  mark=$(audit mark)
  "$@" || status=$?
  seen=$(audit since "$mark")
  is "${seen%%$'\n'*}" "0 mutating requests" || { echo "$seen" && return 1; }
  return $status
}

# Far longer than anything takes, since a machine with much else to do may stand still for a while.
EVENTUALLY_SECONDS=120

eventually() {
  local deadline=$((SECONDS + EVENTUALLY_SECONDS)) words
  until words=$("$@" 2>&1); do
    if ((SECONDS >= deadline)); then
      printf 'not in time: %s\nlast seen:\n%s\n' "$*" "$words"
      return 1
    fi
    sleep 0.4
  done
}

own_state() {
  cp -a "$STATE_DIR" "$BATS_TEST_TMPDIR/state"
  export STATE_DIR=$BATS_TEST_TMPDIR/state
}

# begin NAME: a script in the background, as a process group of its own; its words in $BATS_TEST_TMPDIR/begun.
begin() {
  KUBECONFIG=$AS_SCRIPTS:$KUBECONFIG setsid node "$ROOT/.build/$1.mjs" >"$BATS_TEST_TMPDIR/begun" 2>&1 3>&- &
  BEGUN=$!
}

# said REGEX: waits until what was begun says so.
said() {
  local deadline=$((SECONDS + 300))
  until grep -qE "$1" "$BATS_TEST_TMPDIR/begun"; do
    if ((SECONDS >= deadline)) || ! kill -0 "$BEGUN"; then return 1; fi
    sleep 0.02
  done
}

# killed_once REGEX NAME: begins a script, and kills it with all its children as soon as it says so.
killed_once() {
  begin "$2"
  said "$1" || { cat "$BATS_TEST_TMPDIR/begun" && return 1; }
  kill -KILL -- "-$BEGUN"
  wait "$BEGUN" || true
}

# timed WHAT COMMAND…
timed() {
  local what=$1 began=$EPOCHREALTIME status=0
  shift
  "$@" || status=$?
  printf '# %s: %d.%d s\n' "$what" $(((${EPOCHREALTIME/./} - ${began/./}) / 1000000)) $(((${EPOCHREALTIME/./} - ${began/./}) / 100000 % 10)) >&3
  return $status
}
