#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2153,SC2154 # bats sets output and stderr, and runs each test in a subshell
# config: every kind of bad setting is refused before anything is touched, by the name of its variable.

load helper

# What is wrong | the settings that differ from the good ones (;-separated, @ is a folder with files) | the variable that
# must be named | what must be said of it
BAD=(
  'the floating name is missing|MP_FLOAT_DNS=|MP_FLOAT_DNS|is not set'
  'the floating name is a URL|MP_FLOAT_DNS=https://active.example.com|MP_FLOAT_DNS|is a URL, not a DNS name'
  'the floating name has a port|MP_FLOAT_DNS=active.example.com:443|MP_FLOAT_DNS|has a port'
  'the floating name has capitals|MP_FLOAT_DNS=Active.example.com|MP_FLOAT_DNS|has capitals'
  'the floating name is an IP address|MP_FLOAT_DNS=192.0.2.7|MP_FLOAT_DNS|is an IP address'
  'the floating name is an IPv6 address|MP_FLOAT_DNS=2001:db8::7|MP_FLOAT_DNS|is an IP address'
  'the floating name has no domain|MP_FLOAT_DNS=active|MP_FLOAT_DNS|has no domain'
  'the floating name has a final dot|MP_FLOAT_DNS=active.example.com.|MP_FLOAT_DNS|is not a DNS name'
  'the floating name has a wildcard|MP_FLOAT_DNS=*.example.com|MP_FLOAT_DNS|is not a DNS name'
  'the floating name is an instance'"'"'s too|MP_FLOAT_DNS=mp2.tsb.example.com|MP_FLOAT_DNS|equals MP2_DNS'
  'a permanent name has an underscore|MP1_DNS=mp_1.example.com|MP1_DNS|is not a DNS name'
  'two instances have one permanent name|MP2_DNS=mp1.tsb.example.com|MP2_DNS|equals MP1_DNS'
  'no instance is given|MP1_DNS=;MP1_CONTEXT=;MP2_DNS=;MP2_CONTEXT=|MP1_DNS|is not set'
  'a context has no permanent name|MP3_CONTEXT=mp3|MP3_DNS|is not set, but MP3_CONTEXT is'
  'the active has no context|MP1_CONTEXT=|MP1_CONTEXT|is not set, but ACTIVE is mp1'
  'the context of the active is unknown|MP1_CONTEXT=nowhere|MP1_CONTEXT|"nowhere" is not a context of your kubeconfig'
  'the context of the standby is unknown|MP2_CONTEXT=nowhere|MP2_CONTEXT|"nowhere" is not a context of your kubeconfig'
  'two instances have one context|MP2_CONTEXT=mp1|MP2_CONTEXT|is "mp1", the context of mp1 too'
  'a context begins like a flag|MP1_CONTEXT=--all|MP1_CONTEXT|is not a kube context'
  'the active is not among the instances|ACTIVE=mp9|MP9_DNS|is not set, but ACTIVE is mp9'
  'the active is not named as instances are|ACTIVE=first|ACTIVE|is not the name of an instance'
  'active and standby are one|STANDBY=mp1|STANDBY|the same instance as ACTIVE'
  'the kubeconfig is no YAML|KUBECONFIG=@/no-yaml|KUBECONFIG|is not YAML'
  'the kubeconfig is missing|KUBECONFIG=@/none|MP1_CONTEXT|is not a context of your kubeconfig'
  'the port is no number|MP_PORT=https|MP_PORT|is not a whole number from 1 to 65535'
  'the port is out of range|MP_PORT=70000|MP_PORT|is not a whole number from 1 to 65535'
  'the port is that of Postgres|MP_PORT=5432|MP_PORT|where the front envoy exposes Postgres'
  'the organisation is missing|TSB_ORG=|TSB_ORG|is not set'
  'the organisation has capitals|TSB_ORG=Acme|TSB_ORG|has capitals'
  'the organisation has a slash|TSB_ORG=a/b|TSB_ORG|is not an organisation name'
  'the version is no version|TSB_VERSION=latest|TSB_VERSION|is not a version'
  'the registry has a scheme|TSB_REGISTRY=https://registry.example.com|TSB_REGISTRY|image registries are given without a scheme'
  'the registry has a blank|TSB_REGISTRY=registry example|TSB_REGISTRY|is not an image registry'
  'the chart repository is no URL|TSB_CHART_REPO=charts|TSB_CHART_REPO|is not an http(s) URL'
  'the chart repository is a file URL|TSB_CHART_REPO=file:///charts|TSB_CHART_REPO|is not an http(s) URL'
  'the chart does not exist|MP_CHART=@/none|MP_CHART|is neither a folder, a .tgz file nor an oci:// reference'
  'the chart is a file of another kind|CP_CHART=@/file|CP_CHART|is a file but not a .tgz'
  'the chart is a folder without a chart|MP_CHART=@|MP_CHART|is a folder without a Chart.yaml'
  'the chart is a malformed reference|MP_CHART=oci://|MP_CHART|is not an oci:// chart reference'
  'the chart reference has a tag|CP_CHART=oci://charts.example.com:5000/tsb/controlplane:1.12.0|CP_CHART|has a tag or a digest'
  'the values file is missing|MP_VALUES=@/none|MP_VALUES|no such file'
  'the values file is a folder|CP_VALUES=@|CP_VALUES|not a file'
  'a password is missing|ELASTIC_PASSWORD=|ELASTIC_PASSWORD|is not set'
  'a password has a line break|POSTGRES_PASSWORD=abc\ndef|POSTGRES_PASSWORD|has a line break'
  'a password ends with a blank|TSB_ADMIN_PASSWORD=abcdefgh |TSB_ADMIN_PASSWORD|begins or ends with a blank'
  'the bind name is no distinguished name|LDAP_BIND_DN=admin|LDAP_BIND_DN|is not a distinguished name'
  'the CA has no key|CA_CERT=@/file|CA_KEY|is not set, but its partner is'
  'the CA has no certificate|CA_KEY=@/file|CA_CERT|is not set, but its partner is'
  'the CA does not exist|CA_CERT=@/none;CA_KEY=@/none|CA_CERT|no such file'
  'a key is too short|LEAF_KEY_BITS=1024|LEAF_KEY_BITS|is not a whole number from 2048 to 8192'
  'a lifetime is nothing|CA_DAYS=0|CA_DAYS|is not a whole number from 1'
  'a leaf would be issued again by each run|LEAF_DAYS=30|LEAF_DAYS|is not more than RENEW_BEFORE'
  'the DNS provider is unknown|DNS_PROVIDER=route53|DNS_PROVIDER|is not one of manual, rfc2136, hook'
  'rfc2136 has no server|DNS_PROVIDER=rfc2136|DNS_SERVER|is not set, but DNS_PROVIDER=rfc2136 needs it'
  'rfc2136 has no key|DNS_PROVIDER=rfc2136|DNS_TSIG_KEY_FILE|is not set, but DNS_PROVIDER=rfc2136 needs it'
  'a name is outside the zone|DNS_PROVIDER=rfc2136;DNS_SERVER=ns;DNS_ZONE=example.org;DNS_TSIG_KEY_FILE=@/file|MP1_DNS|is not in DNS_ZONE "example.org"'
  'the zone is no name|DNS_ZONE=a..b|DNS_ZONE|is not a DNS zone'
  'the name server has a bad port|DNS_SERVER=ns:99999|DNS_SERVER|is not HOST or HOST:PORT'
  'the resolver is a URL|DNS_RESOLVER=udp://ns|DNS_RESOLVER|is not HOST or HOST:PORT'
  'hook has no program|DNS_PROVIDER=hook|DNS_HOOK|is not set, but DNS_PROVIDER=hook needs it'
  'the hook is not executable|DNS_PROVIDER=hook;DNS_HOOK=@/file|DNS_HOOK|is not executable'
  'the time to live is negative|DNS_TTL=-1|DNS_TTL|is not a whole number from 1'
  'the cluster name is missing|CLUSTER_NAME=|CLUSTER_NAME|is not set'
  'the cluster name has capitals|CLUSTER_NAME=CP1|CLUSTER_NAME|is not a cluster name'
  'a cluster is named twice|CLUSTER_NAME=cp1,cp1|CLUSTER_NAME|names "cp1" twice'
  'the list of clusters is empty|CLUSTER_NAME=,|CLUSTER_NAME|names no cluster'
  'the context of a cluster is unknown|CLUSTER_NAME=cp7|CP7_CONTEXT|"cp7" is not a context of your kubeconfig'
  'a cluster has the context of an instance|CP1_CONTEXT=mp1|CP1_CONTEXT|is "mp1", the context of mp1'
  'export and import are given at once|EXPORT=@/out;IMPORT=@/file|IMPORT|is set together with EXPORT'
  'the file to import is missing|IMPORT=@/none|IMPORT|no such file'
  'the replication settings are missing|REPLICATION_SETTINGS=@/none|REPLICATION_SETTINGS|no such file'
  'a switch is neither 0 nor 1|FORCE=yes|FORCE|is not one of 0, 1'
  'a time-out is no number|INSTALL_TIMEOUT=10m|INSTALL_TIMEOUT|is not a whole number'
  'a time-out is nothing|REQUEST_TIMEOUT=0|REQUEST_TIMEOUT|is not a whole number from 1'
  'the state folder has a line break|STATE_DIR=a\nb|STATE_DIR|has control characters'
  'the env file is missing|ENV_FILE=@/none|ENV_FILE|can'"'"'t read'
)

# What would do harm if a shell, or a tool's own parser, ever read it. \p is a pipe, \n a line break.
# shellcheck disable=SC2016
HOSTILE=('$(touch pwned);&\p`touch pwned`' '--kubeconfig=/x' 'a\nb')

setup_file() {
  cd "$BATS_FILE_TMPDIR" || return
  mkdir files
  echo 'a: [' >files/no-yaml
  echo file >files/file
  export BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
  isolate
  # The good settings, then each kind of bad ones, in one process.
  {
    echo good
    local i name
    for i in "${!BAD[@]}"; do
      IFS='|' read -r _ settings _ <<<"${BAD[i]}"
      echo "$i|${settings//;/|}"
    done
    for name in $(variables); do
      for i in "${!HOSTILE[@]}"; do echo "$name-$i|$name=${HOSTILE[i]}"; done
    done
  } | sed "s,@,$BATS_FILE_TMPDIR/files,g" >cases
  mkdir endings
  driver settings endings <cases
}

# variables: every one in env.example, and the file's own.
variables() {
  grep -oE '^(# )?[A-Z][A-Z0-9_]*=' "$ROOT/env.example" | tr -d '#= '
  echo ENV_FILE
}

# is_refused NUMBER VARIABLE TEXT
is_refused() {
  cd "$BATS_FILE_TMPDIR" || return
  is "$(<"endings/$1.code")" 2
  local words
  words=$(grep "^ERROR: any: $2 " "endings/$1.err") || { cat "endings/$1.err" && return 1; }
  has "$words" "$3"
  has "$(<"endings/$1.err")" "Nothing was touched."
  lacks "$(<"endings/$1.err")" "the body ran"
  nothing_touched
}

for i in "${!BAD[@]}"; do
  IFS='|' read -r title _ variable text <<<"${BAD[i]}"
  bats_test_function --description "config: refused when $title" -- is_refused "$i" "$variable" "$text"
done

@test "config: the good settings are taken" {
  is "$(<"$BATS_FILE_TMPDIR/endings/good.code")" 0
  has "$(<"$BATS_FILE_TMPDIR/endings/good.err")" "the body ran"
}

@test "config: an unreadable file is refused by its name" {
  [ "$(id -u)" != 0 ] || skip "root can read everything"
  isolate
  touch values
  chmod 000 values
  run -2 --separate-stderr script pki MP_VALUES=values
  says "ERROR: pki: MP_VALUES can't be read"
}

@test "config: everything is reported at once, by every script, and nothing is touched" {
  isolate
  local name
  for name in dns-plan active-install standby-install onboard; do
    run -2 --separate-stderr script "$name" MP_FLOAT_DNS= MP1_DNS=mp_1.example.com MP_PORT=x DNS_TTL=x STATE_DIR=$'a\nb'
    is "$(grep -c "^ERROR: $name: " <<<"$stderr")" 5
    says "ERROR: $name: MP_FLOAT_DNS is not set"
    says "ERROR: $name: MP1_DNS \"mp_1.example.com\" is not a DNS name"
    says "ERROR: $name: DNS_TTL \"x\" is not a whole number"
    is "$output" ""
    nothing_touched
  done
}

@test "config: each problem says who set the value and how to mend it" {
  isolate
  echo MP_PORT=http >settings
  run -2 --separate-stderr script pki ENV_FILE=settings DNS_TTL=x MP_FLOAT_DNS=
  has "$(grep -A2 MP_PORT <<<"$stderr")" $'from: settings\n  next: give the front envoy'
  has "$(grep -A2 DNS_TTL <<<"$stderr")" "from: the environment"
  has "$(grep -A2 MP_FLOAT_DNS <<<"$stderr")" "from: not set"
}

@test "config: where there is no .env, each variable that is missing says so" {
  isolate
  run -2 --separate-stderr script pki MP_FLOAT_DNS= DNS_TTL=x
  has "$(grep -A1 MP_FLOAT_DNS <<<"$stderr")" "from: not set; there is no .env in this folder (cp env.example .env)"
  has "$(grep -A1 DNS_TTL <<<"$stderr")" "from: the environment"
  touch .env
  run -2 --separate-stderr script pki MP_FLOAT_DNS=
  lacks "$stderr" env.example
}

@test "config: the environment beats the env file, and an empty variable counts as not set" {
  isolate
  printf '%s\n' MP_FLOAT_DNS=file.example.com MP1_DNS=file1.example.com >settings
  run -0 --separate-stderr script pki --dry-run ENV_FILE=settings MP_FLOAT_DNS=
  says "mp1.tsb.example.com, file.example.com"
}

@test "config: .env in the working folder is read, with quotes and comments" {
  isolate
  printf '%s\n' '# ours' 'export MP_FLOAT_DNS="quoted.example.com" # the float' >.env
  run -0 --separate-stderr in_environment MP_FLOAT_DNS= node "$ROOT/.build/pki.mjs" --dry-run
  says "mp1.tsb.example.com, quoted.example.com"
}

@test "config: a password is never part of a message" {
  isolate
  run -2 --separate-stderr script active-install TSB_ADMIN_PASSWORD=$'hunter2\nhunter2' POSTGRES_PASSWORD=' hunter2'
  says "ERROR: active-install: TSB_ADMIN_PASSWORD has a line break"
  lacks "$output$stderr" hunter2
}

@test "config: instances are taken in the order of their numbers" {
  isolate
  run -0 --separate-stderr script pki --dry-run MP10_DNS=mp10.tsb.example.com MP3_DNS=mp3.tsb.example.com
  is "$(grep -o 'mp[0-9]*/tsb_certs' <<<"$stderr" | paste -sd' ')" "mp1/tsb_certs mp2/tsb_certs mp3/tsb_certs mp10/tsb_certs"
}

@test "config: env.example has every variable of the program with its default, and no other" {
  isolate
  sed -nE 's/^(# )?([A-Z][A-Z0-9_]*)=(.*)$/\2=\3/p' "$ROOT/env.example" | sort >documented
  # The program gives no default to what is required; LDAP_BIND_PASSWORD is the one whose usual value is in the file.
  sed -i 's/^LDAP_BIND_PASSWORD=admin$/LDAP_BIND_PASSWORD=/' documented
  {
    driver variables
    printf '%s\n' MP1_DNS= MP1_CONTEXT= MP2_DNS= MP2_CONTEXT= CP1_CONTEXT=cp1
  } | sort >known
  run -0 diff documented known
}

@test "config: what env.example leaves empty must be filled in, all of it at once" {
  isolate
  run -2 --separate-stderr env -i PATH="$PATH" HOME="$PWD" ENV_FILE="$ROOT/env.example" \
    node "$ROOT/.build/active-install.mjs"
  local name
  for name in MP1_DNS MP1_CONTEXT MP_FLOAT_DNS TSB_ORG TSB_VERSION TSB_REGISTRY POSTGRES_PASSWORD TSB_ADMIN_PASSWORD; do
    says "ERROR: active-install: $name is not set"
  done
}

@test "config: what is hostile is refused in every variable by its name, or taken as it is; nothing is executed or touched" {
  cd "$BATS_FILE_TMPDIR/endings" || return
  local name i taken=() refused=0
  for name in $(variables); do
    for i in "${!HOSTILE[@]}"; do
      case $(<"$name-$i.code") in
        0) taken+=("$name-$i") ;;
        2)
          # A line break separates the names of two clusters, whose contexts are then unknown.
          grep -qE "^ERROR: any: ($name|[AB]_CONTEXT) " "$name-$i.err" || { cat "$name-$i.err" && return 1; }
          refused=$((refused + 1))
          ;;
        *) cat "$name-$i.err" && return 1 ;;
      esac
    done
  done
  ((refused > 170))
  # Free text alone is taken, and never with a line break.
  is "$(printf '%s\n' "${taken[@]%-[01]}" | sort -u | paste -sd' ')" \
    "ELASTIC_PASSWORD EXPORT LDAP_BIND_PASSWORD OUT POSTGRES_PASSWORD STATE_DIR TSB_ADMIN_PASSWORD"
  cd .. && nothing_touched
  run -0 find . -name pwned
  is "$output" ""
}

@test "config: hostile values that are taken reach the tools as one argument each, literally" {
  isolate
  # shellcheck disable=SC2016
  local harm='$(touch${IFS}pwned);&|`touch${IFS}pwned`*' secret='--password=$(touch pwned) "x'
  kubeconfig_with "$harm" mp2 >kubeconfig
  mkdir "$harm"
  touch "$harm/hook"
  chmod +x "$harm/hook"
  run -1 --separate-stderr script preflight MP1_CONTEXT="$harm" TSB_CHART_REPO="https://charts.example.com/$harm" \
    STATE_DIR="$harm/state" DNS_PROVIDER=hook DNS_HOOK="$harm/hook" POSTGRES_PASSWORD="$secret" TSB_ADMIN_PASSWORD="$secret"
  has "$(calls)" "kubectl --context $harm --request-timeout=20s get namespace/kube-system -o json"
  has "$(calls)" "helm pull managementplane --repo https://charts.example.com/$harm --version 1.12.0 -d $PWD/$harm/state/charts/"
  lacks "$(calls)$output$stderr" "touch pwned"
  run -0 find . -name pwned
  is "$output" ""
}
