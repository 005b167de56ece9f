#!/usr/bin/env bats
# shellcheck disable=SC2154 # bats sets output
# Properties, checked on hundreds of random texts and documents each: whatever comes from outside, nothing crashes, and
# nothing is half done. To run one again: FUZZ_SEED=… (it is printed), FUZZ_RUNS=10000.

load helper

CASES=(
  "single settings" "env files" "values files" "kubectl's answers" "services' answers" "access bindings" "PEM texts"
  "files to import"
)

setup_file() {
  cd "$BATS_FILE_TMPDIR" || return
  export BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
  isolate
  driver fuzz ${FUZZ_SEED:+FUZZ_SEED="$FUZZ_SEED"} ${FUZZ_RUNS:+FUZZ_RUNS="$FUZZ_RUNS"} >seed
  echo "# $(<seed)" >&3
}

# holds CASE
holds() {
  is "$(<"$BATS_FILE_TMPDIR/$1.end")" "" || { cat "$BATS_FILE_TMPDIR/seed" && return 1; }
}

for name in "${CASES[@]}"; do
  bats_test_function --description "fuzz: $name: no crash, no stack trace, nothing half done" -- holds "$name"
done
