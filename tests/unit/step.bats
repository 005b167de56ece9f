#!/usr/bin/env bats
# step: the frame of every script, by a script of the tests' own (frame.ts).
# shellcheck disable=SC2030,SC2031,SC2154 # bats sets output and stderr, and runs each test in a subshell

load helper

setup() {
  isolate
  pid=
}

# A frame that was not interrupted would go on for a minute.
teardown() { [ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null || true; }

# frame [VARIABLE=VALUE…] [FLAG…]
frame() { driver frame "$@"; }

# interrupted SIGNAL BODY: interrupts the body; it ends with 130 in time.
interrupted() {
  local code=0 started took
  # exec, so that $! is node itself.
  (exec env -i PATH="$PWD/bin:$PATH" BODY="$2" "${GOOD[@]}" node "$DRIVERS/frame.js" 2>said) &
  pid=$!
  for _ in {1..600}; do
    ! grep -q 'ready to be interrupted' said || break
    sleep 0.05
  done
  sleep 0.2
  started=$(own_milliseconds)
  kill "-$1" "$pid"
  wait "$pid" || code=$?
  took=$(($(own_milliseconds) - started))
  is "$code" 130
  has "$(<said)" "frame: interrupted (SIG$1); nothing is lost, go on with: make frame"
  ((took < 2000)) || { echo "took $took ms" && return 1; }
}

@test "step: a body that works ends with 0; progress on standard error, results on standard output" {
  run -0 --separate-stderr frame
  is "$output" "the result"
  says "== frame  a step of the tests (guide: Some section)"
  says "  ✓ something was done"
  [[ ${stderr_lines[2]} =~ ^\ +frame:\ done\ in\ [0-9]+\.[0-9]\ s$ ]]
}

@test "step: --help prints settings and exit codes, whatever the settings" {
  run -0 --separate-stderr frame --help MP_FLOAT_DNS= MP_PORT=x
  has "$output" "guide: Some section"
  has "$output" "MP1_DNS, MP2_DNS, …  one at least  give the permanent FQDN of each instance"
  has "$output" "MP_FLOAT_DNS         required      give the floating FQDN"
  has "$output" "DNS_TTL              default 30"
  has "$output" "--json     print JSON"
  has "$output" "exit codes: 0 done or already so, 1 failed, 2 wrong settings (nothing touched), 130 interrupted"
  is "$stderr" ""
}

@test "step: --help of a script with exit codes of its own prints them in their order" {
  run -0 script status --help
  has "$output" "exit codes: 0 ready, 1 broken, or failed, 2 wrong settings (nothing touched), 3 degraded, 130 interrupted"
  run -0 script rejoin --help
  has "$output" "(nothing touched), 4 begun but not finished (run it again), 130 interrupted"
  run -0 script passwords --help
  has "$output" "POSTGRES_PASSWORD   optional  run"
  lacks "$output" MP1_DNS
}

@test "step: an unknown flag is refused" {
  run -2 --separate-stderr frame --jsno
  says "ERROR: frame: usage Unknown option '--jsno'"
  says "Nothing was touched."
  is "$output" ""
}

@test "step: a stray word is refused" {
  run -2 --separate-stderr frame mp1
  says "ERROR: frame: usage Unexpected argument 'mp1'"
}

@test "step: a flag of the script's own reaches it" {
  run -0 --separate-stderr frame --json
  is "${lines[0]}" "{}"
}

@test "step: a failure ends with 1, and says what, details and what next" {
  run -1 --separate-stderr frame BODY=fails
  is "$(tail -n4 <<<"$stderr")" $'ERROR: frame: the release is stuck\n  | pod a\n  | pod b\n  next: helm rollback'
  lacks "$stderr" "done in"
}

@test "step: a failure without advice says how to run it again" {
  run -1 --separate-stderr frame BODY="fails without advice"
  says "next: mend the cause, then run it again: make frame"
}

@test "step: what was begun but not finished ends with 4" {
  run -4 frame BODY="is not finished"
}

@test "step: a body that found the pair degraded ends with 3" {
  run -3 frame BODY="is degraded"
}

@test "step: a mistake in the program is called one; its stack is shown with --verbose only" {
  run -1 --separate-stderr frame BODY=crashes
  says "ERROR: frame: x is not a function"
  says "this is a mistake in this program"
  lacks "$stderr" "at "
  run -1 --separate-stderr frame BODY=crashes --verbose
  says "frame.ts:"
}

@test "step: missing tools are reported with everything else, before the body" {
  run -2 --separate-stderr frame TOOLS="kubectl no-such-tool neither-this" MP_FLOAT_DNS=
  says "ERROR: frame: MP_FLOAT_DNS is not set"
  says "ERROR: frame: PATH no-such-tool is not found"
  says "ERROR: frame: PATH neither-this is not found"
  lacks "$stderr" "PATH kubectl"
  lacks "$stderr" "something was done"
}

@test "step: a secret is blotted out, in our words, in a tool's and in its arguments" {
  printf '#!/bin/sh\necho "denied for postgres-secret-1" >&2\nexit 1\n' >bin/kubectl
  run -1 --separate-stderr frame BODY="shows secrets" --verbose
  says "password ********"
  says "| denied for ********"
  says "command: kubectl fail --password=********"
  lacks "$output$stderr" admin-secret-4
  lacks "$output$stderr" postgres-secret-1
}

@test "step: a secret as short as the guide's admin does not blot out ordinary text" {
  run -1 --separate-stderr frame BODY="shows secrets" LDAP_BIND_PASSWORD=admin
  says "short admin"
}

@test "step: passwords do not reach the environment of other programs" {
  printf '#!/bin/sh\nenv >environment\n' >bin/kubectl
  run -0 frame BODY="calls kubectl"
  has "$(<environment)" "KUBECONFIG="
  lacks "$(<environment)" secret
}

@test "step: --dry-run and DRY_RUN=1 say so, and refuse a call that changes something" {
  plan kubectl get </dev/null
  local how
  for how in --dry-run DRY_RUN=1; do
    rm -f calls
    run -1 --separate-stderr frame BODY="changes something" "$how"
    says "~ would do something"
    says "--dry-run must not be calling kubectl"
    is "$(calls)" "kubectl get"
  done
  run -0 --separate-stderr frame --dry-run
  says "frame: dry run, nothing changed in"
}

@test "step: SIGINT ends a pause with 130 at once" { interrupted INT "waits long"; }
@test "step: SIGTERM ends a pause with 130 at once" { interrupted TERM "waits long"; }
@test "step: SIGINT ends a wait with 130 at once" { interrupted INT "polls long"; }

@test "step: SIGINT ends the program that runs" {
  printf '#!/bin/sh\necho $$ >child\nexec sleep 60\n' >bin/kubectl
  interrupted INT "runs long"
  is_gone "$(<child)"
}

@test "step: SIGINT does not wait for a program that will not end" {
  printf '#!/bin/bash\ntrap "" INT TERM\necho $$ >child\nwhile sleep 0.1; do :; done\n' >bin/kubectl
  interrupted INT "runs long"
  kill -KILL "$(<child)" || true
}

@test "step: SIGINT does not wait for a key that is being made" { interrupted INT "computes long"; }

@test "step: colours on a terminal, none with NO_COLOR or elsewhere" {
  command -v /usr/bin/script >/dev/null || skip "needs script of util-linux for a terminal"
  local line colour=$'\e[32m'
  # script has $SHELL run the line, which is bash's.
  export SHELL=$BASH
  line="$(declare -p GOOD DRIVERS BATS_TEST_TMPDIR); $(declare -f frame driver run_file in_environment); frame"
  has "$(/usr/bin/script -qec "$line TERM=xterm" /dev/null)" "$colour"
  lacks "$(/usr/bin/script -qec "$line TERM=xterm NO_COLOR=1" /dev/null)" $'\e[3'
  lacks "$(/usr/bin/script -qec "$line TERM=dumb" /dev/null)" $'\e['
  run -0 --separate-stderr frame
  lacks "$stderr" $'\e'
}

@test "step: files that other programs write for us are private" {
  printf '#!/bin/sh\ntouch made\n' >bin/kubectl
  run -0 frame BODY="calls kubectl"
  is "$(stat -c %a made)" 600
}
