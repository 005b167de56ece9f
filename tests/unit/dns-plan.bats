#!/usr/bin/env bats
# dns-plan, against a real BIND.

load dns

setup_file() { start_name_server; }
teardown_file() { stop_name_server; }
setup() { dns_setup; }

dns_plan() { dns_step dns-plan "$@"; }

# row NAME: its line of the table, blanks squeezed.
row() { grep "^$1 " <<<"$output" | tr -s ' '; }

@test "dns-plan: prints every name, its record, the step that makes it, and what it is now" {
  zone_update "update add $MP1. 5 A 10.0.0.1"
  run -0 --separate-stderr dns_plan
  is "$(head -1 <<<"$output" | tr -s ' ')" "NAME RECORD MADE IN NOW"
  is "$(row "$MP1")" "$MP1 A, AAAA or CNAME: service envoy on mp1 active-dns 10.0.0.1"
  is "$(row "$FLOAT")" "$FLOAT CNAME $MP1 active-dns; moved with the role no such name"
}

@test "dns-plan: the standby's permanent name is made when it is promoted" {
  run -0 --separate-stderr dns_plan
  [[ $(row "$MP2") == *"service envoy on mp2 promotion of mp2 no such name" ]]
}

@test "dns-plan: ACTIVE says which instance the names lead to" {
  run -0 --separate-stderr dns_plan ACTIVE=mp2
  [[ $(row "$FLOAT") == "$FLOAT CNAME $MP2 "* ]]
}

@test "dns-plan: contacts no cluster, needs no context, changes nothing" {
  local before
  before=$(zone_serial)
  run -0 dns_plan MP1_CONTEXT= MP2_CONTEXT= KUBECONFIG=/nowhere
  is "$(calls kubectl)" ""
  is "$(zone_serial)" "$before"
}

@test "dns-plan: names that can't be looked up are no failure" {
  run -0 --separate-stderr dns_plan DNS_PROVIDER=manual DNS_RESOLVER=127.0.0.1:9
  [[ $(row "$MP1") == *"nothing answers at that address and port" ]]
}

@test "dns-plan: needs MP_FLOAT_DNS" {
  run -2 --separate-stderr dns_plan MP_FLOAT_DNS=
  says "MP_FLOAT_DNS is not set"
}

@test "dns-plan: an ACTIVE that is none of the instances is refused" {
  run -2 --separate-stderr dns_plan ACTIVE=mp3
  says "MP3_DNS is not set, but ACTIVE is mp3"
}
