/** Driver for renew.bats, rotate-root.bats, upgrade.bats and uninstall.bats: lib's pure functions, their results as JSON. */

import {
  certificatesIn,
  differingPaths,
  pathsHolding,
  withCertificates,
  withTrust,
} from "../../lib/certificate-values.ts";
import { Cluster, type KubeObject } from "../../lib/cluster.ts";
import { removalScript } from "../../lib/dns-rfc2136.ts";
import { contentsOf, isOurs } from "../../lib/namespace-contents.ts";
import * as output from "../../lib/output.ts";
import { readRootCa } from "../../lib/pki.ts";
import { adoptNewRoot, beginRotation, completePhase, readRotation, trustBoth } from "../../lib/root-rotation.ts";
import { step } from "../../lib/step.ts";
import { certificatesOf } from "../../lib/trust.ts";
import { leftByHelm } from "../../lib/uninstall-plan.ts";
import { compareVersions } from "../../lib/upgrade.ts";

const values = {
  image: { tag: "1.12.0" },
  secrets: { tsb: { cert: "old", key: "old", adminPassword: "kept" }, xcp: { central: { cert: "old", key: "old" } } },
  extra: { list: ["kept"] },
};
const mine = (kind: string, name: string, metadata: object = {}): KubeObject => ({
  ...{ apiVersion: "v1", kind },
  metadata: { name, ...metadata },
});
const kept = { "helm.sh/resource-policy": "keep", "meta.helm.sh/release-name": "mp" };
const objects: KubeObject[] = [
  mine("Secret", "iam-signing-key"),
  mine("Secret", "tsb-certs", { annotations: kept }),
  mine("Secret", "sh.helm.release.v1.mp.v1", { labels: { owner: "helm", name: "mp" } }),
  mine("Secret", "sh.helm.release.v1.other.v1", { labels: { owner: "helm", name: "other" } }),
  mine("Deployment", "tsb-operator-management-plane", { annotations: { "meta.helm.sh/release-name": "mp" } }),
  mine("Secret", "made-by-operator", { labels: { "app.kubernetes.io/managed-by": "tsb-operator" } }),
  mine("ConfigMap", "made-by-us", { managedFields: [{ manager: "tsb-active-standby" }] }),
  { ...mine("ManagementPlane", "managementplane"), apiVersion: "install.tetrate.io/v1alpha1" },
  { ...mine("Thing", "nottetrate"), apiVersion: "evil-tetrate.io.example.com/v1" },
  mine("ConfigMap", "theirs", { labels: { "app.kubernetes.io/managed-by": "Helm" } }),
  mine("PersistentVolumeClaim", "theirs", { managedFields: [{ manager: "kubectl-create" }] }),
];
const permissions = [mine("Role", "tsb-active-standby"), mine("RoleBinding", "tsb-active-standby")];
/** Why namespace tsb stays when these are in it. */
async function whyItStays(found: KubeObject[]): Promise<string> {
  const cluster: Cluster = Object.assign(Object.create(Cluster.prototype), {
    kubectl: async () => "things\n",
    get: async () => found,
  });
  const { stays = "it goes", foreign } = await contentsOf(cluster, ownership);
  return `${stays} (${foreign.length})`;
}
const ownership = { namespace: "tsb", release: "mp", names: ["Secret/iam-signing-key"] };

await step({ name: "upkeep", summary: "", guide: "", needs: ["MP_FLOAT_DNS"] }, async (settings, { state }) => {
  const [first = "", second = ""] = (process.env.VERSIONS ?? "").split(" ");
  const roots = () => certificatesOf(readRootCa(state)).length;
  const cases: Record<string, () => unknown> = {
    versions: () => Math.sign(compareVersions(first, second)),
    values: () => withCertificates(values, { tsbCert: "new", tsbKey: "new" }),
    certificates: () => certificatesIn(values),
    trust: () => withTrust({ spec: "kept" }, "new"),
    differences: () => differingPaths(values, { ...values, image: { tag: "1.12.1" }, more: 1 }),
    holding: () => pathsHolding({ a: { b: ["x", "  line1\n    line2\n"] }, c: "line1line" }, "line1\nline2"),
    ours: () => objects.filter((object) => isOurs(object, ownership)).map(({ metadata }) => metadata.name),
    stays: async () => [
      await whyItStays([]),
      await whyItStays(permissions),
      await whyItStays([...permissions, mine("ConfigMap", "theirs"), mine("Secret", "iam-signing-key")]),
    ],
    left: () => leftByHelm(objects.filter((object) => isOurs(object, ownership))).map(({ metadata }) => metadata.name),
    removal: () =>
      removalScript(
        { server: { host: "192.0.2.53", port: 53 }, zone: "tsb.example.com", keyFile: "key", timeoutSeconds: 1 },
        [{ name: "mp2.tsb.example.com", seen: { kind: "found", cname: "lb.example.net", addresses: [], ttl: 5 } }],
      ),
    begin: async () => {
      const rotation = await beginRotation(state, settings);
      trustBoth(state, rotation);
      return { ...rotation, begun: "", roots: roots() };
    },
    adopt: () => {
      const rotation = readRotation(state);
      if (!rotation) throw new Error("none");
      adoptNewRoot(state, rotation, settings.instances);
      return { roots: roots() };
    },
    complete: () => {
      const rotation = readRotation(state);
      if (!rotation || rotation.phase === "done") throw new Error("none under way");
      return completePhase(state, rotation, rotation.phase).phase;
    },
  };
  const chosen = cases[process.env.CASE ?? ""];
  output.result(JSON.stringify(await chosen?.()));
});
