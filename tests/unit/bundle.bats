#!/usr/bin/env bats
# bundle: what make starts the scripts from.
# shellcheck disable=SC2154 # bats sets output

load helper

@test "bundle: is made again when a source is newer, and not else" {
  run -0 make -n -C "$ROOT" dns-plan
  lacks "$output" esbuild
  run -0 make -n -W lib/step.ts -C "$ROOT" dns-plan
  has "$output" esbuild
  has "$output" "node .build/dns-plan.mjs"
}

@test "bundle: a script in it does what its source does" {
  isolate
  run -0 --separate-stderr script dns-plan --help
  local bundled=$output
  run -0 --separate-stderr in_environment node --import "$ROOT/node_modules/tsx/dist/loader.mjs" "$ROOT/scripts/dns-plan.ts" --help
  is "$bundled" "$output"
}
