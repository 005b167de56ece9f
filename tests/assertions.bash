# shellcheck shell=bash
# What a test says of texts; each prints what it expected and what it got.

# has TEXT PART
has() {
  [[ $1 == *"$2"* ]] || { printf 'expected: %s\nactual:\n%s\n' "$2" "$1" && return 1; }
}

# lacks TEXT PART
lacks() {
  [[ $1 != *"$2"* ]] || { printf 'not expected: %s\nactual:\n%s\n' "$2" "$1" && return 1; }
}

# is ACTUAL EXPECTED
is() {
  [ "$1" = "$2" ] || { printf 'expected: %s\nactual:   %s\n' "$2" "$1" && return 1; }
}

# says TEXT: standard error of the last `run --separate-stderr` has it.
# shellcheck disable=SC2154
says() { has "$stderr" "$1"; }

# own_milliseconds: a clock that stands still while a hypervisor gives this machine's processors to others.
own_milliseconds() {
  local stolen
  # In hundredths of a second, over all processors.
  read -r _ _ _ _ _ _ _ _ stolen _ </proc/stat
  echo $((${EPOCHREALTIME/./} / 1000 - stolen * 10 / $(nproc)))
}
