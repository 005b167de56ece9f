# shellcheck shell=bash
# Run by bats once around all files it was given. The tests run the scripts as make does, from the bundle. Their own
# programs are compiled here: that takes less time than tsx takes to start one of them.

# make_drivers ROOT: sets DRIVERS, the folder of these programs. tests/run calls it, once for all that run side by side.
make_drivers() {
  make -s -C "$1" .build/made
  # Node 20 reads all certificates in this file at every start, which takes as long as the rest; the tests trust none.
  unset NODE_EXTRA_CA_CERTS
  # Below node_modules, where the packages are found.
  DRIVERS=$(mktemp -d "$1/node_modules/.drivers-XXXXXX")
  export DRIVERS
  (
    cd "$1" || return
    local options=(--bundle --splitting --packages=external --format=esm --platform=node --target=node20 --sourcemap)
    node_modules/.bin/esbuild tests/unit/*.ts "${options[@]}" --outdir="$DRIVERS" --log-level=error &&
      node_modules/.bin/esbuild lib/*.ts "${options[@]}" --outdir="$DRIVERS/lib" --log-level=error
  )
}

setup_suite() {
  [ -z "${DRIVERS:-}" ] || return 0
  make_drivers "$(cd "$BATS_TEST_DIRNAME/../.." && pwd)"
  OWN_DRIVERS=$DRIVERS
}

teardown_suite() { [ -z "${OWN_DRIVERS:-}" ] || rm -r "$OWN_DRIVERS"; }
