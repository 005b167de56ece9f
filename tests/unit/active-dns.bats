#!/usr/bin/env bats
# active-dns, with a stubbed kubectl, against a real BIND.

load dns

setup_file() { start_name_server; }
teardown_file() { stop_name_server; }
setup() { dns_setup; }

@test "active-dns: points the permanent name at the address and the floating name at it" {
  run -0 --separate-stderr active_dns
  is "$(resolved "$MP1" A)" 10.0.0.1
  is "$(resolved "$FLOAT" CNAME)" "$MP1."
  is "$output" ""
}

@test "active-dns: binds every kubectl call to the active's context" {
  run -0 active_dns ACTIVE=mp2
  is "$(calls | grep -vc '^kubectl --context mp2 ')" 0
  is "$(resolved "$FLOAT" CNAME)" "$MP2."
}

@test "active-dns: makes an AAAA of an IPv6 address, however it is written" {
  envoy '{"ip":"2001:DB8:0:0::1"}'
  run -0 active_dns
  is "$(resolved "$MP1" AAAA)" 2001:db8::1
}

@test "active-dns: makes a CNAME of a load balancer's host name" {
  envoy '{"hostname":"LB.tsb.test."}'
  run -0 active_dns
  is "$(resolved "$MP1" CNAME)" lb.tsb.test.
}

@test "active-dns: a second run sends no update" {
  run -0 active_dns
  local before
  before=$(zone_serial)
  printf '#!/bin/sh\nexit 99\n' >bin/nsupdate
  chmod +x bin/nsupdate
  run -0 --separate-stderr active_dns
  is "$(zone_serial)" "$before"
  says "= $MP1 A 10.0.0.1"
  says "= $FLOAT CNAME $MP1"
}

@test "active-dns: replaces an A by a CNAME" {
  zone_update "update add $MP1. 5 A 10.0.0.7"
  envoy '{"hostname":"lb.tsb.test"}'
  run -0 --separate-stderr active_dns
  is "$(resolved "$MP1" CNAME)" lb.tsb.test.
  says "$MP1 CNAME lb.tsb.test (was: 10.0.0.7)"
}

@test "active-dns: replaces a CNAME by an A, and every other address" {
  zone_update "update add $FLOAT. 5 A 10.0.0.7" "update add $FLOAT. 5 AAAA 2001:db8::7" "update add $MP1. 5 CNAME lb.tsb.test."
  run -0 active_dns
  is "$(resolved "$MP1" A)" 10.0.0.1
  is "$(resolved "$FLOAT" AAAA)" "$MP1."
}

@test "active-dns: removes a second address that lingers beside the right one" {
  zone_update "update add $MP1. 5 A 10.0.0.1" "update add $MP1. 5 A 10.0.0.7"
  run -0 active_dns
  is "$(resolved "$MP1" A)" 10.0.0.1
}

@test "active-dns: does not take the floating name from another instance" {
  zone_update "update add $FLOAT. 5 CNAME $MP2."
  run -1 --separate-stderr active_dns
  says "$FLOAT leads to mp2 now (CNAME $MP2), not to mp1"
  says "use switchover or failover"
  is "$(resolved "$FLOAT" CNAME)" "$MP2."
  is "$(resolved "$MP1" A)" ""
}

@test "active-dns: knows another instance by its address too" {
  zone_update "update add $MP2. 5 A 10.0.0.2" "update add $FLOAT. 5 A 10.0.0.2"
  run -1 --separate-stderr active_dns
  says "$FLOAT leads to mp2 now (10.0.0.2), not to mp1"
  is "$(resolved "$FLOAT" A)" 10.0.0.2
}

@test "active-dns: takes the floating name with FORCE=1" {
  zone_update "update add $FLOAT. 5 CNAME $MP2."
  run -0 active_dns FORCE=1
  is "$(resolved "$FLOAT" CNAME)" "$MP1."
}

@test "active-dns: replaces a floating name that leads elsewhere, and says so" {
  zone_update "update add $FLOAT. 5 CNAME lb.tsb.test."
  run -0 --separate-stderr active_dns
  says "$FLOAT CNAME $MP1 (was: CNAME lb.tsb.test (10.9.9.9))"
}

@test "active-dns: makes names of their own where a wildcard answered" {
  local permanent=t$BATS_TEST_NUMBER-mp1.wild.tsb.test floating=t$BATS_TEST_NUMBER-active.wild.tsb.test
  is "$(resolved "$floating" CNAME)" lb.tsb.test.
  run -0 active_dns "MP1_DNS=$permanent" "MP_FLOAT_DNS=$floating"
  is "$(resolved "$floating" A)" "$(printf '%s.\n10.0.0.1' "$permanent")"
}

@test "active-dns: leaves a name alone that has a record beside which a CNAME can't stand" {
  zone_update "update add $FLOAT. 5 A 10.0.0.7" "update add $FLOAT. 5 TXT mine"
  run -1 --separate-stderr active_dns
  says "beside which a CNAME can't stand"
  is "$(resolved "$FLOAT" A)" 10.0.0.7
}

@test "active-dns: --dry-run says what it would set and sets nothing" {
  run -0 --separate-stderr active_dns --dry-run
  says "would set $FLOAT. 5 IN CNAME $MP1. (now: no such name)"
  is "$(resolved "$FLOAT" CNAME)" ""
}

@test "active-dns: --dry-run does not wait for an address" {
  envoy
  run -0 --separate-stderr active_dns --dry-run ADDRESS_TIMEOUT=60
  says "would wait for the address of service envoy"
}

@test "active-dns: waits for the address, and shows the service's events when none comes" {
  envoy
  run -1 --separate-stderr active_dns
  says "last seen: service envoy has no address yet"
  says "SyncLoadBalancerFailed"
  says "kubectl --context mp1 describe service envoy -n tsb"
}

@test "active-dns: uses an address that comes while it waits" {
  envoy
  active_dns ADDRESS_TIMEOUT=60 2>err 3>&- &
  timeout 20 bash -c 'until grep -q "has no address yet" err; do sleep 0.1; done'
  envoy '{"ip":"10.0.0.1"}'
  wait $!
  is "$(resolved "$MP1" A)" 10.0.0.1
}

@test "active-dns: follows a load balancer whose address changed" {
  active_dns
  envoy '{"ip":"10.0.0.2"}'
  run -0 --separate-stderr active_dns
  is "$(resolved "$MP1" A)" 10.0.0.2
  says "$MP1 A 10.0.0.2 (was: 10.0.0.1)"
  says "= $FLOAT CNAME $MP1"
}

@test "active-dns: says at once that nothing is installed, or that envoy gets no address" {
  cluster ""
  run -1 --separate-stderr active_dns ADDRESS_TIMEOUT=60
  says "no management plane is installed there"
  envoy "" ClusterIP
  run -1 --separate-stderr active_dns ADDRESS_TIMEOUT=60
  says "is of type ClusterIP"
}

@test "active-dns: refuses a load balancer that gives the names themselves as its host name" {
  envoy "{\"hostname\":\"$MP1\"}"
  run -1 --separate-stderr active_dns
  says "would point at itself"
  envoy "{\"hostname\":\"$FLOAT\"}"
  run -1 --separate-stderr active_dns
  says "would point at itself"
}

@test "active-dns: takes no address that is not one into an update" {
  envoy '{"ip":"10.0.0.1\nupdate delete tsb.test."}'
  run -1 --separate-stderr active_dns
  says "IP address is none"
}

@test "active-dns: needs MP_FLOAT_DNS and the provider's settings" {
  run -2 --separate-stderr active_dns MP_FLOAT_DNS= DNS_SERVER= DNS_TSIG_KEY_FILE=/nowhere
  says "MP_FLOAT_DNS is not set"
  says "DNS_SERVER is not set"
  says "DNS_TSIG_KEY_FILE no such file"
}
