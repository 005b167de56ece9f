#!/usr/bin/env bats
# uninstall: what is ours in a namespace (by upkeep.ts), and settings that are refused.
# shellcheck disable=SC2154 # bats sets output and stderr

load helper

setup() { isolate; }

@test "uninstall: only what bears a mark of ours or of TSB's operator, or has a known name, is ours" {
  run -0 --separate-stderr driver upkeep CASE=ours
  is "$output" '["iam-signing-key","tsb-certs","sh.helm.release.v1.mp.v1","tsb-operator-management-plane","made-by-operator","made-by-us","managementplane"]'
}

@test "uninstall: a namespace with our permissions in it is an administrator's, and stays; they are nobody else's things" {
  run -0 --separate-stderr driver upkeep CASE=stays
  is "$output" '["it goes (0)","for an administrator made it, with our permissions in it (docs/rbac) (0)","for these are not ours: ConfigMap/theirs (1)"]'
}

@test "uninstall: what helm removes by itself is left to helm" {
  run -0 --separate-stderr driver upkeep CASE=left
  is "$output" '["iam-signing-key","tsb-certs","made-by-operator","made-by-us"]'
}

@test "uninstall: the names' records go in one transaction, unless a CNAME is another one by now" {
  run -0 --separate-stderr driver upkeep CASE=removal
  has "$output" 'prereq yxrrset mp2.tsb.example.com. IN CNAME lb.example.net.\nupdate delete mp2.tsb.example.com. IN A\n'
}

@test "uninstall: an instance must be named, and be one of the settings'" {
  run -2 --separate-stderr script uninstall
  says "MP is not set"
  run -2 --separate-stderr script uninstall MP=mp7
  says "MP is mp7, but MP7_DNS is not set"
  run -2 --separate-stderr script uninstall MP=mp2 CONFIRM=yes
  says 'CONFIRM "yes" is not the name of an instance'
  nothing_touched
}
