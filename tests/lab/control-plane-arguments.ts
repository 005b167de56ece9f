import { join } from "node:path";
import type { Tools } from "./build-tools.ts";
import type { CertificateAuthority } from "./certificates.ts";

/** What one cluster's control plane is made from. */
export interface ControlPlaneOptions {
  readonly name: string;
  readonly dir: string;
  /** Address of etcd, API server and node. */
  readonly address: string;
  readonly frontAddress: string;
  readonly pace: number;
  readonly tools: Tools;
  /** PATH of `kubectl exec`. */
  readonly path: string;
}

const controllers = [
  "deployment",
  "replicaset",
  "statefulset",
  "job",
  "namespace",
  "garbage-collector",
  "endpointslice",
  "serviceaccount",
];

/** Arguments of etcd: fast rather than safe against power cuts; it still survives SIGKILL. */
export function etcdArguments({ name, dir, address }: ControlPlaneOptions): string[] {
  const [client, peer] = [`http://${address}:2379`, `http://${address}:2380`];
  return [
    `--name=${name}`,
    `--data-dir=${join(dir, "etcd")}`,
    "--unsafe-no-fsync",
    "--log-level=warn",
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=${name}=${peer}`,
  ];
}

/** Arguments of the API server: RBAC, client certificates, an audit log, the node's own kubelet certificate checked. */
export function apiServerArguments({ dir, address }: ControlPlaneOptions, ca: CertificateAuthority): string[] {
  const [serving, kubelet, accounts] = [ca.files("apiserver"), ca.files("kubelet-client"), ca.files("service-account")];
  return [
    `--etcd-servers=http://${address}:2379`,
    `--bind-address=${address}`,
    `--advertise-address=${address}`,
    "--secure-port=6443",
    `--tls-cert-file=${serving.certFile}`,
    `--tls-private-key-file=${serving.keyFile}`,
    `--client-ca-file=${ca.caFile}`,
    "--service-account-issuer=https://kubernetes.default.svc",
    // The certificate: of a PKCS #8 key the API server would not find the public half.
    `--service-account-key-file=${accounts.certFile}`,
    `--service-account-signing-key-file=${accounts.keyFile}`,
    "--service-cluster-ip-range=10.96.0.0/16",
    "--authorization-mode=RBAC",
    `--kubelet-client-certificate=${kubelet.certFile}`,
    `--kubelet-client-key=${kubelet.keyFile}`,
    `--kubelet-certificate-authority=${ca.caFile}`,
    "--kubelet-preferred-address-types=InternalIP",
    // No controller here lifts the not-ready taint, makes tokens, or takes the "in use" finalizer off volume claims.
    "--disable-admission-plugins=ServiceAccount,TaintNodesByCondition,StorageObjectInUseProtection",
    "--endpoint-reconciler-type=none",
    `--audit-policy-file=${join(dir, "audit-policy.yaml")}`,
    `--audit-log-path=${join(dir, "audit.log")}`,
  ];
}

/** Arguments of the controller manager. Port 0: two clusters would fight over the default one. */
export function controllerManagerArguments(kubeconfig: string): string[] {
  return [
    `--kubeconfig=${kubeconfig}`,
    "--leader-elect=false",
    // Without it the controllers act as a user who may do almost nothing.
    "--use-service-account-credentials",
    `--controllers=${controllers.map((name) => `${name}-controller`).join(",")}`,
    "--secure-port=0",
  ];
}

/** Arguments of the scheduler. */
export function schedulerArguments(kubeconfig: string): string[] {
  return [`--kubeconfig=${kubeconfig}`, "--leader-elect=false", "--secure-port=0"];
}

/** Arguments of KWOK, which plays the kubelets of all nodes. */
export function kwokArguments(
  { dir, address }: ControlPlaneOptions,
  ca: CertificateAuthority,
  kubeconfig: string,
): string[] {
  const kubelet = ca.files("kubelet");
  return [
    `--kubeconfig=${kubeconfig}`,
    "--manage-all-nodes",
    `--config=${join(import.meta.dirname, "kwok-stages.yaml")}`,
    `--config=${join(dir, "kwok.yaml")}`,
    `--node-ip=${address}`,
    "--node-port=10250",
    `--server-address=${address}:10250`,
    `--tls-cert-file=${kubelet.certFile}`,
    `--tls-private-key-file=${kubelet.keyFile}`,
    "--node-lease-duration-seconds=40",
  ];
}
