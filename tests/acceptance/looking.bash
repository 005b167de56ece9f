# shellcheck shell=bash disable=SC2016,SC2154 # bats sets output
# For tests that look at a pair with `make status`.
#
#   look 3 "grant gone" "degraded grant-missing mp1: make service-account ACTIVE=mp1"…
#                                        looks; the exit code must be this one, and these findings there, whatever else.
#                                        Seconds are printed. On a machine with much else to do something may not answer
#                                        within the bounds of one look: then it looks again, twice at most.
#   fact active                          an expression over the report of the last look, printed
#   mended grant-missing                 types what the last look says mends this finding
#   lock_held INSTANCE                   somebody holds the lock on it, and has just renewed it

look() {
  local tries=3 found
  until found=$(looked "$@"); do
    if ((--tries == 0)); then printf '%s\n' "$found" && return 1; fi
  done
}

looked() {
  # What was seen before must not stand in for what could not be seen now.
  rm -f "$BATS_TEST_TMPDIR"/{report.json,findings}
  JSON=1 run --separate-stderr timed "status, $2" step status
  printf '%s\n' "$output" >"$BATS_TEST_TMPDIR/report.json"
  fact 'findings.map((one) => `${one.severity} ${one.code} ${one.about}: ${one.mend}`).join("\n")' >"$BATS_TEST_TMPDIR/findings" ||
    { printf '%s\n' "$stderr" && return 1; }
  is "$status, $(<"$BATS_TEST_TMPDIR/findings")" "$1, $(<"$BATS_TEST_TMPDIR/findings")" && finds "${@:3}"
}

fact() {
  node -e 'with (JSON.parse(fs.readFileSync(process.argv[1], "utf8"))) console.log(eval(process.argv[2]))' \
    "$BATS_TEST_TMPDIR/report.json" "$1"
}

finds() {
  local line
  for line in "$@"; do
    grep -qxF -- "$line" "$BATS_TEST_TMPDIR/findings" ||
      { printf 'expected: %s\nactual:\n%s\n' "$line" "$(<"$BATS_TEST_TMPDIR/findings")" && return 1; }
  done
}

mended() {
  local words
  words=$(grep -m1 "^[a-z]* $1 " "$BATS_TEST_TMPDIR/findings")
  words=${words#*: make }
  read -ra words <<<"${words%% (*}"
  target "${words[@]}" >"$BATS_TEST_TMPDIR/mended" 2>&1 || { cat "$BATS_TEST_TMPDIR/mended" && return 1; }
}

lock_held() {
  on "$1" apply -f - <<END
{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"tsb-active-standby","namespace":"tsb"},
 "spec":{"holderIdentity":"somebody@elsewhere/1","renewTime":"$(date -u +%FT%T.000000Z)"}}
END
}
