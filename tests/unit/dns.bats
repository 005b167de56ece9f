#!/usr/bin/env bats
# DNS records as data, DNS_PROVIDER=manual, and how names are looked up and verified, whatever the provider.
# bats sets $stderr.
# shellcheck disable=SC2154

load dns

setup_file() { start_name_server; }
teardown_file() { stop_name_server; }
setup() { dns_setup; }

with_manual() { active_dns DNS_PROVIDER=manual "$@"; }

# records ADDRESS…: the records for load balancers' addresses, one JSON line each; the error where there are none.
records() {
  with_library "
    import { recordsFor } from './lib/dns-records.js';
    const names = { permanent: 'mp1.example.com', floating: 'active.example.com', ttl: 30 };
    for (const address of [$1]) {
      try {
        for (const record of recordsFor(names, address)) console.log(JSON.stringify(record));
      } catch (error) {
        console.log(error.name, error.message);
      }
    }"
}

@test "dns: builds A, AAAA or CNAME for the permanent name, and a CNAME for the floating one" {
  local cname='{"name":"active.example.com","type":"CNAME","value":"mp1.example.com","ttl":30}'
  run -0 records '{ ip: "192.0.2.1" }, { ip: "2001:DB8::0:1" }, { hostname: "My_LB-1.elb.example.net." }'
  is "$output" '{"name":"mp1.example.com","type":"A","value":"192.0.2.1","ttl":30}'"
$cname"'
{"name":"mp1.example.com","type":"AAAA","value":"2001:db8::1","ttl":30}'"
$cname"'
{"name":"mp1.example.com","type":"CNAME","value":"my_lb-1.elb.example.net","ttl":30}'"
$cname"
}

@test "dns: builds no record of an address that is none" {
  run -0 records '{ ip: "192.0.2.256" }, { hostname: "lb example.net" }, { hostname: "lb..net" }, { hostname: "" }'
  is "$output" "StepError the load balancer's IP address is none: \"192.0.2.256\"
StepError the load balancer's host name is none: \"lb example.net\"
StepError the load balancer's host name is none: \"lb..net\"
StepError the load balancer's host name is none: \"\""
}

@test "dns: a record holds when the name has it and nothing else" {
  run -0 with_library "
    import { holds } from './lib/dns-look.js';
    const a = { name: 'n', type: 'A', value: '192.0.2.1', ttl: 5 }, cname = { ...a, type: 'CNAME', value: 'lb' };
    const found = (cname, ...addresses) => ({ kind: 'found', cname, addresses, ttl: 5 });
    console.log(holds(a, found(undefined, '192.0.2.1')), holds(a, found(undefined, '192.0.2.1', '2001:db8::1')),
      holds(a, found('lb', '192.0.2.1')), holds(a, { kind: 'empty' }), holds(cname, found('lb')),
      holds(cname, found(undefined, '192.0.2.1')), holds(cname, { kind: 'failed', code: 'ESERVFAIL' }));"
  is "$output" "true false false false true false false"
}

# look SERVER NAME…: what it answers, in words, one line each.
look() {
  local server=$1
  shift
  with_library "
    import { describe, openLooker } from './lib/dns-look.js';
    const looker = await openLooker({ host: '${server%:*}', port: ${server#*:} });
    for (const name of '$*'.split(' ')) console.log(describe(await looker.look(name)));"
}

@test "dns: tells apart what a server can answer" {
  zone_update "update add $FLOAT. 5 CNAME lb.tsb.test." "update add $MP1. 5 CNAME gone.tsb.test." \
    "update add $MP2. 5 A 10.0.0.2" "update add $MP2. 5 AAAA 2001:db8::2" \
    "update add to.$MP2. 5 CNAME mp1.broken.test."
  run -0 look "$NAME_SERVER" "$FLOAT" "$MP1" "to.$MP2" "$MP2" "t$BATS_TEST_NUMBER.tsb.test" id.tsb.test mp1.broken.test mp1.other.test
  is "$output" "CNAME lb.tsb.test (10.9.9.9)
CNAME gone.tsb.test
CNAME mp1.broken.test
10.0.0.2, 2001:db8::2
no such name
no address and no CNAME
the server failed (SERVFAIL): the zone may be broken, or its own servers can't be reached
the server does not answer for this zone (REFUSED)"
  is "$(look 127.0.0.1:9 "$MP1")" "nothing answers at that address and port"
}

@test "dns: tells the shortest time to live on the way" {
  zone_update "update add $FLOAT. 3 CNAME lb.tsb.test."
  run -0 with_library "
    import { openLooker } from './lib/dns-look.js';
    const looker = await openLooker({ host: '${NAME_SERVER%:*}', port: ${NAME_SERVER#*:} });
    console.log((await looker.look('$FLOAT')).ttl, (await looker.look('lb.tsb.test')).ttl);"
  is "$output" "3 5"
}

@test "dns: a server that hangs costs no more than a few seconds" {
  local started=$SECONDS
  kill -STOP "$(cat "$KEYS/pid")"
  run -1 --separate-stderr active_dns
  kill -CONT "$(cat "$KEYS/pid")"
  says "looking up $MP1 at $NAME_SERVER: no answer in time"
  ((SECONDS - started < 20)) # 4.5 for the server, the rest for a busy machine
}

@test "manual: prints the records as lines of a zone file, and waits until they resolve" {
  with_manual DNS_TIMEOUT=60 >out 2>err 3>&- &
  timeout 20 bash -c 'until grep -q "make these records now" err; do sleep 0.1; done'
  zone_update "update add $MP1. 5 A 10.0.0.1" "update add $FLOAT. 5 CNAME $MP1."
  wait $!
  is "$(<out)" "$MP1. 5 IN A 10.0.0.1
$FLOAT. 5 IN CNAME $MP1."
  has "$(<err)" "✓ $FLOAT CNAME $MP1 (was: no such name)"
}

@test "manual: says what the new records replace" {
  zone_update "update add $FLOAT. 5 A 10.0.0.7"
  run -1 --separate-stderr with_manual
  is "$output" "$MP1. 5 IN A 10.0.0.1
; $FLOAT is now 10.0.0.7: replace all its A, AAAA and CNAME records
$FLOAT. 5 IN CNAME $MP1."
}

@test "manual: prints nothing when all is so already" {
  zone_update "update add $MP1. 5 A 10.0.0.1" "update add $FLOAT. 5 CNAME $MP1."
  run -0 --separate-stderr with_manual
  is "$output" ""
  lacks "$stderr" "make these records"
}

@test "dns: names that do not resolve in time: what is answered, what is expected, what to try" {
  zone_update "update add $MP1. 5 A 10.0.0.7"
  run -1 --separate-stderr with_manual
  says "the records of $MP1 and $FLOAT: not so after 1 s"
  says "| $MP1: $NAME_SERVER answers: 10.0.0.7; expected: A 10.0.0.1"
  says "| $FLOAT: $NAME_SERVER answers: no such name; expected: CNAME $MP1"
  says "next: make the records printed above"
}

@test "dns: a load balancer's host name that has no address yet is waited for" {
  local lb=t$BATS_TEST_NUMBER-lb.tsb.test
  envoy "{\"hostname\":\"$lb\"}"
  run -1 --separate-stderr active_dns
  says "$MP1 is right, but $lb has no address"
  (sleep 1 && zone_update "update add $lb. 5 A 10.0.0.9") &
  run -0 active_dns DNS_TIMEOUT=20
}

@test "dns: clients' resolver is waited for too when it is not the server that is updated" {
  run -1 --separate-stderr active_dns DNS_RESOLVER=127.0.0.1:9
  says "$MP1: 127.0.0.1:9 answers: nothing answers at that address and port; expected: A 10.0.0.1"
  is "$(resolved "$MP1" A)" 10.0.0.1
}

@test "dns: an interruption ends the wait at once" {
  with_manual DNS_TIMEOUT=60 >out 2>err 3>&- &
  local shell=$! status=0
  timeout 20 bash -c 'until grep -q "make these records now" err; do sleep 0.1; done'
  kill -TERM "$(pgrep -P "$shell")"
  wait "$shell" || status=$?
  is "$status" 130
}
