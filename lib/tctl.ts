/** tctl, with a configuration of our own in the state folder; the user's is neither read nor changed. */

import { createHash } from "node:crypto";
import { yamlAnswer } from "./answer.ts";
import { SettingsError, StepError } from "./errors.ts";
import { attempt, type Finished, failure, run } from "./run.ts";
import type { State } from "./state.ts";
import { readTrust, trustPath } from "./trust.ts";

/** The name of cluster, user and profile in our tctl configuration. */
const PROFILE = "tsb-active-standby";
/** The management plane's first administrator; `secrets.tsb.adminPassword` is this user's password. */
const ADMIN = "admin";

/** The settings a login takes. */
export interface LoginSettings {
  MP_FLOAT_DNS: string;
  MP_PORT: number;
  TSB_ORG: string;
  TSB_ADMIN_PASSWORD: string;
  REQUEST_TIMEOUT: number;
}

/** Calls tctl against the management plane that the floating name leads to. */
export class Tctl {
  readonly #settings: LoginSettings;
  readonly #state: State;

  constructor(settings: LoginSettings, state: State) {
    this.#settings = settings;
    this.#state = state;
  }

  /** Where tctl finds the management plane. */
  get address(): string {
    return `${this.#settings.MP_FLOAT_DNS}:${this.#settings.MP_PORT}`;
  }

  /**
   * Logs in through the floating name, verified against the root CA, and proves it by reading the organisation.
   * The password goes to tctl by its environment, and tctl keeps a token only.
   * Guide: Configure the DNS name, "Verify that you can log in".
   * @throws StepError with tctl's words
   */
  async login(): Promise<void> {
    const { TSB_ORG, TSB_ADMIN_PASSWORD } = this.#settings;
    await this.#configure();
    const env = {
      TCTL_LOGIN_ORG: TSB_ORG,
      TCTL_LOGIN_TENANT: "",
      TCTL_LOGIN_USERNAME: ADMIN,
      TCTL_LOGIN_PASSWORD: TSB_ADMIN_PASSWORD,
    };
    const doing = `logging in to ${this.address} as ${ADMIN}`;
    const next = `check that ${this.#settings.MP_FLOAT_DNS} leads to the active (make active-dns), and TSB_ADMIN_PASSWORD`;
    await run("tctl", ["login"], { ...this.#call(doing), env: { ...this.#env(), ...env }, next });
    if (this.#state.read("tctl", "config.yaml")?.includes(TSB_ADMIN_PASSWORD))
      throw new StepError(`tctl left the password in ${this.#configFile()}`, {
        next: "remove the file, and use another tctl",
      });
    await this.readOrganisation();
  }

  /** Makes sure that calls are answered: a stored token that is still good is used, otherwise it logs in. */
  async ensureLogin(): Promise<void> {
    if (this.#isConfigured()) {
      const ended = await this.attempt(["get", "org", this.#settings.TSB_ORG, "-o", "yaml"], "trying the stored token");
      if (ended.exitCode === 0) return;
    }
    await this.login();
  }

  /**
   * Reads the organisation: the proof that name, certificate, login and organisation are right.
   * @throws StepError when it can't be read or is another one
   */
  async readOrganisation(): Promise<void> {
    const { TSB_ORG } = this.#settings;
    const text = await this.run(
      ["get", "org", TSB_ORG, "-o", "yaml"],
      `reading organisation ${TSB_ORG} through ${this.address}`,
    );
    if (!text.includes(TSB_ORG))
      throw new StepError(`${this.address} answered with another organisation than ${TSB_ORG}`);
  }

  /** Runs tctl, which must succeed; returns its standard output. */
  async run(
    args: readonly string[],
    doing: string,
    options: { input?: string; mutates?: boolean } = {},
  ): Promise<string> {
    return run("tctl", args, { ...this.#call(doing), ...options });
  }

  /** Runs tctl; returns how it ended. */
  async attempt(args: readonly string[], doing: string, options: { mutates?: boolean } = {}): Promise<Finished> {
    return attempt("tctl", args, { ...this.#call(doing), ...options });
  }

  /**
   * Reads one object as tctl prints it in YAML.
   * @returns the parsed document, or undefined when the management plane has no such object
   */
  async get(kind: string, name: string): Promise<unknown> {
    const args = ["get", kind, name, "-o", "yaml"];
    const doing = `reading ${kind} ${name}`;
    const ended = await this.attempt(args, doing);
    if (ended.exitCode === 0) return yamlAnswer(ended.stdout, doing);
    if (isNotFound(ended)) return undefined;
    throw failure("tctl", args, ended, { doing });
  }

  /** Reads all objects of one kind: the parsed List. */
  async list(kind: string): Promise<unknown> {
    const doing = `reading ${kind}`;
    return yamlAnswer(await this.run(["get", kind, "-o", "yaml"], doing), doing);
  }

  #call(doing: string) {
    return { doing, env: this.#env(), timeoutSeconds: this.#settings.REQUEST_TIMEOUT };
  }

  #env(): Record<string, string> {
    return { TCTL_CONFIG: this.#configFile() };
  }

  #configFile(): string {
    return this.#state.path("tctl", "config.yaml");
  }

  /** What our configuration was last made for: changes only with the settings, so a rerun need not make it again. */
  #target(): string {
    const trust = createHash("sha256").update(readTrust(this.#state) ?? "");
    return `${this.address} ${this.#settings.TSB_ORG} ${trust.digest("hex").slice(0, 16)}\n`;
  }

  #isConfigured(): boolean {
    return (
      this.#state.read("tctl", "target") === this.#target() && this.#state.read("tctl", "config.yaml") !== undefined
    );
  }

  async #configure(): Promise<void> {
    if (this.#isConfigured()) return;
    if (readTrust(this.#state) === undefined)
      throw new SettingsError([
        { variable: "STATE_DIR", what: `has no ca/ca.crt (${this.#state.dir})`, mend: "run: make pki" },
      ]);
    // An empty file of our own, so that it has mode 0600 from its first byte on.
    this.#state.write("", "tctl", "config.yaml");
    const ca = trustPath(this.#state);
    const commands = [
      ["clusters", "set", PROFILE, "--bridge-address", this.address, "--tls-custom-ca-file", ca],
      ["users", "set", PROFILE, "--org", this.#settings.TSB_ORG, "--username", ADMIN],
      ["profiles", "set", PROFILE, "--cluster", PROFILE, "--username", PROFILE],
      ["profiles", "set-current", PROFILE],
    ];
    for (const command of commands) await this.run(["config", ...command], "configuring tctl");
    this.#state.write(this.#target(), "tctl", "target");
  }
}

/** Whether tctl ended because the object is not there. */
export function isNotFound(ended: Finished): boolean {
  return ended.exitCode !== 0 && /not ?found/i.test(ended.stderr);
}
