#!/usr/bin/env bats
# The guide's steps for the active: what they leave behind, seen with kubectl, helm, openssl, dig and tctl.
# bats sets output, lines and stderr.
# shellcheck disable=SC2154,SC2016,SC2030,SC2031

load helper

setup_file() { installed_lab; }
setup() { in_lab; }

# shows PORT NAME [OPTION…]: the front envoy's certificate on that port, verified against the root for that name.
shows() {
  local address
  address=$(on mp1 get service envoy -n tsb -o jsonpath='{.status.loadBalancer.ingress[0].ip}')
  openssl s_client -connect "$address:$1" -servername "$2" -verify_hostname "$2" -verify_return_error \
    -CAfile "$STATE_DIR/ca/ca.crt" "${@:3}" </dev/null 2>&1
}

@test "active-install: the release is deployed, and its resource is an active that exposes Postgres" {
  run -0 helm status mp -n tsb --kube-context mp1 -o json
  has "$output" '"status":"deployed"'
  run -0 on mp1 get managementplane managementplane -n tsb -o jsonpath='{.spec.highAvailability}'
  is "$output" '{"active":{"exposeEmbeddedPostgresInFrontEnvoy":true}}'
}

@test "active-install: the values are the guide's, and what TSB needs in every install" {
  helm get values mp -n tsb --kube-context mp1 -o json >"$BATS_TEST_TMPDIR/values.json"
  run -0 node -e '
    const { image, secrets, spec } = JSON.parse(fs.readFileSync(process.argv[1], "utf8"));
    const env = process.env;
    const { deepEqual } = require("node:assert/strict");
    const file = (name) => fs.readFileSync(`${env.STATE_DIR}/${name}`, "utf8");
    deepEqual(image, { registry: env.TSB_REGISTRY, tag: env.TSB_VERSION });
    deepEqual(secrets, {
      elasticsearch: { username: "tsb", password: env.ELASTIC_PASSWORD },
      ldap: { binddn: "cn=admin,dc=tetrate,dc=io", bindpassword: env.LDAP_BIND_PASSWORD },
      postgres: { username: "tsb", password: env.POSTGRES_PASSWORD },
      tsb: { adminPassword: env.TSB_ADMIN_PASSWORD, cert: file("mp1/tsb_certs.crt"), key: file("mp1/tsb_certs.key") },
      xcp: {
        autoGenerateCerts: false,
        central: { cert: file("mp1/xcp-central-cert.crt"), key: file("mp1/xcp-central-cert.key") },
        rootca: file("ca/ca.crt"),
      },
    });
    deepEqual(spec, {
      hub: env.TSB_REGISTRY,
      organization: env.TSB_ORG,
      components: { frontEnvoy: { port: Number(env.MP_PORT) } },
      highAvailability: { active: { exposeEmbeddedPostgresInFrontEnvoy: true } },
    });' "$BATS_TEST_TMPDIR/values.json"
}

@test "active-install: every deployment is available" {
  on mp1 wait deployment --all -n tsb --for=condition=Available --timeout=60s
  run -0 on mp1 get deployment -n tsb -o name
  has "$output" deployment.apps/envoy
  has "$output" deployment.apps/tsb
}

@test "active-install: the front envoy shows certificates for both names, from the one root" {
  local name
  for name in "$MP1_DNS" "$MP_FLOAT_DNS"; do
    run -0 shows "$MP_PORT" "$name"
    run -0 shows 9443 "$name"
    run -0 shows 5432 "$name" -starttls postgres
  done
  run ! shows "$MP_PORT" "$MP2_DNS"
}

@test "active-dns: permanent name to the envoy service's address, floating name a CNAME for it" {
  local server=(@"${DNS_SERVER%:*}" -p "${DNS_SERVER#*:}") address
  address=$(on mp1 get service envoy -n tsb -o jsonpath='{.status.loadBalancer.ingress[0].ip}')
  is "$(dig +short "${server[@]}" "$MP1_DNS" A)" "$address"
  is "$(dig +short "${server[@]}" "$MP_FLOAT_DNS" CNAME)" "$MP1_DNS."
  run -0 dig +noall +answer "${server[@]}" "$MP_FLOAT_DNS" CNAME
  has "$output" "$DNS_TTL	IN	CNAME"
}

@test "active-login: tctl reads the organisation with the token that was kept, and no password was" {
  export TCTL_CONFIG=$STATE_DIR/tctl/config.yaml
  run -0 tctl get org "$TSB_ORG" -o yaml
  has "$output" "name: $TSB_ORG"
  lacks "$(<"$TCTL_CONFIG")" "$TSB_ADMIN_PASSWORD"
  lacks "$(<"$TCTL_CONFIG")" "tlsInsecure: true"
}

@test "service-account: its key is kept, is the one in the active's Secret, and is accepted" {
  is "$(on mp1 get secret tsb-standby-sa -n tsb -o jsonpath='{.data.jwk}')" "$(<"$STATE_DIR/tsb-standby-sa-b64e")"
  cp "$STATE_DIR/tctl/config.yaml" "$BATS_TEST_TMPDIR/tctl"
  export TCTL_CONFIG=$BATS_TEST_TMPDIR/tctl
  base64 -d "$STATE_DIR/tsb-standby-sa-b64e" >"$BATS_TEST_TMPDIR/jwk"
  tctl config users set account --org "$TSB_ORG" \
    --token "$(tctl x sa token tsb-standby-sa --key-path "$BATS_TEST_TMPDIR/jwk" --expiration 5m)"
  tctl config profiles set account --cluster tsb-active-standby --username account
  run -0 tctl -p account get org "$TSB_ORG" -o yaml
}

@test "service-account: org-reader is granted once, and the grants of a fresh installation are still there" {
  run -0 env TCTL_CONFIG="$STATE_DIR/tctl/config.yaml" tctl get ab "organizations/$TSB_ORG" -o yaml
  is "$(grep -c "serviceAccount: organizations/$TSB_ORG/serviceaccounts/tsb-standby-sa" <<<"$output")" 1
  has "$output" "rbac/admin"
  has "$output" "rbac/org-reader"
}
