#!/usr/bin/env bats
# consent: what is at risk is agreed to by name, on a terminal or by a variable; by a script of the tests' own (frame.ts).
# shellcheck disable=SC2154 # bats sets output and stderr

load helper

setup() { isolate; }

# typing KEYS: the body asks on a terminal, and these keys are pressed when it does.
typing() {
  command -v script >/dev/null || skip "needs script of util-linux for a terminal"
  { asked && printf '%b' "$1"; } |
    in_environment BODY="asks by name" script -qefc "node $DRIVERS/frame.js" screen
}

# asked: the prompt is there. Keys that come earlier would meet a terminal that is not ready for them.
asked() {
  for _ in {1..600}; do
    ! grep -qs 'type mp2 to go on' screen || return 0
    sleep 0.05
  done
  return 1
}

@test "consent: on a terminal the right name goes on" {
  run -0 typing 'mp2\n'
  has "$output" "? the data of mp2 goes"
  has "$output" "it is gone"
}

@test "consent: on a terminal another name, and none, are refused" {
  run -1 typing 'mp1\n'
  has "$output" '"mp1" was typed, not mp2: the data of mp2 goes'
  lacks "$output" "it is gone"
  rm screen
  run -1 typing '\n'
  has "$output" '"" was typed, not mp2'
}

@test "consent: on a terminal Ctrl-D is a refusal, with what to do" {
  run -1 typing '\004'
  has "$output" "nothing was typed: the data of mp2 goes"
  has "$output" "CONFIRM=mp2"
}

@test "consent: on a terminal Ctrl-C ends with 130" {
  run -130 typing '\003'
  has "$output" "frame: interrupted (SIGINT)"
  lacks "$output" "mistake"
}

@test "consent: without a terminal the variable answers, and only with the right name" {
  run -0 --separate-stderr driver frame BODY="asks by name" CONFIRM=mp2
  says "it is gone"
  run -1 --separate-stderr driver frame BODY="asks by name" CONFIRM=mp1
  says "CONFIRM names mp1, not mp2: the data of mp2 goes"
  run -1 --separate-stderr driver frame BODY="asks by name" </dev/null
  says "not agreed to: the data of mp2 goes"
}
