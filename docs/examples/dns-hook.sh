#!/usr/bin/env bash
# Example of a DNS hook (DNS_PROVIDER=hook, DNS_HOOK=/path/to/dns-hook.sh): sets one record in Amazon Route 53.
# The contract is in docs/dns.md. Tested with a stand-in for `aws` only: try it on a zone of no importance first.
#
# Needs the AWS CLI, with credentials from its own configuration, and the zone's ID here or in the environment.
set -euo pipefail

: "${ROUTE53_ZONE_ID:?give the ID of the hosted zone}"

if [[ ${1-} == set && $# == 5 ]]; then
  name=$2 type=$3 value=$4 ttl=$5
elif [[ ${1-} == remove && $# == 2 ]]; then
  name=$2 type="" value="" ttl=""
else
  echo "usage: $0 set NAME TYPE VALUE TTL | remove NAME" >&2
  exit 2
fi

# The same record comes as JSON on standard input, with what was seen before; this hook has no need of it.
cat >/dev/null

# One change in the form of Route 53: change ACTION TYPE VALUE TTL
change() {
  printf '{"Action":"%s","ResourceRecordSet":{"Name":"%s.","Type":"%s","TTL":%d,"ResourceRecords":[%s]}}' \
    "$1" "$name" "$2" "$4" "$3"
}

# Records of the other types must go: a CNAME stands alone. Route 53 deletes only what is described exactly, so it is
# asked what there is: one line "TYPE TTL VALUE [VALUE…]" each. (Aliases have no values; remove them by hand.)
wanted="Name=='$name.' && contains(['A','AAAA','CNAME'], Type) && ResourceRecords"
existing=$(aws route53 list-resource-record-sets --hosted-zone-id "$ROUTE53_ZONE_ID" --output text \
  --query "ResourceRecordSets[?$wanted].[Type, TTL, join(' ', ResourceRecords[].Value)]")

changes=()
while read -r old_type old_ttl old_values; do
  if [[ -z $old_type || $old_type == "$type" ]]; then continue; fi
  values=$(for old in $old_values; do printf ',{"Value":"%s"}' "$old"; done)
  changes+=("$(change DELETE "$old_type" "${values#,}" "$old_ttl")")
done <<<"$existing"
if [[ -n $type ]]; then
  changes+=("$(change UPSERT "$type" "{\"Value\":\"$value\"}" "$ttl")")
fi
if ((${#changes[@]} == 0)); then exit 0; fi

# All in one batch, which Route 53 carries out whole or not at all: the name is never without a record. UPSERT changes
# nothing where the record is already so.
batch=$(IFS=, && echo "{\"Changes\":[${changes[*]}]}")
id=$(aws route53 change-resource-record-sets --hosted-zone-id "$ROUTE53_ZONE_ID" --change-batch "$batch" \
  --query ChangeInfo.Id --output text)
aws route53 wait resource-record-sets-changed --id "$id"
