/**
 * Driver for fuzz.bats: properties that hold whatever stands in a file or is answered. Prints the seed; FUZZ_SEED repeats
 * a run, FUZZ_RUNS (100) makes it longer.
 *
 * Usage: fuzz.ts   writes <case>.end: empty, or the counterexample
 */

import { writeFileSync } from "node:fs";
import fc from "fast-check";
import { parse, stringify } from "yaml";
import { keyPem, makeKey, makeRoot } from "../../lib/authority.ts";
import { ensureGrant, hasGrant, lostRules, withGrant } from "../../lib/bindings.ts";
import { parseCertificate } from "../../lib/certificate.ts";
import { Cluster, type KubeObject, objectsIn } from "../../lib/cluster.ts";
import { readSettings } from "../../lib/config.ts";
import { fillEmpty } from "../../lib/env-file.ts";
import { addressOf } from "../../lib/envoy.ts";
import { SettingsError, StepError } from "../../lib/errors.ts";
import { journalIn } from "../../lib/journal.ts";
import { at, isObject, isSame, type JsonObject } from "../../lib/json.ts";
import { complaints, isTakenUp, roleOf } from "../../lib/management-plane.ts";
import { isOurs } from "../../lib/namespace-contents.ts";
import { clusterStatus } from "../../lib/onboarding.ts";
import { isPair } from "../../lib/pki.ts";
import { presentable } from "../../lib/redaction.ts";
import { readRelease } from "../../lib/release.ts";
import { readDatabase } from "../../lib/replication.ts";
import { dataOf, portable } from "../../lib/secrets.ts";
import { readSecretsFile } from "../../lib/secrets-transfer.ts";
import { describeKey, readAccount } from "../../lib/service-account.ts";
import { certificateFacts } from "../../lib/status-certificates.ts";
import { hasKey, keyFacts, publicKeyIn, tokenKid } from "../../lib/status-keys.ts";
import { Tctl } from "../../lib/tctl.ts";
import { bundleOf, certificatesOf } from "../../lib/trust.ts";
import { activeRole, managementPlaneValues, valuesYaml, withUserValues } from "../../lib/values.ts";
import { isReady } from "../../lib/workloads.ts";
import { parsers } from "./parsers.ts";

const seed = Number(process.env.FUZZ_SEED) || Date.now() % 2 ** 31;
fc.configureGlobal({ seed, numRuns: Number(process.env.FUZZ_RUNS) || 100 });

/** Whether it ends well, or is refused in words for the operator. Anything else is a crash, and is thrown. */
function endsInWords(act: () => unknown): boolean {
  try {
    act();
  } catch (error) {
    if (!(error instanceof StepError || error instanceof SettingsError)) throw error;
  }
  return true;
}

async function awaitedEndsInWords(act: () => Promise<unknown>): Promise<boolean> {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof StepError || error instanceof SettingsError)) throw error;
  }
  return true;
}

const text = fc.oneof(
  fc.string(),
  fc.string({ unit: "binary" }),
  fc.stringMatching(/^[a-zA-Z0-9.:\-[\]{}&*!|>'"#%@,?=/_ \n]*$/),
);
const json = fc.oneof(fc.jsonValue(), fc.jsonValue({ maxDepth: 4, stringUnit: "binary" }));
/** Documents, and texts that are nearly some. */
const document = fc.oneof(
  text,
  json.map((value) => JSON.stringify(value)),
  json.map((value) => stringify(value)),
  fc.tuple(json, fc.nat(40)).map(([value, length]) => JSON.stringify(value).slice(0, length)),
);

/** What could stand where an object is expected: with the keys that are looked at, and anything below them. */
const key = fc.constantFrom(
  ...["metadata", "spec", "status", "data", "conditions", "items", "name", "labels", "annotations", "ownerReferences"],
  ...[
    "loadBalancer",
    "ingress",
    "ip",
    "hostname",
    "highAvailability",
    "active",
    "standby",
    "type",
    "reason",
    "message",
  ],
  ...["replicas", "readyReplicas", "allow", "role", "subjects", "serviceAccount", "keys", "kty", "n", "kid", "journal"],
  ...["tls.crt", "tls.key", "ca.crt", "observedGeneration", "generation", "__proto__", "constructor", "toString"],
);
const { tree } = fc.letrec<{ tree: unknown; leaf: unknown }>((tie) => ({
  leaf: fc.oneof(fc.constant(null), fc.boolean(), fc.integer(), fc.double(), fc.string(), fc.base64String()),
  tree: fc.oneof(
    { maxDepth: 6, withCrossShrink: true },
    tie("leaf"),
    fc.array(tie("tree"), { maxLength: 4 }),
    fc.dictionary(key, tie("tree"), { maxKeys: 6 }),
  ),
}));
const kubeObject = fc
  .tuple(fc.constantFrom("Secret", "Service", "ManagementPlane", "Deployment"), fc.dictionary(key, tree), tree)
  .map(([kind, rest, labels]): KubeObject => ({ ...rest, kind, metadata: { name: "x", labels, annotations: labels } }));

const keyPair = await makeKey(2048);
const pems = [await makeRoot(keyPair, 30), await makeRoot(keyPair, 60), keyPem(keyPair)];
/** A PEM text that was cut, or had something put into it. */
const damagedPem = fc
  .tuple(fc.constantFrom(...pems, ""), fc.nat(3000), fc.nat(200), text)
  .map(([pem, from, length, put]) => pem.slice(0, from) + put + pem.slice(from + length));

/** A cluster and a management plane that answer so; what would change something is noted. */
function answering(answer: string) {
  const changes: string[] = [];
  const ended = { exitCode: 0, stdout: answer, stderr: "" };
  const cluster: Cluster = Object.assign(Object.create(Cluster.prototype), {
    name: "mp1",
    get: async () => objectsIn(answer, "reading"),
    kubectl: async () => answer,
    helm: async () => ended,
  });
  const note = (args: readonly string[], options: { mutates?: boolean } = {}) => {
    if (options.mutates) changes.push(args.join(" "));
  };
  const tctl: Tctl = Object.assign(Object.create(Tctl.prototype), {
    run: async (args: readonly string[], _doing: string, options?: { mutates?: boolean }) => {
      note(args, options);
      return answer;
    },
    attempt: async () => ended,
  });
  return { cluster, tctl, changes };
}

const fqn = "organizations/acme";
const grant = { role: "rbac/org-reader", serviceAccount: `${fqn}/serviceaccounts/tsb-standby-sa` };
const rule = fc.oneof(
  tree,
  fc.record({
    role: fc.constantFrom("rbac/org-reader", "rbac/admin"),
    subjects: fc.array(fc.oneof(tree, fc.record({ serviceAccount: fc.constantFrom(grant.serviceAccount, "another") }))),
  }),
);
const bindings = fc.record(
  {
    kind: fc.constant("AccessBindings"),
    metadata: fc.constant({ fqn }),
    spec: fc.oneof(tree, fc.record({ allow: fc.array(rule), more: tree })),
  },
  { requiredKeys: ["kind", "metadata"] },
);

const settings = {
  ...{ TSB_ORG: "acme", TSB_VERSION: "1.12.0", TSB_REGISTRY: "registry", MP_PORT: 443, LDAP_BIND_DN: "cn=a" },
  ...{ POSTGRES_PASSWORD: "p", ELASTIC_PASSWORD: "e", LDAP_BIND_PASSWORD: "l", TSB_ADMIN_PASSWORD: "t" },
};
const guidePems = { rootCa: "ca", tsbCert: "cert", tsbKey: "key", xcpCert: "cert", xcpKey: "key" };
const guide = managementPlaneValues(settings, guidePems, activeRole());
const valuesKey = fc.oneof(
  key,
  fc.constantFrom("image", "secrets", "spec", "tsb", "xcp", "components", "tag", "extra"),
);
const overlay = fc.dictionary(valuesKey, fc.oneof(fc.dictionary(valuesKey, tree, { maxKeys: 4 }), tree), {
  maxKeys: 5,
});

/** Whether `whole` has all that `part` has. */
function holds(whole: unknown, part: unknown): boolean {
  if (!isObject(part)) return isSame(whole, part);
  return isObject(whole) && Object.entries(part).every(([name, value]) => holds(whole[name], value));
}

const cases: Record<string, () => void | Promise<void>> = {
  "single settings": parsers,

  "env files"() {
    const line = fc.oneof(
      text,
      fc
        .tuple(fc.constantFrom("MP1_DNS", "MP_PORT", "TSB_ORG", "STATE_DIR", "A_PASSWORD"), text)
        .map((p) => p.join("=")),
      fc.constantFrom("A_PASSWORD=", "A_PASSWORD=''", "export A_PASSWORD= # c", "B='", 'B="x', "# A_PASSWORD="),
    );
    const file = fc.array(line).map((lines) => lines.join("\n"));
    fc.assert(
      fc.property(file, (content) => {
        writeFileSync("fuzzed.env", content);
        return endsInWords(() => readSettings(["MP_FLOAT_DNS"], { ENV_FILE: "fuzzed.env" }));
      }),
    );
    // Passwords are filled without harm to another line, and a second time nothing is left to fill; or it is refused.
    fc.assert(
      fc.property(file, (before) =>
        endsInWords(() => {
          const { text: filled } = fillEmpty(before, ["A_PASSWORD"], () => "filled");
          if (fillEmpty(filled, ["A_PASSWORD"], () => "again").text !== filled) throw new Error("filled twice");
        }),
      ),
    );
  },

  "values files"() {
    fc.assert(
      fc.property(document, (content) => {
        writeFileSync("fuzzed.yaml", content);
        return endsInWords(() => withUserValues(guide, "MP_VALUES", "fuzzed.yaml"));
      }),
    );
    // The guide's values stand whatever the user's say; merging the result again changes nothing.
    fc.assert(
      fc.property(overlay, (user) => {
        writeFileSync("fuzzed.yaml", stringify(user));
        return endsInWords(() => {
          const merged = withUserValues(guide, "MP_VALUES", "fuzzed.yaml");
          if (!holds(merged, guide)) throw new Error("the guide's values are gone");
          if (!isSame(withUserValues(merged, "MP_VALUES", "fuzzed.yaml"), merged)) throw new Error("not idempotent");
          if (at({}, "polluted") !== undefined || !isSame(parse(valuesYaml(merged), { version: "1.1" }), merged))
            throw new Error("what is written is not what is read");
        });
      }),
    );
    const words = fc.oneof(
      text,
      fc.constantFrom("y", "no", "on", "~", "0x1f", "1e3", "012", "1:20", "2026-01-01", "="),
    );
    fc.assert(
      fc.property(fc.dictionary(fc.string(), words), (values) =>
        isSame(parse(valuesYaml(values), { version: "1.1" }), values),
      ),
    );
  },

  "kubectl's answers"() {
    fc.assert(fc.property(document, (answer) => endsInWords(() => objectsIn(answer, "reading"))));
    const looks: ((object: KubeObject) => unknown)[] = [
      ...[portable, dataOf, roleOf, complaints, isTakenUp, addressOf, isReady, keyFacts, publicKeyIn, tokenKid],
      ...[journalIn, presentable, (one: KubeObject) => isOurs(one, { namespace: "tsb", release: "mp", names: [] })],
      (one) => certificateFacts(() => one, { dns: "a.example.com", floating: "b.example.com" }, new Date()),
      (one) => hasKey(one, { kid: "k", modulus: "AQAB" }),
    ];
    fc.assert(fc.property(kubeObject, fc.constantFrom(...looks), (object, look) => endsInWords(() => look(object))));
    // A Secret that was carried over once is carried over as it is.
    fc.assert(fc.property(kubeObject, (object) => isSame(portable({ ...portable(object) }), portable(object))));
  },

  async "services' answers"() {
    const asks: ((to: ReturnType<typeof answering>) => Promise<unknown>)[] = [
      ({ cluster }) => readDatabase(cluster, "pod"),
      ({ cluster }) => readRelease(cluster, "mp", "tsb"),
      ({ tctl }) => clusterStatus(tctl, "cp1"),
      ({ tctl }) => readAccount(tctl),
      ({ tctl }) => tctl.list("clusters"),
      ({ tctl }) => tctl.get("cluster", "cp1"),
    ];
    const database = fc
      .record({ inRecovery: fc.boolean(), lsn: text, senders: tree, slots: tree, timeline: tree, replayAge: tree })
      .map((row) => JSON.stringify(row));
    const answer = fc.oneof(document, database);
    await fc.assert(
      fc.asyncProperty(answer, fc.constantFrom(...asks), (words, ask) =>
        awaitedEndsInWords(() => ask(answering(words))),
      ),
    );
    fc.assert(
      fc.property(document, (key) => endsInWords(() => describeKey(Buffer.from(key).toString("base64"), "it"))),
    );
  },

  async "access bindings"() {
    // Nothing is applied unless these are the bindings.
    await fc.assert(
      fc.asyncProperty(document, async (answer) => {
        const { tctl, changes } = answering(answer);
        await awaitedEndsInWords(() => ensureGrant(tctl, fqn, grant));
        return changes.length === 0;
      }),
    );
    fc.assert(
      fc.property(bindings, (before) => {
        const given: JsonObject = before;
        const after = withGrant(given, grant);
        const again: unknown = parse(stringify(after));
        return (
          hasGrant(after, grant) &&
          isSame(withGrant(after, grant), after) &&
          lostRules(given, after).length === 0 &&
          isObject(again) &&
          hasGrant(again, grant)
        );
      }),
    );
  },

  "PEM texts"() {
    const secret = damagedPem.map((pem) => ({
      data: { "tls.crt": base64(pem), "tls.key": base64(pem), "ca.crt": base64(pem) },
    }));
    const names = { dns: "a.example.com", floating: "b.example.com" };
    fc.assert(
      fc.property(damagedPem, (pem) => {
        const cert = parseCertificate(pem);
        certificatesOf(pem);
        return !cert || typeof isPair(cert, pem) === "boolean";
      }),
    );
    fc.assert(fc.property(secret, (one) => certificateFacts(() => one, names, new Date()).length === 3));
    const certificates = pems.filter((pem) => pem.includes("CERTIFICATE"));
    const noise = fc.stringMatching(/^[a-z \n#=]*$/);
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...certificates)), noise, (some, between) => {
        const found = certificatesOf(some.map((pem) => `${between}\n${pem}`).join("\n"));
        return (
          isSame(
            found.map(String),
            some.map((pem) => String(parseCertificate(pem))),
          ) && bundleOf(some).length >= 0
        );
      }),
    );
  },

  "files to import"() {
    fc.assert(
      fc.property(document, (content) => {
        writeFileSync("import.yaml", content);
        return endsInWords(() => readSecretsFile("import.yaml"));
      }),
    );
  },
};

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

console.log(`FUZZ_SEED=${seed}`);
for (const [name, check] of Object.entries(cases)) {
  let end = "";
  try {
    await check();
  } catch (error) {
    end =
      error instanceof Error
        ? `${error.stack}\n${error.cause instanceof Error ? error.cause.stack : ""}`
        : String(error);
  }
  writeFileSync(`${name}.end`, end);
}
