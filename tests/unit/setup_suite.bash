# shellcheck shell=bash
# Run by bats once around all files it was given. The tests run the scripts as make does, from the bundle. Their own
# programs are compiled here: that takes less time than tsx takes to start one of them.

setup_suite() {
  local root
  root=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
  make -s -C "$root" .build/made
  # Below node_modules, where the packages are found.
  DRIVERS=$(mktemp -d "$root/node_modules/.drivers-XXXXXX")
  export DRIVERS
  (cd "$root" && node_modules/.bin/esbuild tests/unit/*.ts --bundle --splitting --packages=external --format=esm \
    --platform=node --target=node20 --sourcemap --outdir="$DRIVERS" --log-level=error)
}

teardown_suite() { rm -r "$DRIVERS"; }
