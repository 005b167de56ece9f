#!/usr/bin/env bats
# DNS_PROVIDER=hook: the contract of docs/dns.md, and the example hook.

load dns

setup_file() { start_name_server; }
teardown_file() { stop_name_server; }
setup() { dns_setup; }

# with_hook [VARIABLE=VALUE…]: active-dns, with the hook in bin/hook.
with_hook() { active_dns DNS_PROVIDER=hook DNS_HOOK=bin/hook "$@"; }

# A hook that keeps the contract, with nsupdate; it records its arguments and standard input.
good_hook() {
  program hook <<'STUB'
#!/bin/bash
echo "$*" >>arguments
cat >>input
printf '%s\n' "server ${DNS_SERVER/:/ }" "update delete $2. A" "update delete $2. AAAA" "update delete $2. CNAME" \
  "update add $2. $5 $3 $4" send | nsupdate -k "$DNS_TSIG_KEY_FILE"
STUB
}

@test "hook: is called once for each record, permanent name first" {
  good_hook
  run -0 with_hook
  is "$(cat arguments)" "set $MP1 A 10.0.0.1 5
set $FLOAT CNAME $MP1 5"
  is "$(resolved "$FLOAT" CNAME)" "$MP1."
}

@test "hook: reads the record, and what was seen before, as JSON" {
  zone_update "update add $FLOAT. 5 CNAME lb.tsb.test."
  good_hook
  run -0 with_hook
  is "$(cat input)" "$(
    printf '%s%s\n%s%s' '{"version":1,"action":"set",' "\"name\":\"$MP1\",\"type\":\"A\",\"value\":\"10.0.0.1\",\"ttl\":5,\"seen\":null}" \
      '{"version":1,"action":"set",' "\"name\":\"$FLOAT\",\"type\":\"CNAME\",\"value\":\"$MP1\",\"ttl\":5,\"seen\":{\"cname\":\"lb.tsb.test\",\"addresses\":[\"10.9.9.9\"]}}"
  )"
}

@test "hook: is not called on a second run" {
  good_hook
  run -0 with_hook
  rm arguments
  run -0 --separate-stderr with_hook
  [ ! -e arguments ]
  says "= $FLOAT CNAME $MP1"
}

@test "hook: may leave its standard input unread" {
  # More than a pipe holds, so that whoever writes it hears of the other end's closing.
  run -0 with_library "
    import { attempt } from './lib/run.js';
    const ended = await attempt('false', [], { doing: 'x', input: 'y'.repeat(1000000), timeoutSeconds: 5 });
    console.log(ended.exitCode);"
  is "$output" 1
}

@test "hook: what it says on failure is shown, and the second record is not tried" {
  program hook <<'STUB'
#!/bin/sh
echo "$*" >>arguments
echo "zone is locked" >&2
exit 1
STUB
  run -1 --separate-stderr with_hook
  says "setting $MP1 through the hook failed"
  says "| zone is locked"
  is "$(wc -l <arguments)" 1
}

@test "hook: is ended when it takes longer than DNS_TIMEOUT" {
  program hook <<'STUB'
#!/bin/sh
sleep 60
STUB
  run -1 --separate-stderr with_hook
  says "did not answer within 1 s"
}

@test "hook: is told the zone, but no password" {
  program hook <<'STUB'
#!/bin/sh
env >environment
exit 1
STUB
  echo DNS_ZONE=tsb.test >settings
  run -1 with_hook POSTGRES_PASSWORD=hunter2hunter2 MINE=kept DNS_ZONE= ENV_FILE=settings
  is "$(grep -c hunter2 environment)" 0
  is "$(grep -xc -e DNS_ZONE=tsb.test -e MINE=kept environment)" 2
}

@test "hook: one that only says that it is done is found out" {
  program hook <<'STUB'
#!/bin/sh
STUB
  run -1 --separate-stderr with_hook
  says "$MP1: $NAME_SERVER answers: no such name; expected: A 10.0.0.1"
  says "next: the hook said that all is done"
}

@test "hook: must be there and be executable" {
  run -2 --separate-stderr active_dns DNS_PROVIDER=hook
  says "DNS_HOOK is not set"
  touch plain
  run -2 --separate-stderr active_dns DNS_PROVIDER=hook DNS_HOOK=plain
  says "DNS_HOOK is not executable"
}

@test "hook: is asked to remove a name, with what was seen of it" {
  program hook <<'STUB'
#!/bin/sh
cd "${0%/bin/hook}" || exit
echo "$*" >arguments
cat >input
STUB
  run -0 with_library "
    import { hookProvider } from './lib/dns-hook.js';
    const seen = { kind: 'found', cname: undefined, addresses: ['10.0.0.1'], ttl: 5 };
    await hookProvider({ path: '$PWD/bin/hook', timeoutSeconds: 5 }).remove([{ name: '$MP1', seen }]);"
  is "$(<arguments)" "remove $MP1"
  is "$(<input)" "{\"version\":1,\"action\":\"remove\",\"name\":\"$MP1\",\"seen\":{\"cname\":null,\"addresses\":[\"10.0.0.1\"]}}"
}

# A stand-in for Route 53 that has the records given, and keeps the batch.
route53() {
  cp "$ROOT/docs/examples/dns-hook.sh" bin/hook
  printf '%b' "$1" >records
  program aws <<'STUB'
#!/bin/bash
case "$*" in
  "route53 list-resource-record-sets --hosted-zone-id Z1 "*) cat records ;;
  "route53 change-resource-record-sets --hosted-zone-id Z"?" --change-batch "*) echo "$6" >batch; echo /change/C1 ;;
  "route53 wait resource-record-sets-changed --id /change/C1") touch waited ;;
  *) echo "aws stub: not planned: $*" >&2; exit 1 ;;
esac
STUB
}

# What a batch does, one change a line.
batch() {
  node -p 'JSON.parse(require("fs").readFileSync("batch")).Changes.map(({Action, ResourceRecordSet: r}) =>
    [Action, r.Name, r.Type, r.TTL, ...r.ResourceRecords.map(({Value}) => Value)].join(" ")).join("\n")'
}

@test "example hook: sets a record, and waits until Route 53 has spread it" {
  route53 'A\t300\t10.0.0.7\n'
  echo '{}' | PATH=$PWD/bin:$PATH ROUTE53_ZONE_ID=Z1 bin/hook set "$MP1" A 10.0.0.1 5
  is "$(batch)" "UPSERT $MP1. A 5 10.0.0.1"
  [ -e waited ]
}

@test "example hook: removes records of other types in the same batch" {
  route53 'A\t300\t10.0.0.7 10.0.0.8\nAAAA\t60\t2001:db8::7\n'
  echo '{}' | PATH=$PWD/bin:$PATH ROUTE53_ZONE_ID=Z1 bin/hook set "$FLOAT" CNAME "$MP1" 5
  is "$(batch)" "DELETE $FLOAT. A 300 10.0.0.7 10.0.0.8
DELETE $FLOAT. AAAA 60 2001:db8::7
UPSERT $FLOAT. CNAME 5 $MP1"
}

@test "example hook: removes every record of a name, and is content where there is none" {
  route53 'CNAME\t5\tlb.tsb.test\n'
  echo '{}' | PATH=$PWD/bin:$PATH ROUTE53_ZONE_ID=Z1 bin/hook remove "$FLOAT"
  is "$(batch)" "DELETE $FLOAT. CNAME 5 lb.tsb.test"
  rm batch
  route53 ''
  echo '{}' | PATH=$PWD/bin:$PATH ROUTE53_ZONE_ID=Z1 bin/hook remove "$FLOAT"
  [ ! -e batch ]
}

@test "example hook: fails when the CLI does, and on other usage" {
  route53 ''
  ROUTE53_ZONE_ID=Z2 PATH=$PWD/bin:$PATH run -1 bin/hook set "$MP1" A 10.0.0.1 5 </dev/null
  ROUTE53_ZONE_ID=Z1 PATH=$PWD/bin:$PATH run -2 bin/hook delete "$MP1" A 10.0.0.1 5 </dev/null
  ROUTE53_ZONE_ID=Z1 PATH=$PWD/bin:$PATH run -2 bin/hook remove </dev/null
  PATH=$PWD/bin:$PATH run ! bin/hook set "$MP1" A 10.0.0.1 5 </dev/null
  [ ! -e batch ]
}
