#!/usr/bin/env bats
# What is taken out of a support bundle; the whole bundle, with canaries: tests/acceptance/support-bundle.bats

load helper

setup() { isolate; }

# redact SECRET…: standard input without them.
redact() { driver redaction text "$@"; }

@test "support-bundle: a known secret goes, plain, in a URL, in JSON" {
  run -0 redact 'p@ss "w"ord' <<<'plain p@ss "w"ord; url p%40ss%20%22w%22ord; json {"x": "p@ss \"w\"ord"}; left'
  is "$output" 'plain REDACTED; url REDACTED; json {"x": "REDACTED"}; left'
}

@test "support-bundle: a known secret goes in base64, wherever it stands in the text that was encoded" {
  local before
  for before in "" a ab abc abcd; do
    run -0 redact canary-secret-value < <(printf '%suser:canary-secret-value:x' "$before" | base64 -w0)
    has "$output" REDACTED
    # What is left of the encoding does not hold the secret's inside.
    lacks "$(tr -d '\n' <<<"${output//REDACTED/}" | base64 -di 2>/dev/null | tr -d '\0')" "canary"
  done
}

@test "support-bundle: each line of a known key goes" {
  openssl genrsa -out key.pem 2048 2>/dev/null
  run -0 redact "$(cat key.pem)" < <(sed -n 5,6p key.pem)
  is "$output" $'REDACTED\nREDACTED'
}

@test "support-bundle: the private parts of a known JWK go by themselves, its kid stays" {
  run -0 redact '{"kty":"RSA","kid":"the-kid","d":"private-part-of-it"}' <<<"kid the-kid, d private-part-of-it"
  is "$output" "kid the-kid, d REDACTED"
}

@test "support-bundle: what looks like a key or token goes, though nobody knows it" {
  openssl genrsa -out key.pem 2048 2>/dev/null
  run -0 redact <key.pem
  is "$output" REDACTED
  local header='eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ'
  run -0 redact <<<"token $header.eyJzdWIiOiJvcmdhbml6YXRpb25zIn0.c2lnbmF0dXJlLW9mLWl0 end"
  is "$output" "token REDACTED end"
  run -0 redact <<<"Authorization: Bearer abcdefghijklmnop, postgres://tsb:geheim1@host/db, POSTGRES_PASSWORD=geheim2 next"
  is "$output" "Authorization: Bearer REDACTED, postgres://tsb:REDACTED@host/db, POSTGRES_PASSWORD=REDACTED next"
}

@test "support-bundle: of a Secret its name, type and entries' names are left" {
  run -0 driver redaction object <<<'{"kind":"Secret","type":"Opaque","metadata":{"name":"s","namespace":"tsb","annotations":{"a":"canary"}},"data":{"password":"Y2FuYXJ5"},"stringData":{"x":"canary"}}'
  is "$output" '{"kind":"Secret","metadata":{"name":"s","namespace":"tsb"},"type":"Opaque","keys":["password"]}'
}

@test "support-bundle: environment variables lose their values, other objects what kubectl keeps beside them" {
  run -0 driver redaction object <<<'{"kind":"Pod","metadata":{"managedFields":[1],"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"canary","kept":"yes"}},"spec":{"containers":[{"env":[{"name":"A","value":"canary"},{"name":"B","valueFrom":{"secretKeyRef":{"name":"s"}}}],"adminPassword":"canary","secretName":"kept"}]}}'
  is "$output" '{"kind":"Pod","metadata":{"annotations":{"kept":"yes"}},"spec":{"containers":[{"env":[{"name":"A","value":"REDACTED"},{"name":"B","valueFrom":{"secretKeyRef":{"name":"s"}}}],"adminPassword":"REDACTED","secretName":"kept"}]}}'
}
