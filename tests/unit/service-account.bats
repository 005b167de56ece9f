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

# two_keys PUBLIC…: the Secret's key is another one than the state folder's, and these are the account's.
two_keys() {
  rm -rf plans/tctl calls
  plan tctl "config *" </dev/null
  logged_in
  on_cluster "$(base64 -w0 <<<'{"kty":"RSA","kid":"two","n":"elsewhere","d":"private"}')"
  echo "$KEY" >state/tsb-standby-sa-b64e
  plan tctl "sa get tsb-standby-sa" </dev/null
  plan tctl "sa get tsb-standby-sa -o yaml" <<<"{kind: ServiceAccount, spec: {keys: [$(printf '{n: %s},' "$@")]}}"
}

@test "service-account: a Secret with a key that TSB does not accept gets the state folder's, which it accepts" {
  two_keys public
  run -0 --separate-stderr script service-account --dry-run
  says "would make sure of its grant rbac/org-reader, and apply Secret tsb-standby-sa"
  # Nothing can be changed here; status.bats of the acceptance tests sees it replaced.
  run -1 --separate-stderr script service-account
  says "Secret tsb-standby-sa on mp1 holds a key that TSB does not accept: it is replaced"
  says "unplanned call: kubectl"
}

@test "service-account: of two keys none is replaced unless TSB accepts the state folder's alone" {
  local words accepted
  while IFS='|' read -r accepted words; do
    # shellcheck disable=SC2086
    two_keys $accepted
    run -1 --separate-stderr script service-account
    says "is not the one in the active's Secret tsb-standby-sa"
    says "active:       kid two"
    says "$words"
    lacks "$(calls)" apply
    is "$(<state/tsb-standby-sa-b64e)" "$KEY"
  done <<CASES
elsewhere|next: move $PWD/state/tsb-standby-sa-b64e away, and run this again: the Secret's key is then kept there
public elsewhere|next: both work: move away the one that you do not want
another|next: TSB knows neither, or does not tell
CASES
}

@test "service-account: somebody else at work is named, as in every step of the guide, and nothing is changed" {
  logged_in
  on_cluster
  plan tctl "sa get tsb-standby-sa" </dev/null
  echo "$KEY" >state/tsb-standby-sa-b64e
  plan kubectl "* get leases.coordination.k8s.io/tsb-active-standby *" <<END
{"kind":"Lease","metadata":{"name":"tsb-active-standby","annotations":{"tsb-active-standby/what":"make active-install"}},
 "spec":{"holderIdentity":"somebody@elsewhere/7","acquireTime":"2001-02-03T04:05:06.000000Z","renewTime":"$(date -u +%FT%T.000000Z)"}}
END
  run -1 --separate-stderr script service-account
  says "somebody@elsewhere/7 holds the lock on mp1 since 2001-02-03T04:05:06Z: make active-install"
  says "FORCE_UNLOCK=1"
  lacks "$(calls)" apply
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
