#!/usr/bin/env bats
# shellcheck disable=SC2154 # bats sets output and stderr
# permissions: what docs/rbac gives is what preflight asks for; and it is broad only where it says so.

load helper

setup() {
  isolate
  plan kubectl "--context mp1 * get namespace/kube-system *" <<<'{"kind":"Namespace","metadata":{"name":"kube-system","uid":"1"}}'
  plan kubectl "--context mp2 * get namespace/kube-system *" <<<'{"kind":"Namespace","metadata":{"name":"kube-system","uid":"2"}}'
  plan kubectl "* get deployments *" <<<''
}

# rbac JAVASCRIPT: its value, where `rules` are those of all files of docs/rbac, each with its file, and namespace if any.
rbac() {
  (cd "$ROOT" && node -p "
    const { parseAllDocuments } = require('yaml');
    const rules = fs.readdirSync('docs/rbac').flatMap((file) =>
      parseAllDocuments(fs.readFileSync('docs/rbac/' + file, 'utf8')).flatMap((one) => {
        const { metadata, rules } = one.toJS();
        return (rules ?? []).map((rule) => ({ file, namespace: metadata.namespace, ...rule }));
      }));
    $1")
}

# permitted RULES [INCOMPLETE]: what the API server answers when it is asked.
permitted() {
  plan kubectl "* create --raw /apis/authorization.k8s.io/v1/selfsubjectrulesreviews -f -" \
    <<<"{\"status\":{\"resourceRules\":$1,\"incomplete\":${2:-false}}}"
}

@test "permissions: with the rules of docs/rbac nothing is missing" {
  permitted "$(rbac 'JSON.stringify(rules)')"
  run -1 --separate-stderr script preflight
  says "✓ mp1: permitted to do what the scripts do"
  says "✓ mp2: permitted to do what the scripts do"
}

@test "permissions: a cluster-admin lacks none" {
  permitted '[{"apiGroups":["*"],"resources":["*"],"verbs":["*"]}]'
  run -1 --separate-stderr script preflight
  says "✓ mp2: permitted to do what the scripts do"
}

@test "permissions: each one that is missing is named, with the files that give it" {
  permitted "$(rbac 'JSON.stringify(rules.filter(({ verbs, resources }) => !verbs.includes("escalate") && !resources.includes("pods/exec")))')"
  run -1 --separate-stderr script preflight
  has "$(grep "✗ mp1" <<<"$stderr")" "escalate clusterroles tsb-operator-management-plane"
  has "$(grep "✗ mp1" <<<"$stderr")" "create pods/exec in namespace tsb"
  lacks "$(grep "✗ mp1" <<<"$stderr")" cert-manager
  has "$(grep "✗ mp2" <<<"$stderr")" "bind roles cert-manager:leaderelection in namespace kube-system"
  says "next: have an administrator run: kubectl --context mp1 apply -f docs/rbac/active.yaml"$'\n'
  says "kubectl --context mp2 apply -f docs/rbac/active.yaml -f docs/rbac/standby.yaml"
}

@test "permissions: an API server that can't tell all is no reason to stop" {
  permitted '[]' true
  run -1 --separate-stderr script preflight
  says "! mp1: not permitted to"
  says "its API server can't tell all"
}

@test "permissions: a permission for one object alone is none for others" {
  permitted "$(rbac 'JSON.stringify(rules.map((rule) => ({ ...rule, resourceNames: [...(rule.resourceNames ?? []), "another"] })))')"
  run -1 --separate-stderr script preflight
  says "create pods/exec in namespace tsb"
  lacks "$stderr" "escalate clusterroles tsb-operator-management-plane"
}

@test "permissions: outside of the namespaces of TSB and cert-manager every change is bound to a name, but for helm 3" {
  local words
  words=$(rbac '
    rules.filter(({ file, namespace }) => file !== "helm3.yaml" && namespace === undefined)
      .filter(({ verbs }) => verbs.some((verb) => !["get", "list", "watch"].includes(verb)))
      .filter(({ resourceNames, apiGroups, resources }) => !resourceNames?.length || [...apiGroups, ...resources].includes("*"))
      .map((rule) => JSON.stringify(rule)).join("\n")')
  is "$words" ""
  # A Role for a namespace is one for the Namespace object of that name, too.
  words=$(rbac '
    rules.filter(({ namespace, apiGroups, resources }) => namespace && apiGroups.some((one) => one === "" || one === "*") &&
        resources.some((one) => one === "namespaces" || one === "*"))
      .flatMap(({ verbs }) => verbs).filter((verb) => !["get", "list", "watch"].includes(verb)).join()')
  is "$words" ""
  # Nobody reads Secrets of the cluster as a whole.
  is "$(rbac 'rules.filter(({ namespace, resources }) => !namespace && (resources.includes("secrets"))).length')" 0
}
