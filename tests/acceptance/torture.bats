#!/usr/bin/env bats
# The short form of `make torture`: one install, killed at random moments on its way, against that of the lab which
# this lane's other files share, which never was.
# bats sets output, lines and stderr.
# shellcheck disable=SC2154

load helper

setup_file() { installed_lab; }
setup() { in_lab; }

@test "torture: an install that was killed again and again ends as one that was never killed" {
  local dir reference=$LAB_DIR
  dir=$(mktemp -u /tmp/tsb-torture-XXXXXX)
  echo "$dir" >>"$LABS"
  # On a lab that was kept, other tests have been.
  [ -z "${ACCEPTANCE_LAB:-}" ] || reference=
  eventually pair_is_whole
  REFERENCE=$reference LAB_DIR=$dir ROUNDS=6 run -0 --separate-stderr timed "torture, short form" target torture
  printf '# %s\n' "${lines[@]}" >&3
  [[ ${lines[-1]} =~ ^([0-9]+)\ kills,\ ([0-9]+)\ converged$ ]]
  is "${BASH_REMATCH[2]}" "${BASH_REMATCH[1]}"
  ((BASH_REMATCH[1] >= 6))
}
