#!/usr/bin/env bats
# wait: conditions with a deadline (by library.ts).
# shellcheck disable=SC2154 # bats sets output and stderr

load helper

setup() { isolate; }

@test "wait: goes on when the condition holds; a look that fails counts as not yet" {
  run -0 --separate-stderr driver library CASE="wait until it holds"
  is "$output" ready
  says "… server is down: connection refused (1 s left)"
  says "… 1 of 2 ready (1 s left)"
}

@test "wait: when time is up, says the last state, what was found and what next" {
  run -1 --separate-stderr driver library CASE="wait in vain"
  says "ERROR: library: the pods of mp1: not so after 1 s; last seen: 1 of 2 ready"
  says "| pod tsb-1: ImagePullBackOff"
  says "next: look at the pods"
}

@test "wait: the same state is shown once where there is no terminal" {
  run -1 --separate-stderr driver library CASE="wait in vain"
  is "$(grep -c "… 1 of 2 ready" <<<"$stderr")" 1
}

@test "wait: what can't come true any more is not waited for" {
  SECONDS=0
  run -1 --separate-stderr driver library CASE="wait for what can't come"
  says "ERROR: library: the license expired"
  ((SECONDS < 30))
}

@test "wait: a mistake in the program is not waited out" {
  SECONDS=0
  run -1 --separate-stderr driver library CASE="wait with a mistake"
  says "this is a mistake in this program"
  ((SECONDS < 30))
}
