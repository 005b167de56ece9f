#!/usr/bin/env bats
# The rehearsal of a role change.
# bats sets output, lines and stderr.
# shellcheck disable=SC2154,SC2030,SC2031

load helper
load roles

setup_file() { role_lab; }
setup() { in_lab && FROM=$(healthy) && export FROM; }

@test "drill: there and back under a writer: no acknowledged write is lost, and the name is never without a record; the pair ends as it began" {
  local rounds=1 to drill values=$BATS_TEST_TMPDIR/values.yaml
  to=$(other "$FROM")
  [ -z "${EVERY_MOMENT:-}" ] || rounds=2
  # Each name becomes another kind of record, in one update: an address a host name there, a host name an address back.
  printf 'spec: {components: {frontEnvoy: {kubeSpec: {service: {annotations: {lab/lb-hostname: lb-%s.%s}}}}}}\n' \
    "$to" "$DNS_ZONE" >"$values"
  ACTIVE=$FROM STANDBY=$to MP_VALUES=$values step standby-install
  dns_set "$to.$DNS_ZONE" A 127.0.0.9
  dns_set "$FROM.$DNS_ZONE" CNAME "lb-$FROM.$DNS_ZONE."
  writing
  ROUNDS=$rounds run -0 --separate-stderr timed "drill, $rounds round(s)" step drill
  written
  show "writer every 20 ms: $WRITTEN" "$(report rtoSeconds) s until the first login back on $FROM" "$(phases)"
  one_pair "$FROM"
  is "$(lost "$FROM")" ""
  has "$WRITTEN" " 0 without a record"
  is "$(grep -c "RPO: 0, nothing lost" <<<"$output")" $((2 * rounds))
  is "$(dig_name "$to" CNAME)" "lb-$to.$DNS_ZONE."
  is "$(dig_name "$FROM" CNAME)" ""
  show "${lines[@]: -$((2 * rounds + 1))}"
  drill=$(find "$STATE_DIR/reports" -name '*-drill.json' | sort | tail -1)
  is "$(node -p "JSON.parse(fs.readFileSync('$drill')).reports.map((one) => one.to).join()")" \
    "$to,$FROM$([ $rounds = 1 ] || echo ",$to,$FROM")"
  # One page that needs nothing else, and is its owner's alone.
  run ! grep -E 'src=|href=|@import|url\(' "${drill%.json}.html"
  is "$(stat -c %a "$STATE_DIR"/reports/*.html | sort -u)" 600
  ACTIVE=$FROM STANDBY=$to step standby-install
}

dig_name() { dig +short "@${DNS_SERVER%:*}" -p "${DNS_SERVER#*:}" "$1.$DNS_ZONE" "$2"; }

@test "drill: refused, with nothing changed, when there is no standby" {
  lab control kill "$(other "$FROM")"
  run -1 --separate-stderr changes_nothing step drill
  says "a drill needs an active and a standby"
  lab control revive "$(other "$FROM")"
  eventually one_pair "$FROM"
}
