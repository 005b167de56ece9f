#!/usr/bin/env bats
# What somebody else is given to understand a pair: all that helps, and no secret. With a site gone: status-roles.bats
# bats sets output, lines and stderr.
# shellcheck disable=SC2154

load helper
load bundle

setup_file() { installed_lab; }
setup() { in_lab; }
teardown() { on mp1 delete configmap,event careless -n tsb --ignore-not-found; }

# careless: secrets where they do not belong: in a ConfigMap, an event, an operator's log.
careless() {
  local token
  token=$(on cp1 get secret otel-token -n istio-system -o jsonpath='{.data.token}')
  on mp1 create configmap careless -n tsb --from-literal=settings="password is $POSTGRES_PASSWORD, careless-settings"
  on mp1 create -f - <<END
{"apiVersion":"v1","kind":"Event","metadata":{"name":"careless","namespace":"tsb"},"reason":"Careless","type":"Warning",
 "involvedObject":{"kind":"Pod","name":"tsb-1","namespace":"tsb"},
 "message":"careless-event: $(printf '%s' "$ELASTIC_PASSWORD" | base64), $(base64 -d <<<"$token")"}
END
  printf '%s stdout F careless-log: key %s, token %s\n' "$(date -u +%FT%T.000000000Z)" \
    "$(sed -n 3p "$STATE_DIR/mp1/tsb_certs.key")" "$token" >>"$LAB_DIR/mp1/operator.log"
}

@test "support-bundle: what helps is in it, of every cluster; no secret of the lab is, though some are where they should not be" {
  local name kind
  careless
  canaries >"$BATS_TEST_TMPDIR/canaries"
  (($(wc -l <"$BATS_TEST_TMPDIR/canaries") > 200))
  bundle

  has "$(<"$BUNDLE/status.json")" '"verdict": "ready"'
  for name in kubectl helm tctl node tsb-active-standby; do has "$(<"$BUNDLE/versions.txt")" "$name: "; done
  for name in mp1 mp2 cp1; do
    for kind in deployment pod event secret; do has "$(head -c 100 "$BUNDLE/$name/$kind.json")" '"'; done
    has "$(<"$BUNDLE/$name/version.json")" serverVersion
    has "$(<"$BUNDLE/$name/helm-history.json")" '"status":"deployed"'
    has "$(<"$BUNDLE/$name/operator.log")" "operator started"
  done
  has "$(<"$BUNDLE/mp2/managementplane.json")" "$MP1_DNS"
  has "$(<"$BUNDLE/cp1/controlplane.json")" "$MP_FLOAT_DNS"
  has "$(<"$BUNDLE/mp1/service.json")" '"port": 5432'
  is "$(find "$BUNDLE" -name '*.error.txt')" ""

  is "$(leaks "$BATS_TEST_TMPDIR/canaries")" ""
  has "$(<"$BUNDLE/mp1/configmap.json")" "password is REDACTED, careless-settings"
  has "$(<"$BUNDLE/mp1/event.json")" "careless-event: REDACTED, REDACTED"
  has "$(<"$BUNDLE/mp1/operator.log")" "careless-log: key REDACTED, token REDACTED"

  # The scan can find.
  printf 'planted: %s\n' "$TSB_ADMIN_PASSWORD" >>"$BUNDLE/versions.txt"
  is "$(leaks "$BATS_TEST_TMPDIR/canaries")" "$BUNDLE/versions.txt:$TSB_ADMIN_PASSWORD"
}
