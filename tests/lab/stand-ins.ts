import type { Lab, LabCluster, StandIn } from "./lab.ts";
import { controlPlaneStandIn } from "./stand-in-cp.ts";
import { managementPlaneStandIn } from "./stand-in-mp.ts";

/** The stand-in for the TSB software of one cluster. */
export function standInFor(lab: Lab, cluster: LabCluster): StandIn {
  return cluster.kind === "mp" ? managementPlaneStandIn(lab, cluster) : controlPlaneStandIn(lab, cluster);
}
