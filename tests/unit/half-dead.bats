#!/usr/bin/env bats
# A failover from an active whose API server answers, but which can't be fenced: its nodes are gone and its pods never
# end, or we may not scale it. On the lab nodes do not die.
# shellcheck disable=SC2154 # bats sets output and stderr

load helper

setup() { isolate; }

# deployed REPLICAS READY: tsb and iam on mp1, and a pod of tsb that should have ended at once, if it should.
deployed() {
  plan kubectl "--context mp1 *get deployments,pods*" <<END
{"kind":"List","items":[
  {"kind":"Deployment","metadata":{"name":"tsb"},"spec":{"replicas":$1,"selector":{"matchLabels":{"app":"tsb"}}}},
  {"kind":"Deployment","metadata":{"name":"iam"},"spec":{"replicas":$1,"selector":{"matchLabels":{"app":"iam"}}}},
  {"kind":"Pod","metadata":{"name":"tsb-1","labels":{"app":"tsb"},"deletionGracePeriodSeconds":0},
   "status":{"conditions":[{"type":"Ready","status":"$2"}]}}]}
END
}

half_dead() { driver half-dead DNS_RESOLVER=127.0.0.1:1; }

@test "failover: pods that never end, on nodes that are gone, do not keep the standby from taking over" {
  deployed 0 Unknown
  run -0 --separate-stderr half_dead
  is "$output" "unfenced: true"
  has "$stderr" "pods on mp1 should have ended, and are not ready: their node may be gone"
  has "$stderr" "mp1 is NOT fenced: its pods never ended, but none of them is ready"
}

@test "failover: an active that serves, and that we may not scale, would be a second one: it stops" {
  deployed 1 True
  plan kubectl "--context mp1 *scale deployment/tsb*" 1 <<<""
  run -1 --separate-stderr half_dead
  has "$stderr" "scaling tsb and iam on mp1 to 0 failed"
  is "$output" ""
}
