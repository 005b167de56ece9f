# shellcheck shell=bash
# For the tests of the DNS steps: a real BIND and nsupdate, a cluster with service envoy, and names below tsb.test that
# no other test uses.

load helper
load name-server

dns_setup() {
  isolate
  rm bin/nsupdate
  MP1=t$BATS_TEST_NUMBER-mp1.tsb.test
  MP2=t$BATS_TEST_NUMBER-mp2.tsb.test
  FLOAT=t$BATS_TEST_NUMBER-active.tsb.test
  envoy '{"ip":"10.0.0.1"}'
}

# dns_step SCRIPT [VARIABLE=VALUE… | FLAG…]: a script with settings for the name server.
dns_step() {
  script "$1" ADDRESS_TIMEOUT=1 DNS_TIMEOUT=1 REQUEST_TIMEOUT=2 DNS_TTL=5 \
    MP1_DNS="$MP1" MP2_DNS="$MP2" MP_FLOAT_DNS="$FLOAT" DNS_PROVIDER=rfc2136 DNS_SERVER="$NAME_SERVER" \
    DNS_RESOLVER="$NAME_SERVER" DNS_ZONE=tsb.test DNS_TSIG_KEY_FILE="$KEYS/good.key" "${@:2}"
}

active_dns() { dns_step active-dns "$@"; }

# envoy [INGRESS [TYPE]]: a cluster whose service envoy has that address, e.g. '{"ip":"10.0.0.1"}', or none.
envoy() {
  local operator='{"kind":"Deployment","metadata":{"name":"tsb-operator-management-plane"}}' service
  service=$(printf '{"kind":"Service","metadata":{"name":"envoy"},"spec":{"type":"%s"},' "${2:-LoadBalancer}")
  service+="\"status\":{\"loadBalancer\":{\"ingress\":[${1:-}]}}}"
  cluster "{\"kind\":\"List\",\"items\":[$operator,$service]}"
}

# cluster [JSON]: what the cluster answers when it is asked for the operator and service envoy.
cluster() {
  rm -rf plans/kubectl
  plan kubectl "* get namespace/kube-system *" <<<'{"kind":"Namespace","metadata":{"name":"kube-system","uid":"uid-1"}}'
  plan kubectl "* get deployment/tsb-operator-management-plane service/envoy -o json --ignore-not-found -n tsb" <<<"${1:-}"
  plan kubectl "* get events -n tsb --field-selector involvedObject.kind=Service,involvedObject.name=envoy *" <<<'TYPE REASON
Warning SyncLoadBalancerFailed'
}

# program NAME: makes one of standard input.
program() {
  cat >"bin/$1"
  chmod +x "bin/$1"
}

# with_library CODE: runs a few lines of JavaScript, in which './lib/…' are the modules of that name.
with_library() { node --input-type=module --eval "${1//.\/lib\//$DRIVERS/lib/}"; }
