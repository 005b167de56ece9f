#!/usr/bin/env bats
# passwords: fills the empty ones of the env file.
# shellcheck disable=SC2030,SC2031,SC2154 # bats sets output and stderr, and runs each test in a subshell

load helper

setup() { isolate; }

# passwords [ENV_FILE=…] [FLAG…]: the settings are as incomplete as on the first day.
passwords() {
  # shellcheck disable=SC2034 # the helper reads it
  GOOD=()
  script passwords "$@"
}

# value FILE NAME: what a shell reads from the file.
# shellcheck disable=SC1090 # a file that the test makes
value() { (set -a && source "./$1" && printenv "$2"); }

# Every line but those of the passwords.
others() { grep -v PASSWORD "$1"; }

@test "passwords: fills the empty ones with 32 letters and digits, each its own" {
  cp "$ROOT/env.example" .env
  passwords ENV_FILE=.env
  local name all=''
  for name in POSTGRES_PASSWORD ELASTIC_PASSWORD TSB_ADMIN_PASSWORD; do
    [[ $(value .env "$name") =~ ^[A-Za-z0-9]{32}$ ]]
    all+=$(value .env "$name")$'\n'
  done
  is "$(sort -u <<<"$all" | grep -c .)" 3
}

@test "passwords: keeps those that are set, and every other byte" {
  printf '# top\r\n\nPOSTGRES_PASSWORD=mine # c\n  ELASTIC_PASSWORD = \nA="b c"\t\nLDAP_BIND_PASSWORD=admin\nTSB_ADMIN_PASSWORD=""# d\n\x27last' >settings
  cp settings before
  run -0 passwords ENV_FILE=settings
  is "$(others settings | od -c)" "$(others before | od -c)"
  is "$(grep -c . settings)" "$(grep -c . before)"
  has "$(<settings)" "POSTGRES_PASSWORD=mine # c"
  has "$(<settings)" "LDAP_BIND_PASSWORD=admin"
  [[ $(grep ELASTIC settings) =~ ^'  ELASTIC_PASSWORD ='[A-Za-z0-9]{32}$ ]]
  [[ $(grep ADMIN settings) =~ ^TSB_ADMIN_PASSWORD=[A-Za-z0-9]{32}' # d'$ ]]
}

@test "passwords: adds those that are missing at the end" {
  printf 'TSB_ORG=acme\nPOSTGRES_PASSWORD=p\n#ELASTIC_PASSWORD=' >settings
  run -0 passwords ENV_FILE=settings
  is "$(head -n3 settings)" $'TSB_ORG=acme\nPOSTGRES_PASSWORD=p\n#ELASTIC_PASSWORD='
  is "$(tail -n +4 settings | sed 's/=.*//' | paste -sd' ')" "ELASTIC_PASSWORD LDAP_BIND_PASSWORD TSB_ADMIN_PASSWORD"
}

@test "passwords: of two lines the last counts, and is filled" {
  printf 'POSTGRES_PASSWORD=old\nPOSTGRES_PASSWORD=\nexport POSTGRES_PASSWORD=\n' >settings
  run -0 passwords ENV_FILE=settings
  has "$(<settings)" $'POSTGRES_PASSWORD=old\nPOSTGRES_PASSWORD=\nexport POSTGRES_PASSWORD='
  is "$(value settings POSTGRES_PASSWORD | wc -c)" 33
}

@test "passwords: a second run changes nothing" {
  touch settings
  run -0 passwords ENV_FILE=settings
  local before
  before=$(stat -c '%i %y' settings; cat settings)
  run -0 --separate-stderr passwords ENV_FILE=settings
  is "$(stat -c '%i %y' settings; cat settings)" "$before"
  is "$(grep -c '= .*PASSWORD: is set in settings' <<<"$stderr")" 4
}

@test "passwords: never prints one" {
  printf 'TSB_ADMIN_PASSWORD=mine-already\n' >settings
  run -0 --separate-stderr passwords ENV_FILE=settings --verbose
  local name
  for name in POSTGRES_PASSWORD ELASTIC_PASSWORD LDAP_BIND_PASSWORD TSB_ADMIN_PASSWORD; do
    lacks "$output$stderr" "$(value settings "$name")"
  done
}

@test "passwords: the file is only for its owner, also where nothing was to fill" {
  touch settings
  chmod 644 settings
  run -0 --separate-stderr passwords ENV_FILE=settings
  is "$(stat -c %a settings)" 600
  chmod 640 settings
  run -0 --separate-stderr passwords ENV_FILE=settings
  is "$(stat -c %a settings)" 600
  says "only you can read it now"
}

@test "passwords: a link stays a link" {
  mkdir elsewhere
  touch elsewhere/settings
  ln -s elsewhere/settings .env
  run -0 passwords
  [ -L .env ]
  is "$(grep -c . elsewhere/settings)" 4
}

@test "passwords: --dry-run names what it would fill, and changes nothing" {
  echo POSTGRES_PASSWORD= >settings
  chmod 644 settings
  run -0 --separate-stderr passwords ENV_FILE=settings --dry-run
  says "would fill POSTGRES_PASSWORD in settings"
  is "$(stat -c %a settings; cat settings)" $'644\nPOSTGRES_PASSWORD='
}

@test "passwords: a missing file is refused, with the way to make one" {
  run -2 --separate-stderr passwords
  says 'ERROR: passwords: ENV_FILE can'"'"'t read ".env"'
  says "next: cp env.example .env"
  [ ! -e .env ]
}

@test "passwords: a file that is not UTF-8 is refused rather than mangled" {
  printf 'A=\xff\n' >settings
  run -2 --separate-stderr passwords ENV_FILE=settings
  says 'ENV_FILE "settings" is not UTF-8 text'
  is "$(od -An -c settings)" "$(printf 'A=\xff\n' | od -An -c)"
}

@test "passwords: a line that can't be filled without harm to another is refused" {
  printf 'NOTE="\nPOSTGRES_PASSWORD=\n"\n' >settings
  cp settings before
  run -1 --separate-stderr passwords ENV_FILE=settings
  says "ERROR: passwords: can't fill POSTGRES_PASSWORD"
  run -0 cmp settings before
}
