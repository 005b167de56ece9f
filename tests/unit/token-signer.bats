#!/usr/bin/env bats
# token-signer: with the active gone, the kid of the standby's signing key is compared with those in the control planes'
# tokens. On the lab: tests/acceptance/status-roles.bats.
# shellcheck disable=SC2154 # bats sets output

load helper

setup() { isolate; }

# holds CONTEXT KID: the control plane there holds a token that this key signed.
holds() {
  local token
  token=$(printf '{"alg":"RS256","kid":"%s"}' "$2" | base64 -w0 | tr -d '=').e30.c2lnbmF0dXJl
  plan kubectl "--context $1 *get*" <<END
{"kind":"List","items":[{"kind":"Secret","metadata":{"name":"xcp-edge-central-auth-token"},"data":{"token":"$(printf %s "$token" | base64 -w0)"}}]}
END
}

@test "token-signer: the key that signed the tokens of all control planes is the right one" {
  holds cp1 one
  run -0 driver token-signer one
  is "$output" "ok iam-signing-key of mp2 (kid one) signed the token of control plane cp1"
}

@test "token-signer: another key than the one that signed a token is a risk, named with its control plane" {
  kubeconfig_with mp1 mp2 cp1 cp2 >kubeconfig
  holds cp1 one
  holds cp2 two
  run -0 driver token-signer one CLUSTER_NAME=cp1,cp2
  is "${lines[0]}" "ok iam-signing-key of mp2 (kid one) signed the token of control plane cp1"
  is "${lines[1]}" "warn RISK iam-signing-key of mp2 (kid one) did not sign the token of control plane cp2 (kid two)"
}

@test "token-signer: a control plane that can't be asked is a warning, and so is a key without a kid" {
  plan kubectl "--context cp1 *" 1 <<<""
  run -0 driver token-signer one
  has "$output" "warn whether iam-signing-key of mp2 (kid one) signed the token of control plane cp1 can't be told: "
  run -0 driver token-signer
  is "$output" "warn iam-signing-key is on mp2; mp1 can't be asked whether it is the same, and it has no kid to look for in the control planes' tokens"
}

@test "token-signer: the control planes that status saw last are asked, too; where none is known it says so" {
  run -0 driver token-signer one CLUSTER_NAME=
  is "$output" "warn iam-signing-key is on mp2; mp1 can't be asked whether it is the same; a control plane's token would tell"
  mkdir state
  echo cp1 >state/control-planes
  holds cp1 two
  run -0 driver token-signer one CLUSTER_NAME=
  has "$output" "warn RISK"
}
