#!/usr/bin/env bats
# The rehearsal of a role change.
# bats sets output, lines and stderr.
# shellcheck disable=SC2154,SC2030,SC2031

load helper
load roles

setup_file() { role_lab; }
setup() { in_lab && FROM=$(healthy) && export FROM; }

@test "drill: there and back, timed; the pair ends as it began, and the report says so" {
  local rounds=1 drill
  [ -z "${EVERY_MOMENT:-}" ] || rounds=2
  ROUNDS=$rounds run -0 --separate-stderr timed "drill, $rounds round(s)" step drill
  one_pair "$FROM"
  show "${lines[@]: -$((2 * rounds + 1))}"
  drill=$(find "$STATE_DIR/reports" -name '*-drill.json' | sort | tail -1)
  is "$(node -p "JSON.parse(fs.readFileSync('$drill')).reports.map((one) => one.to).join()")" \
    "$(printf "%s,%s" "$(other "$FROM")" "$FROM")$([ $rounds = 1 ] || printf ",%s,%s" "$(other "$FROM")" "$FROM")"
  # One page that needs nothing else.
  run ! grep -E 'src=|href=|@import|url\(' "${drill%.json}.html"
}

@test "drill: refused, with nothing changed, when there is no standby" {
  lab control kill "$(other "$FROM")"
  run -1 --separate-stderr changes_nothing step drill
  says "a drill needs an active and a standby"
  lab control revive "$(other "$FROM")"
  eventually one_pair "$FROM"
}
