#!/usr/bin/env bats
# replication: Postgres is asked in its pod, which is looked up by its label.
# shellcheck disable=SC2154 # bats sets output

load helper

setup() { isolate; }

# running POD: the pod that runs, and answers.
running() {
  plan kubectl "* get pods *" <<<'{"kind":"Pod","metadata":{"name":"'"$1"'","labels":{"app":"tsb-postgres"}},"status":{"phase":"Running"}}'
  plan kubectl "* exec -n tsb $1 -- psql *" <<<"from $1"
}

@test "replication: the pod is looked up once, and asked as often as is needed" {
  running one
  run -0 driver replication 3
  is "${lines[*]}" "from one from one from one"
  is "$(calls | grep -c ' get pods ')" 1
}

@test "replication: another pod is found where the one that answered before is gone" {
  # After its first answer it is gone, and another one runs.
  cat >bin/kubectl <<'END'
#!/usr/bin/env bash
case $* in
  *" get pods "*) name=$([ -e asked ] && echo two || echo one)
    echo '{"kind":"Pod","metadata":{"name":"'$name'","labels":{"app":"tsb-postgres"}},"status":{"phase":"Running"}}' ;;
  *" one -- psql "*) if [ -e asked ]; then echo 'Error from server (NotFound): pods "one" not found' >&2 && exit 1; fi
    touch asked && echo "from one" ;;
  *" two -- psql "*) echo "from two" ;;
esac
END
  run -0 driver replication 2
  is "${lines[*]}" "from one from two"
}

@test "replication: what fails in a pod that is there is not tried again" {
  cat >bin/kubectl <<'END'
#!/usr/bin/env bash
echo "$*" >>calls
case $* in
  *" get pods "*) echo '{"kind":"Pod","metadata":{"name":"one","labels":{"app":"tsb-postgres"}},"status":{"phase":"Running"}}' ;;
  *) [ "$(grep -c ' exec ' calls)" = 1 ] || { echo 'ERROR:  relation "one" not found' >&2 && exit 1; } ;;
esac
END
  run -0 driver replication 2
  is "$(calls | grep -c ' exec ')" 2
  has "$output" "error: asking failed (kubectl exit code 1)"
}
