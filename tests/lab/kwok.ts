import { stringify } from "yaml";

/** What KWOK needs to know of the cluster whose kubelets it plays. */
export interface KwokSettings {
  /** Address that load balancers get. */
  readonly frontAddress: string;
  /** Working folder of `kubectl exec`. */
  readonly dir: string;
  /** Log of containers that are the operator. */
  readonly operatorLog: string;
  /** Log of all other containers. */
  readonly podsLog: string;
  /** PATH of `kubectl exec`. */
  readonly path: string;
  readonly pace: number;
}

/** Containers of these names are the operator; KWOK selects logs by container, not by the pod's labels. */
const operatorContainers = ["tsb-operator", "operator", "manager"];

/** Seconds until a load balancer has its address, at pace 1. */
const loadBalancerSeconds = 1;

/** KWOK's configuration for one cluster, beside kwok-stages.yaml: load balancers, logs, exec, port-forward. */
export function kwokConfig(settings: KwokSettings): string {
  const { frontAddress, dir, operatorLog, podsLog, path } = settings;
  const hostname = '{{ index .metadata.annotations "lab/lb-hostname" | Quote }}';
  const documents = [
    loadBalancerStage("hostname", `hostname: ${hostname}`, "Exists", settings.pace),
    loadBalancerStage("ip", `ip: ${frontAddress}`, "DoesNotExist", settings.pace),
    resource("ClusterLogs", {
      logs: [
        { logsFile: podsLog, follow: true },
        { containers: operatorContainers, logsFile: operatorLog, follow: true },
      ],
    }),
    resource("ClusterExec", {
      execs: [
        { local: { workDir: dir, envs: variables({ PATH: path, PGHOST: `${dir}/postgres/socket`, PGPORT: "5432" }) } },
      ],
    }),
    resource("ClusterPortForward", {
      forwards: [443, 8443, 9443, 5432].map((port) => ({ ports: [port], target: { address: frontAddress, port } })),
    }),
  ];
  return documents.map((document) => stringify(document)).join("---\n");
}

/** Gives a Service of type LoadBalancer its address after a while, as a cloud does. */
function loadBalancerStage(name: string, ingress: string, annotation: "Exists" | "DoesNotExist", pace: number): object {
  return {
    ...resource("Stage", {
      resourceRef: { apiGroup: "v1", kind: "Service" },
      selector: {
        matchExpressions: [
          { key: ".spec.type", operator: "In", values: ["LoadBalancer"] },
          { key: ".status.loadBalancer.ingress", operator: "DoesNotExist" },
          { key: '.metadata.annotations["lab/lb-hostname"]', operator: annotation },
        ],
      },
      delay: { durationMilliseconds: Math.round(loadBalancerSeconds * 1000 * pace) },
      next: {
        patches: [
          { subresource: "status", root: "status", type: "merge", template: `loadBalancer: {ingress: [{${ingress}}]}` },
        ],
      },
    }),
    metadata: { name: `load-balancer-${name}` },
  };
}

function resource(kind: string, spec: object): object {
  return { apiVersion: "kwok.x-k8s.io/v1alpha1", kind, metadata: { name: "lab" }, spec };
}

function variables(env: Record<string, string>): { name: string; value: string }[] {
  return Object.entries(env).map(([name, value]) => ({ name, value }));
}
