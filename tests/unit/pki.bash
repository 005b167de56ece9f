# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # what bats reads and sets
# For the tests of pki: a state folder that pki made once for the whole file, and a look at certificates with openssl.

# Keys are made in no time when other tests have had them (keys.ts).
NEW_KEY=ec:$BATS_TEST_DIRNAME/fixtures/prime256v1.pem
GOOD+=("NODE_OPTIONS=--import=$DRIVERS/keys.js")

# Call it in setup_file.
make_pki_once() {
  local BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR
  isolate
  script pki
}

# Gives this test a copy of its own. Call it in setup, after isolate.
copy_pki() { cp -a "$BATS_FILE_TMPDIR"/{state,keys-used} .; }

pki() { script pki "$@"; }

LEAVES=(state/mp1/tsb_certs.crt state/mp1/xcp-central-cert.crt state/mp2/tsb_certs.crt state/mp2/xcp-central-cert.crt)

# extension FILE NAME: its value in one line, e.g. "CA:TRUE, pathlen:0"; with the word critical before it where it is so.
extension() {
  openssl x509 -in "$1" -noout -ext "$2" | sed -e '1s/^[^:]*:\s*//' -e 's/^\s*//' -e 's/\s*$//' | paste -sd' ' | sed 's/^ //'
}

# field FILE OPTION: what `openssl x509 -noout OPTION` prints after its equals sign, e.g. field ca.crt -serial
field() { openssl x509 -in "$1" -noout "$2" | sed 's/^[^=]*=\s*//'; }

# days FILE: whole days from begin to end.
days() {
  echo $((($(date -d "$(field "$1" -enddate)" +%s) - $(date -d "$(field "$1" -startdate)" +%s)) / 86400))
}

# pair FILE: FILE.crt and FILE.key belong together.
pair() { is "$(openssl x509 -in "$1.crt" -noout -pubkey)" "$(openssl pkey -in "$1.key" -pubout)"; }

# prints name, inode, time and content of every file of a folder: the same text means that none was written.
snapshot() { find "$1" -type f -printf '%p %i %T@ ' -exec sha256sum {} \; | sort; }

# changed SNAPSHOT: the files that are not as in it, by their names below the state folder, in one line.
changed() { snapshot state | grep -vxFf <(printf '%s\n' "$1") | sed 's/^state\/\([^ ]*\).*/\1/' | paste -sd' '; }

# root NAME [OPENSSL-OPTION…]: makes NAME.crt and NAME.key, a root as operators have them. Its key is there at once.
root() {
  local name=$1
  shift
  openssl req -x509 -newkey "$NEW_KEY" -nodes -keyout "$name.key" -out "$name.crt" -subj "/O=Acme/CN=$name" -days 400 \
    -addext keyUsage=critical,keyCertSign,cRLSign "$@" 2>/dev/null
}

# Every leaf holds against the root, by the strictest reading.
all_hold() {
  run -0 openssl verify -x509_strict -purpose sslserver -CAfile state/ca/ca.crt "${LEAVES[@]}"
  local leaf
  for leaf in "${LEAVES[@]}"; do
    has "$output" "$leaf: OK"
    pair "${leaf%.crt}"
  done
}
