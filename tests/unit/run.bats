#!/usr/bin/env bats
# run: the one place that starts other programs (by library.ts).
# shellcheck disable=SC2030,SC2031,SC2154 # bats sets output and stderr, and runs each test in a subshell

load helper

setup() { isolate; }

# kubectl does what standard input says.
kubectl_is() {
  { echo '#!/bin/bash' && cat; } >bin/kubectl
}

@test "run: the output of a program that works" {
  plan kubectl "get pods" <<<"pod/tsb"
  run -0 --separate-stderr driver library CASE=run
  is "$output" "pod/tsb"
}

@test "run: a failure is told once: what we were doing, exit code, the program's words, the command" {
  kubectl_is <<<'echo "no such pods" >&2; exit 3'
  run -1 --separate-stderr driver library CASE=run
  says $'ERROR: library: calling kubectl failed (kubectl exit code 3)\n  | no such pods\n  | command: kubectl get pods\n'
  is "$(grep -c "no such pods" <<<"$stderr")" 1
}

@test "run: a program that somebody killed is not called a failure of its own" {
  kubectl_is <<<'kill -KILL $$'
  run -1 --separate-stderr driver library CASE=run
  says "ERROR: library: calling kubectl failed (kubectl was ended by SIGKILL)"
}

@test "run: advice of the caller is shown" {
  kubectl_is <<<'exit 1'
  run -1 --separate-stderr driver library CASE="run with advice"
  says "next: check the cluster"
}

@test "run: a long complaint is shortened to its beginning and end" {
  kubectl_is <<<'seq 1000 >&2; exit 1'
  run -1 --separate-stderr driver library CASE=run
  says $'  | 1\n  | 2\n  | …\n  | 992\n'
  says "  | 1000"
}

@test "run: arguments reach the program as they are, whatever a shell would make of them" {
  kubectl_is <<<'printf "<%s>" "$@"'
  run -0 --separate-stderr driver library CASE="run with awkward arguments"
  is "$output" $'<; touch harm><$(touch harm)><`touch harm`><a b><\'><"><><--flag><*><line\nbreak><\\>'
  [ ! -e harm ]
}

@test "run: input goes to standard input and nowhere else" {
  plan kubectl apply </dev/null
  run -0 --separate-stderr driver library CASE="run with input" --verbose
  is "$(<kubectl.stdin)" "a secret"
  lacks "$(calls)$output$stderr" "a secret"
}

@test "run: the user's ~/.bashrc is not read where no shell is above us, as under cron" {
  plan kubectl apply </dev/null
  mkdir home
  echo "touch $PWD/harm" >home/.bashrc
  run -0 in_environment SHLVL=0 CASE="run with input" node "$DRIVERS/library.js"
  [ ! -e harm ]
}

@test "run: a program that does not read its input is judged by its exit code" {
  kubectl_is <<<'exit 0'
  run -0 driver library CASE="run with much input"
  kubectl_is <<<'echo denied >&2; exit 1'
  run -1 --separate-stderr driver library CASE="run with much input"
  says "| denied"
}

@test "run: a program that hangs is ended, with all it started" {
  kubectl_is <<<'echo "connecting" >&2; sleep 60 & echo $! >pid; wait'
  SECONDS=0
  run -1 --separate-stderr driver library CASE="run with a time-out"
  ((SECONDS < 30))
  says "ERROR: library: calling kubectl: kubectl did not answer within 1 s"
  says "| connecting"
  is_gone "$(<pid)"
}

@test "run: a program that is not there" {
  run -1 --separate-stderr driver library CASE="run what is missing"
  says "ERROR: library: calling kubectl failed (no-such-tool exit code 127)"
}

@test "run: a failure may be looked at rather than thrown" {
  kubectl_is <<<'echo out; echo err >&2; exit 5'
  run -0 --separate-stderr driver library CASE=attempt
  is "$output" '{"exitCode":5,"stdout":"out\n","stderr":"err\n"}'
}

@test "run: a followed program's lines arrive one by one" {
  kubectl_is <<<'echo one; echo two; printf three; exit 7'
  run -0 --separate-stderr driver library CASE=follow
  says $'    one\n    two\n    three\n'
  is "$output" "ended 7"
}

@test "run: commands are shown with --verbose only" {
  plan kubectl "get pods" </dev/null
  run -0 --separate-stderr driver library CASE=run
  lacks "$stderr" "kubectl get pods"
  run -0 --separate-stderr driver library CASE=run --verbose
  says "$ kubectl get pods"
}

@test "run: the stub fails on a call that was not planned" {
  run -1 --separate-stderr driver library CASE=run
  says "unplanned call: kubectl get pods"
}
