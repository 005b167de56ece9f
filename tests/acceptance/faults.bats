#!/usr/bin/env bats
# Faults of everything that the steps lean on, each on purpose: either they go on when it is over, or they say what is
# wrong; never a hang, never a success that is none.
# bats sets output, lines and stderr.
# shellcheck disable=SC2154,SC2030,SC2031

load helper
load by-hand

setup_file() {
  installed_lab && prepare_hands || return
  export FAULTY=$BATS_FILE_TMPDIR/faulty
  mkdir "$FAULTY"
  node --import tsx tests/acceptance/api-proxy.ts mp1 "$FAULTY" >"$FAULTY/log" 2>&1 3>&- &
  echo $! >"$FAULTY/pid"
  eventually test -e "$FAULTY/kubeconfig"
}

teardown_file() {
  kill "$(<"$FAULTY/pid")"
  target active-install standby-cert-manager >/dev/null
  eventually pair_is_whole
}

setup() {
  in_lab
}

# What a test that failed may have left.
teardown() {
  [ -z "${BATS_TEST_COMPLETED:-}" ] || return 0
  local name
  for name in $(daemons 'state !== "running"' name); do lab control restart "$name"; done
  eventually on mp1 delete deployment never-ready -n tsb --ignore-not-found
  on mp1 delete validatingwebhookconfiguration,quota no-changes -n tsb --ignore-not-found
}

# daemons CONDITION FIELD: that field of the lab's daemons of which the condition holds.
daemons() {
  lab control status |
    node -p "JSON.parse(fs.readFileSync(0)).daemons.filter(({ name, state }) => $1).map(({ $2 }) => $2).join(' ')"
}

# changed: own values that no run before had, so that active-install has something to do.
changed() {
  echo "operator: {serviceAccount: {annotations: {changed-by: \"$BATS_TEST_NAME\"}}}" >"$BATS_TEST_TMPDIR/values.yaml"
  export MP_VALUES=$BATS_TEST_TMPDIR/values.yaml
}

# faulty "ACTION COUNT PATTERN" COMMAND…: mp1 is reached through the proxy, which does that (api-proxy.ts).
faulty() {
  echo "$1" >"$FAULTY/fault"
  KUBECONFIG=$FAULTY/kubeconfig:$KUBECONFIG "${@:2}"
}

# outage SIGNAL REGEX COMMAND…: the API server of mp1 gets the signal while a step waits. Another step says so and
# ends; after the COMMAND the first one goes on.
outage() {
  never_ready_deployment
  REQUEST_TIMEOUT=3 begin active-install
  said "waiting for never-ready"
  lab control signal mp1/kube-apiserver "$1"
  REQUEST_TIMEOUT=3 run -1 --separate-stderr timed "another step" step active-dns
  says "reading namespace/kube-system on mp1"
  [[ $stderr =~ $2 ]]
  says "next: check that the cluster can be reached: kubectl --context mp1 get namespace kube-system"
  said "$2"
  lab control "${@:3}"
  eventually on mp1 delete deployment never-ready -n tsb
  wait "$BEGUN"
  has "$(<"$BATS_TEST_TMPDIR/begun")" "Postgres is exposed on port 5432"
}

@test "API server killed: a step that waits goes on when it is back, another one says that it is down" {
  outage KILL "was refused" restart mp1/kube-apiserver
}

@test "API server stalled: a step that waits goes on when it answers again, another one does not hang" {
  outage STOP "Client.Timeout exceeded|context deadline exceeded" signal mp1/kube-apiserver CONT
}

@test "an operator that crash-loops: the step shows its pod" {
  local pod
  pod=$(on mp1 get pod -n tsb -l name=tsb-operator -o jsonpath='{.items[0].metadata.name}')
  on mp1 patch pod "$pod" -n tsb --subresource status --type merge -p '{"status":{"conditions":[{"type":"Ready","status":"False"}],
    "containerStatuses":[{"name":"tsb-operator","image":"none","imageID":"","ready":false,"restartCount":7,"state":{"waiting":
    {"reason":"CrashLoopBackOff","message":"back-off 5m0s restarting failed container"}}}]}}'
  unready() { is "$(on mp1 get deployment tsb-operator-management-plane -n tsb -o jsonpath='{.status.readyReplicas}')" ""; }
  eventually unready
  INSTALL_TIMEOUT=3 run -1 --separate-stderr step active-install
  says "waiting for tsb-operator-management-plane"
  says "| pod $pod: CrashLoopBackOff back-off 5m0s restarting failed container"
  on mp1 delete pod "$pod" -n tsb
  run -0 step active-install
}

@test "name server down: the steps that need names say so" {
  lab control signal named KILL
  run -1 --separate-stderr step active-dns
  says "at $DNS_SERVER: nothing answers at that address and port"
  run -1 --separate-stderr step active-login
  says "lookup $MP_FLOAT_DNS"
  lab control restart named
  run -0 step active-dns
}

@test "tctl's token refused (401): logs in again" {
  own_state
  sed -i 's/^\( *token:\).*/\1 another/' "$STATE_DIR/tctl/config.yaml"
  run -0 changes_nothing step service-account
  run ! grep -q 'token: another' "$STATE_DIR/tctl/config.yaml"
}

@test "chart repository down: it is named, and nothing touched; a chart that was fetched before is enough" {
  own_state
  local charts=("$STATE_DIR"/charts/*tetrate*)
  mv "${charts[0]}" "$BATS_TEST_TMPDIR/fetched"
  export TSB_CHART_REPO=http://127.0.0.1:9/charts
  run -1 --separate-stderr changes_nothing step active-install
  says "fetching chart managementplane $TSB_VERSION from http://127.0.0.1:9/charts failed"
  says "connection refused"
  mv "$BATS_TEST_TMPDIR"/fetched/*.tgz "$STATE_DIR/charts/127.0.0.1_9_charts"
  run -0 changes_nothing step active-install
}

@test "expired credentials: they are named as such" {
  local pki=$LAB_DIR/mp1/pki file=$BATS_TEST_TMPDIR/expired
  openssl req -new -newkey rsa:2048 -nodes -subj /O=system:masters/CN=expired -keyout "$file.key" -out "$file.csr" 2>/dev/null
  openssl x509 -req -in "$file.csr" -CA "$pki/ca.crt" -CAkey "$pki/ca.key" -days -1 -out "$file.crt" 2>/dev/null
  export KUBECONFIG=$BATS_TEST_TMPDIR/kubeconfig
  kubectl config view --flatten --kubeconfig "$LAB_DIR/kubeconfig" --raw >"$KUBECONFIG"
  export AS_SCRIPTS=$BATS_TEST_TMPDIR/scripts
  cp "$LAB_DIR/scripts.kubeconfig" "$AS_SCRIPTS"
  KUBECONFIG=$AS_SCRIPTS kubectl config set-credentials mp1 --client-certificate "$file.crt" --client-key "$file.key"
  run -1 --separate-stderr changes_nothing step active-install
  says "Unauthorized"
  says "next: the credentials of context mp1 are refused: they may have expired"
  run -1 --separate-stderr changes_nothing step preflight
  says "Unauthorized"
}

@test "a clock that is a day off: preflight says by how much" {
  NODE_OPTIONS=--import=$ROOT/tests/day-ahead.mjs run -1 --separate-stderr changes_nothing step preflight
  [[ $stderr =~ "this machine's clock is 86"[0-9]{3}" s ahead of that of mp1" ]]
  says "set the clock"
}

@test "a standby without its link: status tells how far it is behind; with it, it catches up" {
  local receiver
  receiver=$(sql mp2 "select pid from pg_stat_wal_receiver")
  # As if its packets got lost on the way.
  kill -STOP "$receiver"
  sql mp1 "select count(pg_logical_emit_message(false, 'fault', repeat('x', 1000000))) from generate_series(1, 24)"
  behind() { run -3 step status && has "$output" "mp2 is 2" && has "$output" "MiB behind"; }
  eventually behind
  kill -CONT "$receiver"
  caught_up() { run -0 step status; }
  eventually caught_up
  run -0 step standby-logs
}

@test "etcd slow: an upgrade takes longer, and gets through" {
  local pid pulse
  pid=$(daemons 'name === "mp1/etcd"' pid)
  changed
  while kill -STOP "$pid" && sleep 0.3 && kill -CONT "$pid"; do sleep 0.1; done &
  pulse=$!
  run -0 --separate-stderr timed "active-install, with etcd stopped three quarters of the time" step active-install
  kill "$pulse"
  kill -CONT "$pid"
  says "upgraded"
}

@test "API server busy (429): kubectl and helm try again, and get through" {
  changed
  faulty "429 4 ^(POST|PUT|PATCH)" run -0 --separate-stderr step active-install
  says "upgraded"
  is "$(grep -c ^429 "$FAULTY/log")" 4
}

# broken_upgrade ACTION REGEX: helm's upgrade is met by that, which is shown; run again without it, the step goes on.
broken_upgrade() {
  changed
  faulty "$1 9 ^PATCH .*/serviceaccounts/" run -1 --separate-stderr step active-install
  says "installing release mp on mp1 failed"
  [[ $stderr =~ $2 ]]
  run -0 --separate-stderr step active-install
  says "upgraded"
}

@test "API server out of order (500): the step says so; run again, it goes on" {
  broken_upgrade 500 "the proxy says 500"
}

@test "connection lost in the middle of an apply by helm: the step says so; run again, it goes on" {
  broken_upgrade cut "EOF|connection reset"
}

@test "connection lost in the middle of an apply by kubectl: the step says so; run again, it finds it applied" {
  on mp1 delete secret tsb-standby-sa -n tsb
  faulty "cut 9 ^PATCH .*/secrets/tsb-standby-sa" run -1 --separate-stderr step service-account
  says "applying Secret tsb-standby-sa to mp1 failed"
  [[ $stderr =~ "connection reset"|EOF ]]
  run -0 --separate-stderr step service-account
  says "Secret tsb-standby-sa on mp1 holds the key"
}

@test "an admission webhook that refuses: its words are shown; without it, the step goes on" {
  on mp1 apply -f - <<YAML
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: no-changes}
webhooks:
  - name: no-changes.example.com
    clientConfig: {url: "$(<"$FAULTY/url")/refuse", caBundle: "$(base64 -w0 "$LAB_DIR/mp1/pki/ca.crt")"}
    rules: [{apiGroups: [""], apiVersions: [v1], resources: [serviceaccounts], operations: [UPDATE]}]
    admissionReviewVersions: [v1]
    sideEffects: None
    timeoutSeconds: 5
YAML
  changed
  refused() { run ! on mp1 annotate serviceaccount tsb-operator-management-plane -n tsb --dry-run=server x=y; }
  eventually refused
  run -1 --separate-stderr step active-install
  says 'admission webhook "no-changes.example.com" denied the request: no changes on a Friday'
  on mp1 delete validatingwebhookconfiguration no-changes
  run -0 --separate-stderr step active-install
  says "upgraded"
}

@test "quota exceeded: it is named; with room, the step goes on" {
  on mp1 create quota no-changes -n tsb --hard=count/secrets=1
  # What the quota controller, which the lab does without, would write.
  on mp1 patch quota no-changes -n tsb --subresource status --type merge \
    -p '{"status":{"hard":{"count/secrets":"1"},"used":{"count/secrets":"1"}}}'
  exceeded() { run ! on mp1 create secret generic one-more -n tsb --dry-run=server && has "$output" "exceeded quota"; }
  eventually exceeded
  changed
  run -1 --separate-stderr step active-install
  says "exceeded quota: no-changes, requested: count/secrets=1, used: count/secrets=1, limited: count/secrets=1"
  on mp1 delete quota no-changes -n tsb
  run -0 --separate-stderr step active-install
  says "upgraded"
}

@test "a namespace stuck in its deletion: the step says so; once it is gone, it goes on" {
  helm uninstall cert-manager -n cert-manager --kube-context mp2 --wait
  # What is stuck in it is what permits the scripts to work there, so that they get as far as they can.
  on mp2 patch role,rolebinding tsb-active-standby -n cert-manager --type merge \
    -p '{"metadata":{"finalizers":["example.com/stuck"]}}'
  on mp2 delete namespace cert-manager --wait=false
  run -1 --separate-stderr step standby-cert-manager
  says "in namespace cert-manager because it is being terminated"
  on mp2 patch role,rolebinding tsb-active-standby -n cert-manager --type merge -p '{"metadata":{"finalizers":null}}'
  on mp2 wait --for=delete namespace/cert-manager --timeout=60s
  permit mp2
  run -0 --separate-stderr step standby-cert-manager
  says "are ready on mp2"
}
