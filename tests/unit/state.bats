#!/usr/bin/env bats
# state: files that are there whole or not at all (by library.ts).
# shellcheck disable=SC2154 # bats sets output and stderr

load helper

setup() { isolate; }

@test "state: files are private, and nothing else is left beside them" {
  run -0 --separate-stderr driver library CASE=write
  is "$output" "$PWD/state/mp1/file"
  is "$(stat -c %a state state/mp1 state/mp1/file | paste -sd' ')" "700 700 600"
  is "$(ls state/mp1)" file
}

@test "state: a file that was open to others is private once written" {
  mkdir -p state/mp1
  chmod 755 state
  echo old >state/mp1/file
  chmod 644 state/mp1/file
  run -0 driver library CASE=write
  is "$(stat -c %a state state/mp1/file | paste -sd' ')" "700 600"
  is "$(<state/mp1/file)" new
}

@test "state: what can't be written whole leaves the old file, and says so" {
  mkdir -p state/mp1
  echo old >state/mp1/file
  # A limit on the size of files fails half way, as a full disk does.
  ulimit -f 16
  run -1 --separate-stderr driver library CASE="write much"
  says "ERROR: library: can't write $PWD/state/mp1/file: EFBIG"
  says "nothing was lost"
  is "$(<state/mp1/file)" old
  is "$(ls state/mp1)" file
}

@test "state: what must never be replaced is not" {
  run -0 driver library CASE=create
  echo old >state/mp1/file
  run -1 --separate-stderr driver library CASE=create
  says "ERROR: library: another run has made $PWD/state/mp1/file meanwhile"
  is "$(<state/mp1/file)" old
  is "$(ls state/mp1)" file
}

@test "state: reads undefined where there is nothing, and complains of what it can't read" {
  run -0 --separate-stderr driver library CASE=read
  is "$output" undefined
  mkdir -p state/mp1/file
  run -1 --separate-stderr driver library CASE=read
  says "ERROR: library: can't read $PWD/state/mp1/file: EISDIR"
}

@test "state: what a run that was killed left half-made goes with the next run, what another one writes stays" {
  local here
  here=$(machine)
  mkdir -p state/mp1 state/charts/repo/arriving-"$here"-{999999,$$}-x
  touch state/mp1/{file."$here"-999999.tmp,file."$here"-$$.tmp,kept.tmp}
  run -0 driver library CASE=read
  is "$(unfinished)" "./charts/repo/arriving-$here-$$-x ./mp1/file.$here-$$.tmp ./mp1/kept.tmp"
}

@test "state: what another machine writes into a shared folder stays, whatever its process is called here, but not for ever" {
  mkdir -p state/mp1
  touch state/mp1/{late.00000000-999999.tmp,late.00000000-$$.tmp}
  touch -d "2 days ago" state/mp1/old.00000000-$$.tmp
  run -0 driver library CASE=read
  is "$(unfinished)" "./mp1/late.00000000-$$.tmp ./mp1/late.00000000-999999.tmp"
}

@test "state: a file on its way bears the mark of machine and process" {
  driver library CASE="many at once" &
  until compgen -G 'state/mp1/file.*.tmp' >arriving; do kill -0 $!; done
  wait $!
  [[ $(<arriving) =~ ^state/mp1/file\.$(machine)-[0-9]+\.tmp$ ]]
}

# machine: as the names of unfinished files tell it.
machine() { uname -n | tr -d '\n' | sha256sum | cut -c 1-8; }

unfinished() { (cd state && find . -name '*.tmp' -o -name 'arriving-*') | LC_ALL=C sort | paste -sd' '; }

@test "state: of two writers at once, one wins whole" {
  driver library CASE="many at once" &
  driver library CASE="many at once"
  wait "$!"
  is "$(sort -u state/mp1/file | wc -l) $(wc -l <state/mp1/file)" "1 1000"
}

@test "state: a file of the user's own is written without changing its folder" {
  mkdir -m 755 elsewhere
  run -0 driver library CASE="write elsewhere"
  is "$(stat -c %a elsewhere elsewhere/file | paste -sd' ')" "755 600"
}
