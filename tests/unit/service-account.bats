#!/usr/bin/env bats
# service-account, with stubbed tctl and kubectl: refusals of TSB, and runs that were killed.
# shellcheck disable=SC2154 # bats sets output and stderr

load helper

setup() {
  isolate
  mkdir -p state/ca state/tctl
  echo "a root" >state/ca/ca.crt
  KEY=$(base64 -w0 <<<'{"kty":"RSA","kid":"one","n":"public","d":"private"}')
  plan tctl "config *" </dev/null
}

# logged_in: tctl logs in, and the organisation has the grant already.
logged_in() {
  plan tctl login </dev/null
  plan tctl "get org acme -o yaml" <<<"metadata: {name: acme}"
  plan tctl "get ab organizations/acme -o yaml" <<'YAML'
kind: AccessBindings
metadata: {fqn: organizations/acme}
spec:
  allow:
    - role: rbac/org-reader
      subjects: [{serviceAccount: organizations/acme/serviceaccounts/tsb-standby-sa}]
YAML
}

# on_cluster [KEY]: the active's Secret holds this key, or is not there. Nothing can be changed on the cluster.
on_cluster() {
  rm -rf plans/kubectl
  plan kubectl "* get namespace/kube-system *" <<<'{"kind":"Namespace","metadata":{"name":"kube-system","uid":"uid-1"}}'
  local secret=''
  [ -z "${1:-}" ] || secret='{"kind":"Secret","metadata":{"name":"tsb-standby-sa"},"data":{"jwk":"'$1'"}}'
  plan kubectl "* get secret/tsb-standby-sa *" <<<"$secret"
}

# refused WORDS: TSB refuses to tell of the account: nothing is created.
refused() {
  logged_in
  on_cluster
  plan tctl "sa get tsb-standby-sa" 1 <<<"Error: $1"
  run -1 --separate-stderr script service-account
  says "ERROR: service-account: reading service account tsb-standby-sa failed (tctl exit code 1)"
  says "| Error: $1"
  lacks "$(calls)" "sa create"
  lacks "$(calls)" apply
}

@test "service-account: a login that TSB refuses (401) is named, with the setting to look at" {
  on_cluster
  plan tctl login 1 <<<'Error: Unauthenticated: invalid credentials for user "admin"'
  run -1 --separate-stderr script service-account
  says "logging in to active.tsb.example.com:443 as admin failed"
  says '| Error: Unauthenticated: invalid credentials for user "admin"'
  says "and TSB_ADMIN_PASSWORD"
}

@test "service-account: an account that may not be read (403) is not taken for one that is not there" {
  refused 'PermissionDenied: "admin" has no permission to read on "organizations/acme"'
}

@test "service-account: TSB out of order (500) is not taken for an account that is not there" {
  refused "Internal: HTTP 500: database is down"
}

@test "service-account: a run that was killed after it kept the key leaves no mark for the next one to act on" {
  logged_in
  on_cluster "$KEY"
  plan tctl "sa get tsb-standby-sa" </dev/null
  echo "$KEY" >state/tsb-standby-sa-b64e
  touch state/tsb-standby-sa.creating
  run -0 script service-account
  [ ! -e state/tsb-standby-sa.creating ]
  rm state/tsb-standby-sa-b64e
  on_cluster
  run -1 --separate-stderr script service-account
  says "its private key is neither in the state folder nor on the active"
}

@test "service-account: a run that was killed between account and key makes another key" {
  logged_in
  on_cluster
  plan tctl "sa get tsb-standby-sa" </dev/null
  plan tctl "sa gen-key tsb-standby-sa" < <(base64 -d <<<"$KEY")
  touch state/tsb-standby-sa.creating
  run -1 --separate-stderr script service-account
  says "an interrupted run created tsb-standby-sa without keeping its key: a new key was made for it"
  is "$(<state/tsb-standby-sa-b64e)" "$KEY"
  says "unplanned call: kubectl"
}
