/** The settings: the environment over ENV_FILE, checked as a whole before a step touches anything. */

import { readFileSync } from "node:fs";
import { parse as parseDotenv } from "dotenv";
import { messageOf, type Problem, SettingsError } from "./errors.ts";
import { contextNames } from "./kubeconfig.ts";
import * as as from "./parse.ts";

/** How one variable is read. `fallback` is the default, as text; `secret` values are never printed. */
interface Variable<T> {
  parse: (text: string) => T;
  mend: string;
  fallback?: string;
  secret?: true;
}

const HOUR = 3600;
const seconds = (fallback: string, mend: string) => ({ parse: as.integer(1, 24 * HOUR), fallback, mend });
const secret = (mend: string) => ({ parse: as.password, secret: true as const, mend });

/** Every variable of `env.example` except those numbered by instance or cluster (MPn_DNS, MPn_CONTEXT, NAME_CONTEXT). */
const VARIABLES = {
  MP_FLOAT_DNS: { parse: as.fqdn, mend: "give the floating FQDN, e.g. active.tsb.example.com" },
  MP_PORT: { parse: as.integer(1, 65535), fallback: "443", mend: "give the front envoy's port, e.g. 443" },
  ACTIVE: { parse: as.instanceName, fallback: "mp1", mend: "name the active instance, e.g. ACTIVE=mp1" },
  STANDBY: { parse: as.instanceName, fallback: "mp2", mend: "name the standby instance, e.g. STANDBY=mp2" },

  TSB_ORG: { parse: as.organisation, mend: "give the organisation (the guide's MYORG) in lower case" },
  TSB_VERSION: { parse: as.version, mend: "give the TSB version to install, e.g. 1.12.0" },
  TSB_REGISTRY: {
    parse: as.registry,
    mend: "give the registry TSB's images were synced to, e.g. registry.example.com/tsb",
  },
  TSB_CHART_REPO: {
    parse: as.url,
    fallback: "https://charts.dl.tetrate.io/public/helm/charts/",
    mend: "give the URL of the TSB chart repository",
  },
  MP_CHART: {
    parse: as.chart,
    mend: "give a folder, a .tgz or an oci:// reference, or leave it out to use TSB_CHART_REPO",
  },
  CP_CHART: {
    parse: as.chart,
    mend: "give a folder, a .tgz or an oci:// reference, or leave it out to use TSB_CHART_REPO",
  },
  MP_VALUES: { parse: as.readableFile, mend: "give the path of your own helm values file, or leave it out" },
  CP_VALUES: { parse: as.readableFile, mend: "give the path of your own helm values file, or leave it out" },

  POSTGRES_PASSWORD: secret("run `make passwords` to fill the empty ones"),
  ELASTIC_PASSWORD: secret("run `make passwords` to fill the empty ones"),
  LDAP_BIND_DN: {
    parse: as.distinguishedName,
    fallback: "cn=admin,dc=tetrate,dc=io",
    mend: "give a distinguished name",
  },
  LDAP_BIND_PASSWORD: secret("run `make passwords` to fill the empty ones"),
  TSB_ADMIN_PASSWORD: secret("run `make passwords` to fill the empty ones"),

  CA_CERT: { parse: as.readableFile, mend: "give the path of your own root CA's certificate (PEM), or leave it out" },
  CA_KEY: { parse: as.readableFile, mend: "give the path of your own root CA's private key (PEM), or leave it out" },
  CA_DAYS: { parse: as.integer(1, 36500), fallback: "3650", mend: "give the root's lifetime in days" },
  CA_KEY_BITS: { parse: as.integer(2048, 8192), fallback: "4096", mend: "give the root's RSA key size in bits" },
  LEAF_DAYS: { parse: as.integer(1, 3650), fallback: "365", mend: "give the leaf certificates' lifetime in days" },
  LEAF_KEY_BITS: { parse: as.integer(2048, 8192), fallback: "2048", mend: "give the leaves' RSA key size in bits" },
  RENEW_BEFORE: {
    parse: as.integer(0, 3650),
    fallback: "30",
    mend: "give the days before its end at which a leaf is reissued",
  },

  DNS_PROVIDER: {
    parse: as.oneOf("manual", "rfc2136", "hook"),
    fallback: "manual",
    mend: "use manual, rfc2136 or hook; see docs/dns.md",
  },
  DNS_SERVER: { parse: as.hostAndPort, mend: "give the name server that takes updates, e.g. ns1.example.com:53" },
  DNS_ZONE: { parse: as.zone, mend: "give the zone that holds the names, e.g. tsb.example.com" },
  DNS_TSIG_KEY_FILE: { parse: as.readableFile, mend: "give the path of the TSIG key file (as tsig-keygen writes it)" },
  DNS_HOOK: { parse: as.executable, mend: "give the path of your own executable; see docs/dns.md" },
  DNS_TTL: { parse: as.integer(1, 86400), fallback: "30", mend: "give the records' time to live in seconds" },
  DNS_RESOLVER: {
    parse: as.hostAndPort,
    mend: "give the name server to look names up with, best the zone's own, e.g. 192.0.2.53:53, or leave it out",
  },

  CERT_MANAGER_CHART_REPO: {
    parse: as.url,
    fallback: "https://charts.jetstack.io",
    mend: "give the URL of the chart repository",
  },
  CERT_MANAGER_CHART: { parse: as.chart, mend: "give a folder, a .tgz or an oci:// reference, or leave it out" },
  CERT_MANAGER_VERSION: { parse: as.version, fallback: "v1.16.2", mend: "give cert-manager's version, e.g. v1.16.2" },

  CLUSTER_NAME: { parse: as.clusterNames, mend: "name the control plane cluster, e.g. CLUSTER_NAME=cp1 (or a list)" },
  REPLICATION_SETTINGS: { parse: as.readableFile, mend: "give the path of a YAML file, or leave it out" },
  EXPORT: { parse: as.path, mend: "give the path of the file to write" },
  IMPORT: { parse: as.readableFile, mend: "give the path of a file that EXPORT= wrote" },
  FORCE: { parse: as.flag, fallback: "0", mend: "use FORCE=1 or leave it out" },
  FOLLOW: { parse: as.flag, fallback: "0", mend: "use FOLLOW=1 or leave it out" },

  TO: { parse: as.instanceName, mend: "name the standby that is to become the active, e.g. TO=mp2" },
  MP: { parse: as.instanceName, mend: "name the instance, e.g. MP=mp1" },
  ALLOW_DATA_LOSS: { parse: as.instanceName, mend: "name the instance that may lose data, e.g. ALLOW_DATA_LOSS=mp2" },
  ALLOW_TOKEN_LOSS: {
    parse: as.instanceName,
    mend: "name the instance whose iam-signing-key may be another one, e.g. ALLOW_TOKEN_LOSS=mp2",
  },
  CONFIRM: { parse: as.instanceName, mend: "name the instance whose data may go, e.g. CONFIRM=mp1" },
  ROUNDS: { parse: as.integer(1, 100), fallback: "2", mend: "give the number of times to go there and back" },
  UNDO: { parse: as.flag, fallback: "0", mend: "use UNDO=1 or leave it out" },
  JSON: { parse: as.flag, fallback: "0", mend: "use JSON=1 or leave it out" },
  WATCH: { parse: as.flag, fallback: "0", mend: "use WATCH=1 or leave it out" },
  FAIL_WITHIN: {
    parse: as.integer(0, 3650),
    fallback: "30",
    mend: "give the days before its end at which a certificate counts as a finding",
  },
  OUT: { parse: as.path, mend: "give the path of the file to write" },
  FORMAT: { parse: as.oneOf("md", "html"), fallback: "md", mend: "use md or html" },
  PHASE: {
    parse: as.oneOf("trust", "reissue", "retire", "all"),
    mend: "use trust, reissue, retire or all; left out: the next one",
  },
  FORCE_UNLOCK: { parse: as.flag, fallback: "0", mend: "use FORCE_UNLOCK=1 or leave it out" },

  STATE_DIR: { parse: as.path, fallback: "state", mend: "give a folder of your own" },
  INSTALL_TIMEOUT: seconds("600", "seconds for a release and its deployments"),
  ADDRESS_TIMEOUT: seconds("300", "seconds for the load balancer's address"),
  DNS_TIMEOUT: seconds("300", "seconds for a record to resolve"),
  ONBOARD_TIMEOUT: seconds("300", "seconds for a control plane to be READY"),
  REPLICATION_TIMEOUT: seconds("600", "seconds for the standby to stream"),
  REQUEST_TIMEOUT: seconds("20", "seconds for one request to a cluster or API"),
} as const satisfies Record<string, Variable<unknown>>;

/** The names of all settings but the numbered ones. */
export const SETTING_NAMES: readonly SettingName[] = Object.keys(VARIABLES).filter(
  (name): name is SettingName => name in VARIABLES,
);

/** The variables whose values must not reach other programs' environments. */
export const SECRET_NAMES: readonly string[] = Object.entries(VARIABLES).flatMap(([name, variable]) =>
  "secret" in variable ? [name] : [],
);

type Table = typeof VARIABLES;
/** The name of a setting. */
export type SettingName = keyof Table;

/** The settings without which no management plane's values can be made. */
export const INSTALL_SETTINGS = [
  "MP_FLOAT_DNS",
  "TSB_ORG",
  "TSB_VERSION",
  "TSB_REGISTRY",
  "POSTGRES_PASSWORD",
  "ELASTIC_PASSWORD",
  "LDAP_BIND_PASSWORD",
  "TSB_ADMIN_PASSWORD",
] as const satisfies readonly SettingName[];
type Value<N extends SettingName> = ReturnType<Table[N]["parse"]>;
type Given = { [N in SettingName]: Table[N] extends { fallback: string } ? N : never }[SettingName];

/** A management plane instance as the settings name it. */
export interface InstanceNames {
  /** "mp1", as in MP1_DNS. */
  name: string;
  /** The permanent FQDN. */
  dns: string;
  context: string | undefined;
}

/** A management plane instance that a step works on: its kube context is known. */
export interface Instance extends InstanceNames {
  context: string;
}

/** All settings. Those in `Needed`, and those with a default, are there for certain. */
export type Settings<Needed extends SettingName = never> = {
  readonly [N in Given]: Value<N>;
} & {
  readonly [N in Exclude<SettingName, Given>]: N extends Needed ? Value<N> : Value<N> | undefined;
} & {
  /** Every MPn_DNS there is, in the order of their numbers. */
  readonly instances: readonly InstanceNames[];
  /** The instance ACTIVE names. Only for steps that need ACTIVE. */
  readonly active: "ACTIVE" extends Needed ? Instance : never;
  /** The instance STANDBY names. Only for steps that need STANDBY. */
  readonly standby: "STANDBY" extends Needed ? Instance : never;
  /** The kube context of a control plane cluster: NAME_CONTEXT, or the cluster's own name. */
  contextOf(clusterName: string): string;
  /** Values that must never be shown. */
  readonly secrets: readonly string[];
  /** Where the settings came from, for messages. */
  readonly envFile: string;
};

/** The name of the variable with a control plane cluster's kube context: "cp-1" → "CP_1_CONTEXT". */
export function contextVariable(clusterName: string): string {
  return `${clusterName.toUpperCase().replaceAll("-", "_")}_CONTEXT`;
}

/**
 * Reads and checks every setting that is given, and that those a step needs are given.
 * @param needed the settings without which the step can't run
 * @param environment the process's environment, which beats the env file
 * @throws SettingsError (exit 2) with every problem at once
 */
export function readSettings<const Needed extends SettingName = never>(
  needed: readonly Needed[],
  environment: NodeJS.ProcessEnv = process.env,
): Settings<Needed> {
  const reader = new Reader(environment);
  for (const name of Object.keys(VARIABLES))
    reader.readVariable(
      name,
      needed.some((need) => need === name),
    );
  reader.readInstances();
  reader.checkTogether(needed);
  if (reader.problems.length > 0) throw new SettingsError(reader.problems);
  // The loop above has parsed every variable of the table with its own parser, and reported each needed one that is missing.
  return reader.result() as unknown as Settings<Needed>;
}

/** The file that holds the settings, as the operator names it: ENV_FILE, or .env in the working folder. */
export function envFilePath(environment: NodeJS.ProcessEnv = process.env): string {
  return environment.ENV_FILE || ".env";
}

class Reader {
  readonly problems: Problem[] = [];
  readonly #environment: NodeJS.ProcessEnv;
  readonly #envFile: string;
  readonly #file: Record<string, string> = {};
  readonly #values: Record<string, unknown> = {};
  readonly #instances: InstanceNames[] = [];
  readonly #secrets: string[] = [];
  /** What a variable that is set nowhere comes from. */
  #nowhere = "not set";

  constructor(environment: NodeJS.ProcessEnv) {
    this.#environment = environment;
    this.#envFile = envFilePath(environment);
    try {
      this.#file = parseDotenv(readFileSync(this.#envFile));
    } catch (error) {
      // A missing default file is no mistake: everything may come from the environment.
      if (environment.ENV_FILE || (error as NodeJS.ErrnoException).code !== "ENOENT")
        this.problem(
          "ENV_FILE",
          `can't read "${this.#envFile}": ${messageOf(error)}`,
          "cp env.example .env, and fill it in",
        );
      else this.#nowhere = "not set; there is no .env in this folder (cp env.example .env)";
    }
  }

  text(name: string): string | undefined {
    return this.#environment[name] || this.#file[name] || undefined;
  }

  problem(variable: string, what: string, mend: string): void {
    const from = this.#environment[variable] ? "the environment" : this.#file[variable] ? this.#envFile : this.#nowhere;
    this.problems.push({ variable, what, mend, from });
  }

  readVariable(name: string, isNeeded: boolean): void {
    const variable: Variable<unknown> = VARIABLES[name as SettingName];
    const text = this.text(name) ?? variable.fallback;
    if (text === undefined) {
      if (isNeeded) this.problem(name, "is not set", variable.mend);
      return;
    }
    if (variable.secret) this.#secrets.push(text);
    try {
      this.#values[name] = variable.parse(text);
    } catch (error) {
      this.problem(name, messageOf(error), variable.mend);
    }
  }

  readInstances(): void {
    const names = new Set<string>();
    for (const name of [...Object.keys(this.#environment), ...Object.keys(this.#file)]) {
      const number = /^MP([1-9]\d*)_(?:DNS|CONTEXT)$/.exec(name)?.[1];
      if (number && this.text(name)) names.add(number);
    }
    for (const number of [...names].sort((a, b) => Number(a) - Number(b))) {
      const dns = this.#parsed(`MP${number}_DNS`, as.fqdn, `give the permanent FQDN, e.g. mp${number}.tsb.example.com`);
      const context = this.#parsed(`MP${number}_CONTEXT`, as.context, "give the kube context of its cluster");
      if (this.text(`MP${number}_DNS`) === undefined)
        this.problem(`MP${number}_DNS`, `is not set, but MP${number}_CONTEXT is`, "set both, or neither");
      if (dns) this.#instances.push({ name: `mp${number}`, dns, context });
    }
    if (names.size === 0) this.problem("MP1_DNS", "is not set", "give the permanent FQDN, e.g. mp1.tsb.example.com");
  }

  #parsed(name: string, parse: (text: string) => string, mend: string): string | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    try {
      return parse(text);
    } catch (error) {
      this.problem(name, messageOf(error), mend);
      return undefined;
    }
  }

  /** What no variable can tell alone: names that clash, roles without an instance, providers without their settings. */
  checkTogether(needed: readonly SettingName[]): void {
    this.#checkNames();
    this.#checkDns();
    if (Boolean(this.text("CA_CERT")) !== Boolean(this.text("CA_KEY")))
      this.problem(
        this.text("CA_CERT") ? "CA_KEY" : "CA_CERT",
        "is not set, but its partner is",
        "set both, or neither",
      );
    if (this.text("EXPORT") && this.text("IMPORT"))
      this.problem("IMPORT", "is set together with EXPORT", "set one of them");
    if (Number(this.#values.LEAF_DAYS) <= Number(this.#values.RENEW_BEFORE))
      this.problem(
        "LEAF_DAYS",
        "is not more than RENEW_BEFORE",
        "a leaf must live longer than that, or each run reissues it",
      );
    if (this.#values.MP_PORT === 5432)
      this.problem("MP_PORT", "is 5432, where the front envoy exposes Postgres", "use 443, as the guide does");
    // With EXPORT or IMPORT only one of the two clusters is in reach: that is what they are for.
    if (needed.includes("ACTIVE") && !this.text("IMPORT")) this.#checkRole("ACTIVE");
    if (needed.includes("STANDBY") && !this.text("EXPORT")) this.#checkRole("STANDBY");
    const isPair = needed.includes("ACTIVE") && needed.includes("STANDBY");
    if (isPair && this.#values.ACTIVE === this.#values.STANDBY)
      this.problem(
        "STANDBY",
        `is "${this.text("STANDBY")}", the same instance as ACTIVE`,
        "name two different instances",
      );
    if (needed.includes("CLUSTER_NAME")) this.#checkContexts(this.#clusterContexts());
    for (const role of ["TO", "MP"] as const) if (needed.includes(role)) this.#checkPair(role);
  }

  #checkNames(): void {
    const float = this.#values.MP_FLOAT_DNS;
    this.#instances.forEach((instance, i) => {
      const variable = `${instance.name.toUpperCase()}_DNS`;
      const earlier = this.#instances.slice(0, i);
      if (instance.dns === float)
        this.problem("MP_FLOAT_DNS", `equals ${variable} ("${instance.dns}")`, "give the floating name its own FQDN");
      const sameName = earlier.find((other) => other.dns === instance.dns);
      if (sameName)
        this.problem(
          variable,
          `equals ${sameName.name.toUpperCase()}_DNS ("${instance.dns}")`,
          "give each instance its own FQDN",
        );
      const sameContext = instance.context && earlier.find((other) => other.context === instance.context);
      if (sameContext) {
        const what = `is "${instance.context}", the context of ${sameContext.name} too`;
        this.problem(`${instance.name.toUpperCase()}_CONTEXT`, what, "give each instance its own cluster");
      }
    });
  }

  #checkDns(): void {
    const provider = this.#values.DNS_PROVIDER;
    const needs = { rfc2136: ["DNS_SERVER", "DNS_ZONE", "DNS_TSIG_KEY_FILE"], hook: ["DNS_HOOK"] } as const;
    if (provider !== "rfc2136" && provider !== "hook") return;
    for (const name of needs[provider]) {
      if (!this.text(name))
        this.problem(name, `is not set, but DNS_PROVIDER=${provider} needs it`, VARIABLES[name].mend);
    }
    const zone = this.#values.DNS_ZONE;
    if (provider !== "rfc2136" || typeof zone !== "string") return;
    const names = this.#instances.map((i): [string, unknown] => [`${i.name.toUpperCase()}_DNS`, i.dns]);
    for (const [variable, name] of [...names, ["MP_FLOAT_DNS", this.#values.MP_FLOAT_DNS] as const]) {
      if (typeof name === "string" && !name.endsWith(`.${zone}`))
        this.problem(
          variable,
          `"${name}" is not in DNS_ZONE "${zone}"`,
          "give a name in the zone, or the zone of the name",
        );
    }
  }

  #checkRole(role: "ACTIVE" | "STANDBY"): void {
    const name = this.#values[role];
    if (typeof name !== "string") return;
    const upper = name.toUpperCase();
    const instance = this.#instances.find((i) => i.name === name);
    if (!instance && !this.problems.some((problem) => problem.variable === `${upper}_DNS`))
      this.problem(`${upper}_DNS`, `is not set, but ${role} is ${name}`, `give the permanent FQDN of ${name}`);
    if (!this.text(`${upper}_CONTEXT`))
      this.problem(
        `${upper}_CONTEXT`,
        `is not set, but ${role} is ${name}`,
        `give the kube context of ${name}'s cluster`,
      );
    if (instance?.context) this.#checkContexts([[`${upper}_CONTEXT`, instance.context]]);
  }

  /** A role change looks at every instance: a context that does not exist must not pass for a cluster that is down. */
  #checkPair(variable: "TO" | "MP"): void {
    const name = this.#values[variable];
    if (typeof name === "string" && !this.#instances.some((instance) => instance.name === name))
      this.problem(variable, `is ${name}, but ${name.toUpperCase()}_DNS is not set`, "name one of the instances");
    for (const instance of this.#instances) {
      const context = `${instance.name.toUpperCase()}_CONTEXT`;
      if (instance.context) this.#checkContexts([[context, instance.context]]);
      else if (instance.name === name)
        this.problem(context, "is not set", `give the kube context of ${name}'s cluster`);
    }
  }

  #clusterContexts(): [string, string][] {
    const clusters = this.#values.CLUSTER_NAME;
    if (!Array.isArray(clusters)) return [];
    return clusters.map((name: string) => {
      const variable = contextVariable(name);
      const context =
        this.#parsed(variable, as.context, "give the kube context of the control plane's cluster") ?? name;
      const same = this.#instances.find((instance) => instance.context === context);
      if (same) this.problem(variable, `is "${context}", the context of ${same.name}`, "onboard another cluster");
      return [variable, context];
    });
  }

  #checkContexts(contexts: readonly (readonly [string, string])[]): void {
    let known: readonly string[];
    try {
      known = contextNames(this.#environment);
    } catch (error) {
      this.problem("KUBECONFIG", messageOf(error), "point KUBECONFIG at a kubeconfig that can be read");
      return;
    }
    for (const [variable, context] of contexts) {
      if (!known.includes(context)) {
        const mend =
          known.length > 0 ? `use one of: ${known.join(", ")}` : "your kubeconfig has no contexts: set KUBECONFIG";
        this.problem(variable, `"${context}" is not a context of your kubeconfig`, mend);
      }
    }
  }

  result(): object {
    const find = (role: unknown) => this.#instances.find((instance) => instance.name === role);
    return {
      ...this.#values,
      instances: this.#instances,
      active: find(this.#values.ACTIVE),
      standby: find(this.#values.STANDBY),
      contextOf: (clusterName: string) => this.text(contextVariable(clusterName)) ?? clusterName,
      secrets: this.#secrets,
      envFile: this.#envFile,
    };
  }
}

/** What is wrong with the contexts of clusters, for steps that go to every one of them: those that do not exist. */
export function unknownContexts(
  clusters: readonly Pick<InstanceNames, "name" | "context">[],
  environment: NodeJS.ProcessEnv = process.env,
): Problem[] {
  const known = contextNames(environment);
  return clusters.flatMap(({ name, context }) =>
    !context || known.includes(context)
      ? []
      : [
          {
            variable: contextVariable(name),
            what: `"${context}" is not a context of your kubeconfig`,
            mend: `use one of: ${known.join(", ")}`,
          },
        ],
  );
}

/**
 * The settings a step takes, one line each, for `--help`: name, default or what else becomes of it, meaning.
 * @param needs those it can't do without; with any, it works on instances, too
 */
export function describeSettings(needs: readonly SettingName[], heeds: readonly SettingName[]): string[][] {
  const rows = (names: readonly SettingName[], otherwise: string) =>
    names.map((name) => {
      const { fallback, mend }: Variable<unknown> = VARIABLES[name];
      return [name, fallback === undefined ? otherwise : `default ${fallback}`, mend];
    });
  const instances = [
    ["MP1_DNS, MP2_DNS, …", "one at least", "give the permanent FQDN of each instance"],
    ["MP1_CONTEXT, …", "", "give the kube context of each"],
  ];
  return [...(needs.length > 0 ? instances : []), ...rows(needs, "required"), ...rows(heeds, "optional")];
}
