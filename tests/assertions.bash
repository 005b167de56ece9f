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
