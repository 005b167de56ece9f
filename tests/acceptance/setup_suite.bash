# shellcheck shell=bash
# Run by bats once around all files. No lab is brought up here, but by the first file that asks for one (helper.bash);
# whatever was brought up goes in the end, however the tests ended.
#
#   ACCEPTANCE_LAB=/tmp/tsb-mine   use this lab, and keep it: the next run begins with what is installed there. The same
#                                  for /tmp/tsb-mine-r, that of roles.bash

setup_suite() {
  # Neither the settings of whoever runs the tests, nor those of the make that called us, mix in.
  local root=$BATS_TEST_DIRNAME/../.. name
  for name in $(grep -oE '^(# )?[A-Z][A-Z0-9_]*=' "$root/env.example" | tr -d '#= ') LAB_CLUSTERS DRY_RUN; do
    unset "$name"
  done
  unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL TCTL_CONFIG TCTL_PROFILE NO_COLOR
  # A root's key of 4096 bits takes two seconds to make, a dozen times; fresh.bats makes one.
  export CA_KEY_BITS=2048
  # The tests' own kubectl: see lib/run.ts.
  export LAB_PACE=${LAB_PACE:-0.2} GOGC=${GOGC:-400}
  # Not below bats' own folder: sockets need short names, and PostgreSQL's user must reach the folder.
  SUITE_LAB=${ACCEPTANCE_LAB:-$(mktemp -u /tmp/tsb-suite-XXXXXX)}
  LABS=$BATS_SUITE_TMPDIR/labs
  export SUITE_LAB LABS
  make -s -C "$root" .build/made
  # Node 20 reads all certificates in this file at every start, which takes as long as the rest; the tests trust none.
  unset NODE_EXTRA_CA_CERTS
  : >"$LABS"
}

teardown_suite() {
  local dir
  while read -r dir; do
    [[ -n ${ACCEPTANCE_LAB:-} && $dir == "$ACCEPTANCE_LAB"* ]] || LAB_DIR=$dir node "$BATS_TEST_DIRNAME/../../.build/lab/down.mjs"
  done < <(sort -u "$LABS")
}
