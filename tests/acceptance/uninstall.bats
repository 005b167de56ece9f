#!/usr/bin/env bats
# Removing an instance, and nothing of others.
# bats sets output, lines and stderr.
# shellcheck disable=SC2154,SC2030,SC2031

load helper
load roles
load upkeep

setup_file() { upkeep_lab; }
setup() { in_lab; }

# zone LINE…: what a person does to the zone by other means.
zone() { printf '%s\n' "server ${DNS_SERVER%:*} ${DNS_SERVER#*:}" "zone $DNS_ZONE" "$@" send | nsupdate -k "$DNS_TSIG_KEY_FILE"; }

# resolves NAME: its records.
resolves() { dig +short "@${DNS_SERVER%:*}" -p "${DNS_SERVER#*:}" "$1"; }

# foreign INSTANCE: what somebody else has on its cluster: names, identities and versions.
foreign() {
  on "$1" get namespace/somebody-elses configmap/theirs validatingwebhookconfiguration/somebody-elses crd/things.example.org \
    -n somebody-elses -o jsonpath='{range .items[*]}{.kind} {.metadata.uid} {.metadata.resourceVersion}{"\n"}{end}'
}

plant() {
  on "$1" apply -f - <<'YAML'
{apiVersion: v1, kind: Namespace, metadata: {name: somebody-elses}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: theirs, namespace: somebody-elses}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: somebody-elses}
webhooks:
  - name: things.example.org
    admissionReviewVersions: [v1]
    sideEffects: None
    failurePolicy: Ignore
    rules: [{apiGroups: [example.org], apiVersions: ["*"], operations: ["*"], resources: [things]}]
    clientConfig: {service: {namespace: somebody-elses, name: theirs}}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.org}
spec:
  group: example.org
  names: {kind: Thing, plural: things}
  scope: Namespaced
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
YAML
}

# gone CLUSTER RESOURCE…: each of them.
gone() {
  local one
  for one in "${@:2}"; do is "$(on "$1" get "$one" -o name --ignore-not-found)" "" || return; done
}

# in_namespace INSTANCE NAMESPACE: what is there, but for what Kubernetes puts into each.
in_namespace() {
  on "$1" get secrets,configmaps,serviceaccounts,services,deployments,statefulsets,persistentvolumeclaims -n "$2" -o name |
    grep -vE '/(kube-root-ca.crt|default)$'
}

@test "uninstall: refused for the active while a standby depends on it, and without the right name" {
  MP=mp1 CONFIRM=mp1 run -1 --separate-stderr changes_nothing step uninstall
  says "mp1 is the active, on which a standby depends: mp2"
  MP=mp2 run -1 --separate-stderr changes_nothing step uninstall </dev/null
  says "elsewhere: CONFIRM=mp2"
  MP=mp2 CONFIRM=mp1 run -1 --separate-stderr changes_nothing step uninstall
  says "CONFIRM names mp1, not mp2"
}

@test "uninstall: a dry run lists just what will go; the removal takes that, and nothing of others" {
  local before chart
  export MP=mp2
  plant mp2
  zone "add $MP2_DNS 5 A 127.0.0.9"
  before=$(foreign mp2)
  chart=$(helm list -n tsb --kube-context mp2 -o json | node -p 'JSON.parse(fs.readFileSync(0))[0].app_version')
  run -0 --separate-stderr changes_nothing step uninstall --dry-run
  is "$(grep -c "would remove" <<<"$stderr")" 5
  says "would remove release mp ($chart) on mp2, and all that TSB's operator made there"
  says "would remove in namespace tsb: "
  for name in PersistentVolumeClaim/postgres-db-tsb-postgres-1-0 Secret/{iam-signing-key,tsb-standby-sa,tsb-iam-jwks,tsb-postgres-replication}; do
    has "$(grep "remove in namespace tsb" <<<"$stderr")" "$name"
  done
  says "stays: namespace tsb, for an administrator made it, with our permissions in it"
  says "stays: namespace cert-manager, for an administrator made it, with our permissions in it"
  says "would remove replication slot standby_mp2 on mp1"
  says "would remove cert-manager and its CRDs"
  says "would remove DNS records of $MP2_DNS"

  CONFIRM=mp2 run -0 --separate-stderr timed "uninstall of the standby" target uninstall
  is "$(in_namespace mp2 tsb)$(in_namespace mp2 cert-manager)" ""
  gone mp2 clusterrole/tsb-operator-management-plane crd/certificates.cert-manager.io
  is "$(helm list -A --kube-context mp2 -q)" ""
  is "$(sql mp1 "select count(*) from pg_replication_slots")" 0
  is "$(resolves "$MP2_DNS")" ""
  is "$(foreign mp2)" "$before"
  is "$(condition mp1) $(condition cp1)" "True Active True Connected"
  step active-login
}

@test "uninstall: again, nothing is left to change; make standby installs it anew" {
  MP=mp2 run -0 --separate-stderr changes_nothing step uninstall
  says "mp2 is gone already"
  timed "standby, anew" target standby
  eventually pair_is_whole
}

@test "uninstall: killed halfway, finished by a second run; cert-manager and a namespace that others use stay" {
  export MP=mp2 CONFIRM=mp2
  # As if somebody else had installed it.
  rm "$STATE_DIR/mp2/cert-manager-values.yaml"
  on mp2 create configmap theirs -n tsb
  killed_once "release, secrets and volume claims of mp2 removed" uninstall
  run -0 --separate-stderr timed "uninstall, the rest of it" step uninstall
  says "stays: cert-manager: it was not installed from here"
  says "stays: namespace tsb, for these are not ours: ConfigMap/theirs"
  on mp2 wait deployment cert-manager-webhook -n cert-manager --for=condition=Available --timeout=60s
  is "$(in_namespace mp2 tsb)" configmap/theirs
  is "$(sql mp1 "select count(*) from pg_replication_slots")" 0
  run -0 --separate-stderr changes_nothing step uninstall
  helm uninstall cert-manager -n cert-manager --kube-context mp2
  on mp2 delete configmap theirs -n tsb
}

@test "uninstall: the active goes once no standby depends on it, with the floating name; as a cluster-admin with namespace tsb" {
  # An identity for whom no permissions were put there.
  export AS_SCRIPTS=
  on mp1 delete role,rolebinding tsb-active-standby -n tsb
  MP=mp1 CONFIRM=mp1 run -0 --separate-stderr timed "uninstall of the active" step uninstall
  gone mp1 namespace/tsb clusterrole/tsb-operator-management-plane
  is "$(resolves "$MP1_DNS") $(resolves "$MP_FLOAT_DNS")" " "
  MP=mp1 run -0 --separate-stderr changes_nothing step uninstall
  says "mp1 is gone already"
  permit mp1
}
