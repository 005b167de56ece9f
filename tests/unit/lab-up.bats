#!/usr/bin/env bats
# lab-up: on a machine that lacks something it says all of it in one message, and installs nothing.
# shellcheck disable=SC2154 # bats sets output and stderr

load helper

setup() {
  isolate
  rm bin/*
  local program
  for program in node unshare bash mount setpriv; do ln -s "$(command -v "$program")" "bin/$program"; done
}

# lab_up COMMAND…: lab-up, started so, with few programs on PATH (it finds Debian's own all the same), not Go, and nothing
# built before.
lab_up() {
  cd "$ROOT" && env -i HOME="$BATS_TEST_TMPDIR/home" PATH="$BATS_TEST_TMPDIR/bin" \
    LAB_DIR="$BATS_TEST_TMPDIR/lab" "$@" --import tsx tests/lab/up.ts
}

# What a message begins with: nothing came before it, and the lab was not begun.
only() {
  [[ $stderr == "ERROR: lab-up: $1"* ]]
  [ ! -e lab ]
}

@test "lab-up: says at once that it does not run on macOS" {
  run -2 --separate-stderr lab_up node --import 'data:text/javascript,Object.defineProperty(process,"platform",{value:"darwin"})'
  only "the lab runs on Linux only (this is darwin)"
}

@test "lab-up: says which programs Go is needed for" {
  run -2 --separate-stderr lab_up node
  only "Go is missing; it builds kube-apiserver, "
  says "next: install Go 1.21 or newer"
}

@test "lab-up: another user than root hears in one message of the packages and of Go" {
  unshare -m true 2>/dev/null || skip "needs the right to mount"
  mkdir none
  # Not root, but one who may read the checkout wherever it lies.
  # shellcheck disable=SC2016
  run -2 --separate-stderr lab_up unshare -m bash -c 'mount --bind "$1" /usr/lib/postgresql && shift &&
    exec setpriv --reuid 65534 --clear-groups --inh-caps +dac_override --ambient-caps +dac_override node "$@"' - "$PWD/none"
  only "missing on this machine: postgres"
  says "sudo apt-get install --no-install-recommends postgresql"
  says "Go is missing; it builds kube-apiserver, "
}
