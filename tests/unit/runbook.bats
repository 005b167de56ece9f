#!/usr/bin/env bats
# The runbook as a document; its commands are run in tests/acceptance/runbook.bats.

load helper

setup() { isolate; }

SECRETS=(postgres-secret-1 elastic-secret-2 ldap-secret-3 admin-secret-4 c2VjcmV0)

# no_secrets TEXT
no_secrets() {
  local secret
  for secret in "${SECRETS[@]}"; do lacks "$1" "$secret" || return; done
}

rfc2136() {
  printf 'key "k" {\n algorithm hmac-sha256;\n secret "c2VjcmV0";\n};\n' >tsig.key
  chmod 600 tsig.key
  script runbook DNS_PROVIDER=rfc2136 DNS_SERVER=ns1.example.com DNS_ZONE=tsb.example.com DNS_TSIG_KEY_FILE=tsig.key "$@"
}

@test "runbook: has both directions of each role change, the user's names, and no secrets" {
  run -0 --separate-stderr rfc2136 MP1_CONTEXT='prod&east'
  local title
  for title in "Switchover from mp1 to mp2" "Switchover from mp2 to mp1" "Failover from mp1 to mp2" "Rejoin of mp1 as a standby of mp2" "Rejoin of mp2 as a standby of mp1"; do
    has "$output" "## $title"
  done
  has "$output" "kubectl --context 'prod&east' scale deploy -n tsb tsb iam --replicas 0"
  has "$output" "update add active.tsb.example.com. 30 CNAME mp2.tsb.example.com."
  has "$output" "tctl status cluster cp1"
  # shellcheck disable=SC2154
  no_secrets "$output$stderr"
  is "$(calls)" ""
}

@test "runbook: its commands are bash" {
  run -0 --separate-stderr rfc2136
  awk '/^```/ { code = /bash|sh/; next } code' <<<"$output" >commands
  [ "$(wc -l <commands)" -gt 100 ]
  run -0 bash -n commands
}

@test "runbook: without dynamic updates the records to make are told" {
  run -0 --separate-stderr script runbook
  has "$output" '- active.tsb.example.com 30 CNAME mp2.tsb.example.com'
  lacks "$output" "nsupdate -v"
}

@test "runbook: as HTML it is one page that needs nothing else" {
  run -0 --separate-stderr rfc2136 FORMAT=html OUT=runbook.html
  is "$output" ""
  local page
  page=$(cat runbook.html)
  has "$page" "<!doctype html>"
  has "$page" "&lt;&lt;EOF"
  lacks "$page" "src="
  lacks "$page" "href="
  no_secrets "$page"
  is "$(stat -c %a runbook.html)" 600
}

@test "runbook: a third instance gets its role changes with the active" {
  run -0 --separate-stderr script runbook MP3_DNS=mp3.tsb.example.com MP3_CONTEXT=mp3
  has "$output" "## Failover from mp1 to mp3"
  has "$output" "Further standbys must follow mp3"
}

@test "runbook: one instance alone, a wrong format and a wrong flag are refused" {
  run -2 --separate-stderr script runbook MP2_CONTEXT= MP2_DNS=
  says "a pair needs two instances"
  run -2 --separate-stderr script runbook FORMAT=pdf
  says "FORMAT"
  run -2 --separate-stderr script runbook --watch
  says "--watch"
}
