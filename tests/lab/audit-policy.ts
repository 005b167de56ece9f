import { stringify } from "yaml";

const changes = ["create", "update", "patch", "delete", "deletecollection"];

/**
 * Audit policy that records just what people and their tools change: not the control plane's own work, not the
 * stand-in operator's, and no request that only looks like a write (exec, access reviews).
 */
export const auditPolicy = stringify({
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  omitStages: ["RequestReceived"],
  rules: [
    {
      level: "None",
      users: [
        "system:apiserver",
        "system:kube-controller-manager",
        "system:kube-scheduler",
        "kwok",
        "lab",
        "tsb-operator",
      ],
    },
    { level: "None", userGroups: ["system:serviceaccounts:kube-system"] },
    {
      level: "None",
      resources: [
        { group: "", resources: ["events", "pods/exec", "pods/attach", "pods/portforward"] },
        { group: "events.k8s.io" },
        { group: "coordination.k8s.io" },
        { group: "authorization.k8s.io" },
        { group: "authentication.k8s.io" },
      ],
    },
    { level: "Metadata", resources: [{ group: "", resources: ["secrets"] }], verbs: changes },
    // With what was asked for, so that a test can see that it holds no secret.
    { level: "Request", verbs: changes },
    { level: "None" },
  ],
});
