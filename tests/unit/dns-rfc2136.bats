#!/usr/bin/env bats
# DNS_PROVIDER=rfc2136: what nsupdate is given, and what its refusals are made into. Against a real BIND.

load dns

setup_file() { start_name_server; }
teardown_file() { stop_name_server; }
setup() { dns_setup; }

# Records nsupdate's arguments and standard input, and carries them out.
record_nsupdate() {
  program nsupdate <<STUB
#!/bin/sh
echo "\$*" >>arguments
tee -a updates | $(type -P nsupdate) "\$@"
STUB
}

@test "rfc2136: sends one transaction that replaces whatever the names have" {
  record_nsupdate
  zone_update "update add $FLOAT. 5 CNAME lb.tsb.test."
  run -0 active_dns
  is "$(cat updates)" "server ${NAME_SERVER/:/ }
zone tsb.test.
prereq nxrrset $MP1. IN CNAME
prereq yxrrset $FLOAT. IN CNAME lb.tsb.test.
prereq nxrrset $FLOAT. IN TXT
prereq nxrrset $FLOAT. IN MX
prereq nxrrset $FLOAT. IN SRV
prereq nxrrset $FLOAT. IN CAA
prereq nxrrset $FLOAT. IN NS
prereq nxrrset $FLOAT. IN TYPE64
prereq nxrrset $FLOAT. IN TYPE65
update delete $MP1. IN A
update delete $MP1. IN AAAA
update delete $MP1. IN CNAME
update add $MP1. 5 IN A 10.0.0.1
update delete $FLOAT. IN A
update delete $FLOAT. IN AAAA
update delete $FLOAT. IN CNAME
update add $FLOAT. 5 IN CNAME $MP1.
send"
}

@test "rfc2136: updates only the name that differs" {
  zone_update "update add $MP1. 5 A 10.0.0.1"
  record_nsupdate
  run -0 active_dns
  is "$(grep -c "$MP1. IN" updates)" 0
}

@test "rfc2136: gives nsupdate the key's path, never the key" {
  record_nsupdate
  run -0 --separate-stderr active_dns --verbose
  is "$(cat arguments)" "-v -t 1 -k $KEYS/good.key"
  local secret
  secret=$(sed -n 's/.*secret "\(.*\)".*/\1/p' "$KEYS/good.key")
  says "nsupdate -v -t 1 -k"
  # shellcheck disable=SC2154
  lacks "$stderr$output" "$secret"
}

@test "rfc2136: does not undo what someone else did since it looked" {
  zone_update "update add $FLOAT. 5 CNAME lb.tsb.test."
  program nsupdate <<STUB
#!/bin/sh
[ -e moved ] || printf '%s\n' "server ${NAME_SERVER/:/ }" "update delete $FLOAT. CNAME" "update add $FLOAT. 5 CNAME $MP2." send |
  $(type -P nsupdate) -k $KEYS/good.key
touch moved
exec $(type -P nsupdate) "\$@"
STUB
  run -1 --separate-stderr active_dns
  says "a name changed while we worked"
  is "$(resolved "$FLOAT" CNAME)" "$MP2."
}

@test "rfc2136: a key with the permissions of docs/dns.md is enough" {
  local settings=(MP1_DNS=narrow-mp1.tsb.test MP_FLOAT_DNS=narrow-active.tsb.test "DNS_TSIG_KEY_FILE=$KEYS/narrow.key")
  run -0 active_dns "${settings[@]}"
  envoy '{"hostname":"lb.tsb.test"}'
  run -0 active_dns "${settings[@]}"
  is "$(resolved narrow-active.tsb.test A | tail -1)" 10.9.9.9
}

@test "rfc2136: a key without permission is refused, and nothing changed" {
  run -1 --separate-stderr active_dns "DNS_TSIG_KEY_FILE=$KEYS/useless.key"
  says "updating zone tsb.test on $NAME_SERVER failed: the server refuses the update"
  says "| update failed: REFUSED"
  says "next: let the key change these names"
  is "$(resolved "$MP1" A)" ""
}

@test "rfc2136: a key that the server does not know, or has with another secret" {
  run -1 --separate-stderr active_dns "DNS_TSIG_KEY_FILE=$KEYS/unknown.key"
  says "the server does not know the key"
  run -1 --separate-stderr active_dns "DNS_TSIG_KEY_FILE=$KEYS/wrong.key"
  says "the key is not the server's"
}

@test "rfc2136: a file that is no key is not quoted" {
  echo 'dGhlIHNlY3JldCBvZiB0aGUga2V5Cg==' >bare.key
  chmod 600 bare.key
  run -1 --separate-stderr active_dns "DNS_TSIG_KEY_FILE=bare.key"
  says "nsupdate can't read the key in $PWD/bare.key"
  lacks "$stderr" dGhlIHNl
}

@test "rfc2136: warns of a key file that everyone can read" {
  cp "$KEYS/good.key" open.key
  chmod 644 open.key
  run -0 --separate-stderr active_dns "DNS_TSIG_KEY_FILE=open.key"
  says "$PWD/open.key can be read by every user"
  says "chmod 600"
}

@test "rfc2136: no warning of a key file that only its owner can read" {
  run -0 --separate-stderr active_dns
  lacks "$stderr" "can be read"
}

@test "rfc2136: a dead server is named before anything is changed" {
  run -1 --separate-stderr active_dns DNS_SERVER=127.0.0.1:9
  says "looking up $MP1 at 127.0.0.1:9: nothing answers at that address and port"
}

@test "rfc2136: a server that dies between look and update" {
  program nsupdate <<STUB
#!/bin/sh
sed 's/^server .*/server 127.0.0.1 9/' | $(type -P nsupdate) "\$@"
STUB
  run -1 --separate-stderr active_dns
  says "the server can't be reached"
  says "next: check DNS_SERVER"
}

@test "rfc2136: a zone that the server can't load" {
  run -1 --separate-stderr active_dns DNS_ZONE=broken.test \
    MP1_DNS=mp1.broken.test MP2_DNS=mp2.broken.test MP_FLOAT_DNS=active.broken.test
  says "looking up mp1.broken.test at $NAME_SERVER: the server failed (SERVFAIL)"
}

@test "rfc2136: a zone that is not the server's" {
  run -1 --separate-stderr active_dns DNS_ZONE=test
  says "the server is not the zone's primary"
}

@test "rfc2136: the server may be given by name" {
  run -0 active_dns "DNS_SERVER=localhost:${NAME_SERVER#*:}"
  is "$(resolved "$MP1" A)" 10.0.0.1
}

@test "rfc2136: a server's name that has no address" {
  run -1 --separate-stderr active_dns DNS_SERVER=nothing.invalid
  says "the name server nothing.invalid:53 can't be found"
}

@test "rfc2136: a missing nsupdate is found before anything is touched" {
  ln -s "$(type -P node)" bin/node
  run -2 --separate-stderr active_dns "PATH=$PWD/bin"
  says "nsupdate is not found"
  is "$(calls kubectl)" ""
}

# remove_name NAME: as uninstall does.
remove_name() {
  with_library "
    import { namesToRemove, removeNames } from './lib/dns-removal.js';
    import { openDns } from './lib/dns.js';
    const [host, port] = '$NAME_SERVER'.split(':');
    const server = { host, port: Number(port) };
    const dns = await openDns({ DNS_PROVIDER: 'rfc2136', DNS_SERVER: server, DNS_RESOLVER: server, DNS_ZONE: 'tsb.test',
      DNS_TSIG_KEY_FILE: '$KEYS/good.key', DNS_HOOK: undefined, DNS_TIMEOUT: 2, REQUEST_TIMEOUT: 2 });
    const removals = await namesToRemove(['$1'], dns);
    await removeNames(removals, dns);
    console.log(removals.length);"
}

@test "rfc2136: removes a name's A, AAAA and CNAME, and nothing else of it" {
  zone_update "update add $MP1. 5 A 10.0.0.1" "update add $MP1. 5 AAAA 2001:db8::1" "update add $MP1. 5 TXT mine"
  run -0 --separate-stderr remove_name "$MP1"
  is "$output" 1
  is "$(resolved "$MP1" A)$(resolved "$MP1" AAAA)$(resolved "$MP1" TXT)" '"mine"'
  run -0 --separate-stderr remove_name "$MP1"
  is "$output" 0
}

@test "rfc2136: of a name that a wildcard answers, only a record of its own is removed, and nothing is waited for" {
  # Zone tsb.test has *.wild.
  run -0 --separate-stderr remove_name mp1.wild.tsb.test
  is "$output" 0
  zone_update "update add mp1.wild.tsb.test. 5 A 10.0.0.1"
  run -0 --separate-stderr remove_name mp1.wild.tsb.test
  is "$output" 1
  is "$(resolved mp1.wild.tsb.test CNAME)" lb.tsb.test.
}

# rehearse [KEY]: what preflight finds.
rehearse() {
  with_library "
    import { checkProvider } from './lib/dns.js';
    import { checked } from './lib/preflight.js';
    import { readSettings } from './lib/config.js';
    const settings = readSettings(['MP_FLOAT_DNS'], {
      HOME: '$PWD', MP1_DNS: '$MP1', MP_FLOAT_DNS: '$FLOAT', REQUEST_TIMEOUT: '2', DNS_PROVIDER: 'rfc2136',
      DNS_ZONE: 'tsb.test', DNS_SERVER: '$NAME_SERVER', DNS_TSIG_KEY_FILE: '$KEYS/$1.key' });
    for (const finding of await checked(() => checkProvider(settings))) console.log(finding.level, finding.text);"
}

@test "rfc2136: a rehearsal proves key and permission, and changes nothing" {
  zone_update "update add $FLOAT. 5 CNAME lb.tsb.test."
  local before
  before=$(zone_serial)
  run -0 rehearse good
  is "$output" "ok DNS provider rfc2136: $NAME_SERVER answers for the names"
  is "$(zone_serial) $(resolved "$FLOAT" CNAME)" "$before lb.tsb.test."
}

@test "rfc2136: a rehearsal finds a key that would be refused" {
  run -0 rehearse useless
  [[ $output == "bad "*"the server refuses the update: update failed: REFUSED" ]]
  run -0 rehearse wrong
  [[ $output == "bad "*"the key is not the server's"* ]]
}
