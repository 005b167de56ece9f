#!/usr/bin/env bash
# The guide's commands in its order, as a person would copy them: active, then standby, to the same end that
# `make active standby` proves. Works in the working folder; settings as in env.example. Before each section of the
# guide it prints a line "@ section" to standard error.
set -euo pipefail
umask 077
here=$(cd "$(dirname "$0")" && pwd)
# Apart from the user's own repositories and login, as ours are.
export HELM_CACHE_HOME=$PWD/helm/cache HELM_CONFIG_HOME=$PWD/helm/config HELM_DATA_HOME=$PWD/helm/data
export TCTL_CONFIG=$PWD/tctl.yaml

section() { echo "@ $1" >&2; }
mp1() { kubectl --context "$MP1_CONTEXT" -n tsb "$@"; }
mp2() { kubectl --context "$MP2_CONTEXT" -n tsb "$@"; }
indented() { awk '{printf "        %s\n", $0}' "$1"; }

# values FOLDER: what active and standby have in common; spec.highAvailability is to follow.
values() {
  cat <<END
image:
  registry: $TSB_REGISTRY
  tag: "$TSB_VERSION"
secrets:
  elasticsearch:
    username: tsb
    password: "$ELASTIC_PASSWORD"
  ldap:
    binddn: cn=admin,dc=tetrate,dc=io
    bindpassword: "$LDAP_BIND_PASSWORD"
  postgres:
    username: tsb
    password: "$POSTGRES_PASSWORD"
  tsb:
    adminPassword: "$TSB_ADMIN_PASSWORD"
    cert: |
$(indented "$1/tsb_certs.crt")
    key: |
$(indented "$1/tsb_certs.key")
  xcp:
    autoGenerateCerts: false
    central:
      cert: |
$(indented "$1/xcp-central-cert.crt")
      key: |
$(indented "$1/xcp-central-cert.key")
    rootca: |
$(indented ca/ca.crt)
spec:
  hub: $TSB_REGISTRY
  organization: $TSB_ORG
  components:
    frontEnvoy:
      port: $MP_PORT
END
}

section "Create a PKI and Issue Certificates"
"$here/pki.sh" mp1="$MP1_DNS" mp2="$MP2_DNS"

section "Install the active Management Plane instance"
{
  values mp1
  cat <<END
  highAvailability:
    active:
      exposeEmbeddedPostgresInFrontEnvoy: true
END
} >mp1/values.yaml
helm repo add tetrate-tsb-helm "$TSB_CHART_REPO"
helm repo update
helm install mp tetrate-tsb-helm/managementplane --version "$TSB_VERSION" --kube-context "$MP1_CONTEXT" \
  -n tsb --create-namespace -f mp1/values.yaml --timeout 10m
# kubectl waits for one object at a time to be created: those of several names it calls "not found" at once.
for name in statefulset/tsb-postgres-1 deployment/{central,xcp-operator-central,iam,tsb,mpc,oap,otel-collector,web,envoy}; do
  mp1 wait --timeout 10m --for=create "$name"
done
mp1 wait --timeout 10m --for=condition=Available deployment --all
mp1 rollout status statefulset/tsb-postgres-1 --timeout 10m
mp1 wait --timeout 10m --for=create service/envoy
mp1 wait --timeout 10m --for=jsonpath='{.spec.ports[?(@.port==5432)].port}'=5432 service/envoy

section "Configure the DNS name for Management Plane endpoint"
mp1 wait --timeout 10m --for=jsonpath='{.status.loadBalancer.ingress[0].ip}' service/envoy
address=$(mp1 get service envoy -o jsonpath='{.status.loadBalancer.ingress[0].ip}')
nsupdate -k "$DNS_TSIG_KEY_FILE" <<END
server ${DNS_SERVER%:*} ${DNS_SERVER#*:}
zone $DNS_ZONE
update delete $MP1_DNS. A
update add $MP1_DNS. $DNS_TTL A $address
update delete $MP_FLOAT_DNS. CNAME
update add $MP_FLOAT_DNS. $DNS_TTL CNAME $MP1_DNS.
send
END
until dig +short "@${DNS_RESOLVER%:*}" -p "${DNS_RESOLVER#*:}" "$MP_FLOAT_DNS" A | grep -qxF "$address"; do sleep 1; done
tctl config clusters set tsb --bridge-address "$MP_FLOAT_DNS:$MP_PORT" --tls-custom-ca-file ca/ca.crt
tctl config users set admin --org "$TSB_ORG" --username admin
tctl config profiles set tsb --cluster tsb --username admin
tctl config profiles set-current tsb
TCTL_LOGIN_ORG=$TSB_ORG TCTL_LOGIN_TENANT='' TCTL_LOGIN_USERNAME=admin TCTL_LOGIN_PASSWORD=$TSB_ADMIN_PASSWORD tctl login
tctl get org "$TSB_ORG"

section "Create a service account with read permissions"
tctl sa create tsb-standby-sa | base64 -w0 >tsb-standby-sa-b64e
{
  tctl get ab "organizations/$TSB_ORG" -o yaml
  cat <<END
    - role: rbac/org-reader
      subjects:
        - serviceAccount: organizations/$TSB_ORG/serviceaccounts/tsb-standby-sa
END
} | tctl apply -f -
mp1 apply -f - <<END
apiVersion: v1
kind: Secret
metadata:
  name: tsb-standby-sa
data:
  jwk: $(<tsb-standby-sa-b64e)
type: Opaque
END

section "Import the Secrets"
# Without what the source cluster noted on them, which the target refuses.
mp1 get secrets -o yaml iam-signing-key tsb-standby-sa |
  grep -vE '^ +(resourceVersion|uid|creationTimestamp):' >source_mp_operational_secrets.yaml
mp2 create namespace tsb
mp2 apply -f source_mp_operational_secrets.yaml

section "Install cert-manager"
helm repo add jetstack "$CERT_MANAGER_CHART_REPO"
helm repo update
helm install cert-manager jetstack/cert-manager --version "$CERT_MANAGER_VERSION" --kube-context "$MP2_CONTEXT" \
  -n cert-manager --create-namespace \
  --set installCRDs=true --set featureGates="ExperimentalCertificateSigningRequestControllers=true"
kubectl --context "$MP2_CONTEXT" -n cert-manager wait --timeout 10m --for=condition=Available deployment --all

section "Deploy the Standby instance"
{
  values mp2
  cat <<END
  highAvailability:
    standby:
      activeMpSynchronizationEndpoint:
        host: $MP1_DNS
        port: $MP_PORT
        selfSigned: true
END
} >mp2/values.yaml
helm install mp tetrate-tsb-helm/managementplane --version "$TSB_VERSION" --kube-context "$MP2_CONTEXT" \
  -n tsb -f mp2/values.yaml --timeout 10m
mp2 wait --timeout 10m --for=condition=Ready managementplane/managementplane
mp2 logs -l name=tsb-operator --tail 20
mp2 exec tsb-postgres-1-0 -- psql -A -t -U postgres -d postgres -c "select status from pg_stat_wal_receiver" | grep -qx streaming
