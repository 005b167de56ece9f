#!/usr/bin/env bats
# shellcheck disable=SC2154 # bats sets output and stderr
# lock: who holds it, for how long, and what becomes of it (by lock.ts). On real clusters: failover.bats.

load helper

setup() { isolate; }

# side_by_side CASE…: each at once, since each waits for seconds; what case N said is in said.N, its exit code in code.N.
side_by_side() {
  local number=0 name
  for name in "$@"; do
    number=$((number + 1))
    {
      local code=0
      driver lock CASE="$name" >"said.$number" 2>&1 || code=$?
      echo "$code" >"code.$number"
    } &
  done
  wait
}

@test "lock: renewed while it is held, and free again at the end; who renews is alive whatever the clocks say, who does not is forgotten" {
  side_by_side "held for long" "somebody lives whose clock is wrong" "somebody died elsewhere" "taken from us"
  is "$(cat code.*)" "$(printf '%s\n' 0 1 0 4)"
  has "$(<said.1)" "held by us: true"
  has "$(<said.1)" "renewed: true"
  has "$(<said.1)" "free: true"
  has "$(<said.2)" "somebody@elsewhere/1 holds the lock on mp1 since 2001-02-03T04:05:06Z: make switchover TO=mp2"
  lacks "$(<said.2)" taken
  has "$(<said.3)" "the lock on mp1 was left behind by somebody@elsewhere/1, who renews it no more"
  has "$(<said.3)" taken
  # Whoever has forced it keeps it.
  has "$(<said.4)" "the lock on mp1 was taken from us by somebody@elsewhere/1"
  has "$(<said.4)" "theirs: somebody@elsewhere/1"
}

@test "lock: of two who look at the same moment one gets it" {
  run -1 --separate-stderr driver lock CASE="both at the same moment"
  says "somebody@elsewhere/1 holds the lock on mp1"
  lacks "$stderr" taken
}
