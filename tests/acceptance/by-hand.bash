# shellcheck shell=bash
# Doing it as a person would who follows the guide with plain helm, kubectl and tctl, and makes a mistake.

# In setup_file, after the lab: helm's own folders, a second root, and where the charts are.
prepare_hands() {
  export HELM_CACHE_HOME=$BATS_FILE_TMPDIR/helm/cache HELM_CONFIG_HOME=$BATS_FILE_TMPDIR/helm/config
  export HELM_DATA_HOME=$BATS_FILE_TMPDIR/helm/data HANDS=$BATS_FILE_TMPDIR
  local file name
  for file in "$STATE_DIR"/charts/*/{managementplane,controlplane,cert-manager}-*.tgz; do
    name=${file##*/}
    ln -sf "$file" "$HANDS/${name%%-[v0-9]*}.tgz"
  done
  openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=another root" -keyout "$HANDS/other-ca.key" \
    -out "$HANDS/other-ca.crt" 2>/dev/null
}

# management_plane INSTANCE [HELM ARGUMENT…]: helm upgrade with the values as installed, and what the test gets wrong.
management_plane() {
  helm upgrade mp "$HANDS/managementplane.tgz" -n tsb --kube-context "$1" -f "$STATE_DIR/$1/values.yaml" "${@:2}"
}

control_plane() {
  helm upgrade cp "$HANDS/controlplane.tgz" -n istio-system --kube-context cp1 -f "$STATE_DIR/cp1/values.yaml" "$@"
}

# certificate FILE NAMES [CA]: a certificate and its key as $HANDS/FILE.{crt,key}; CA is a path without its ending.
certificate() {
  local file=$HANDS/$1 names=DNS:${2// /,DNS:} ca=${3:-$STATE_DIR/ca/ca}
  openssl req -new -newkey rsa:2048 -nodes -subj "/CN=${2%% *}" -keyout "$file.key" -out "$file.csr" 2>/dev/null
  openssl x509 -req -in "$file.csr" -CA "$ca.crt" -CAkey "$ca.key" -days 30 -out "$file.crt" 2>/dev/null \
    -extfile <(printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth\nkeyUsage=digitalSignature,keyEncipherment\n' "$names")
}

# jwk: another private key in the form that tctl prints, on standard output.
jwk() {
  node -e '
    const { generateKeyPairSync } = require("node:crypto");
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    console.log(JSON.stringify({ ...privateKey.export({ format: "jwk" }), kid: "another", alg: "RS256", use: "sig" }));'
}

# as_admin COMMAND…: with the login that active-login left.
as_admin() { TCTL_CONFIG=$STATE_DIR/tctl/config.yaml "$@"; }

# give_secret INSTANCE NAME KEY VALUE: puts something else into a Secret there.
give_secret() {
  on "$1" patch secret "$2" -n tsb --type merge -p "{\"data\":{\"$3\":\"$(base64 -w0 <<<"$4")\"}}"
}

# edit_bindings STATEMENT: reads the organisation's access bindings, changes their list `allow`, and applies them.
edit_bindings() {
  as_admin tctl get ab "organizations/$TSB_ORG" -o yaml | node -e '
    const { parse, stringify } = require("yaml");
    const bindings = parse(fs.readFileSync(0, "utf8"));
    let { allow } = bindings.spec;
    eval(process.argv[1]);
    process.stdout.write(stringify({ ...bindings, spec: { allow } }));' "$1" | as_admin tctl apply -f -
}

# Everything as it was installed.
mend_pair() {
  local name
  for name in "$@"; do management_plane "$name" >/dev/null; done
  eventually pair_is_whole
}

# A deployment in namespace tsb that no node will ever run.
never_ready_deployment() {
  on mp1 apply -n tsb -f - <<YAML
apiVersion: apps/v1
kind: Deployment
metadata: {name: never-ready}
spec:
  selector: {matchLabels: {app: never-ready}}
  template:
    metadata: {labels: {app: never-ready}}
    spec: {nodeSelector: {no: such}, containers: [{name: none, image: none}]}
YAML
}
