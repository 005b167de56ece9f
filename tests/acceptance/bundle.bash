# shellcheck shell=bash
# For tests of the support bundle.
#
#   bundle                  makes one, and unpacks it into $BUNDLE
#   canaries >FILE          every secret of the lab, one to a line: as it is, and in base64
#   leaks FILE              where any line of the file stands in $BUNDLE; nothing when nowhere

bundle() {
  local out=$BATS_TEST_TMPDIR/bundle.tar.gz
  OUT=$out timed "support-bundle" step support-bundle
  is "$(stat -c %a "$out")" 600
  tar -xzf "$out" -C "$BATS_TEST_TMPDIR"
  BUNDLE=$(find "$BATS_TEST_TMPDIR" -maxdepth 1 -name 'tsb-support-*')
}

canaries() {
  local name secret
  {
    printf '%s\n' "$POSTGRES_PASSWORD" "$ELASTIC_PASSWORD" "$LDAP_BIND_PASSWORD" "$TSB_ADMIN_PASSWORD"
    sed -n 's/.*secret "\(.*\)";/\1/p' "$DNS_TSIG_KEY_FILE"
    sed -n 's/.*token: //p' "$STATE_DIR/tctl/config.yaml"
    # Each line of a key by itself, and each private part of a JSON Web Key.
    grep -hv -e ----- "$STATE_DIR"/ca/ca.key "$STATE_DIR"/mp?/*.key
    for name in mp1/tsb mp2/tsb cp1/istio-system; do
      on "${name%/*}" get secrets -n "${name#*/}" --field-selector type!=helm.sh/release.v1 -o json
    done | node -e '
      const secrets = fs.readFileSync(0, "utf8").split(/\n(?=\{)/).flatMap((list) => JSON.parse(list).items);
      for (const { metadata, data } of secrets) for (const [key, value] of Object.entries(data ?? {})) {
        const text = Buffer.from(value, "base64").toString();
        const parts = text.startsWith("{") ? Object.entries(JSON.parse(text)).filter(([name]) => /^(d|p|q|dp|dq|qi)$/.test(name)).map(([, part]) => part) : [];
        const isToken = key === "token", isKey = text.includes("PRIVATE KEY"), isPassword = /password|admin$/i.test(key);
        const lines = isKey ? text.split("\n").filter((line) => line.length > 40 && !line.includes("-----")) : isToken || isPassword ? [text] : [];
        console.log([...parts, ...lines].join("\n"));
      }'
  } | awk 'length > 5' | sort -u | while read -r secret; do
    printf '%s\n' "$secret"
    printf '%s' "$secret" | base64 -w0
    echo
  done
}

leaks() { grep -rFof "$1" "$BUNDLE" || true; }
