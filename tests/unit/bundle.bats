#!/usr/bin/env bats
# bundle: what make starts the scripts from.
# shellcheck disable=SC2154 # bats sets output

load helper

@test "bundle: is made again when a source is newer, and not else" {
  make -s -C "$ROOT" .build/made
  run -0 make -n -C "$ROOT" dns-plan
  lacks "$output" tools/bundle
  run -0 make -n -W lib/step.ts -C "$ROOT" dns-plan
  has "$output" tools/bundle
  has "$output" "node .build/dns-plan.mjs"
}

@test "bundle: a script in it does what its source does" {
  make -s -C "$ROOT" .build/made
  isolate
  run -0 --separate-stderr in_environment node "$ROOT/.build/dns-plan.mjs" --help
  local bundled=$output
  run -0 --separate-stderr script dns-plan --help
  is "$bundled" "$output"
}
