/** tctl config …, login and version. */
import { resolve } from "node:path";
import { UsageError } from "./tctl-arguments.ts";
import { TctlClient } from "./tctl-client.ts";
import { configFile, profileOf, readConfig, type TctlConfig, writeConfig } from "./tctl-config.ts";
import { type Command, only, session } from "./tctl-session.ts";

/** Commands that are about the configuration file. */
export const CONFIG_COMMANDS: Record<string, Command> = {
  "config clusters set": {
    flags: {
      valued: { "--bridge-address": "bridgeAddress", "--tls-custom-ca-file": "tlsCustomCaFile" },
      switches: { "--tls-insecure": "tlsInsecure" },
    },
    run: ({ positional, flags }) =>
      edit(flags, (config) => {
        const name = only(positional, "NAME");
        const bridgeAddress = flags.bridgeAddress ?? config.clusters[name]?.bridgeAddress;
        if (!bridgeAddress) throw new UsageError('required flag(s) "bridge-address" not set');
        config.clusters[name] = {
          bridgeAddress,
          ...(flags.tlsCustomCaFile && { tlsCustomCaFile: resolve(flags.tlsCustomCaFile) }),
          ...(flags.tlsInsecure === "true" && { tlsInsecure: true }),
        };
      }),
  },
  "config users set": {
    flags: {
      valued: {
        "--org": "org",
        "--tenant": "tenant",
        "--username": "username",
        "--password": "password",
        "--token": "token",
      },
    },
    run: ({ positional, flags }) =>
      edit(flags, (config) => {
        const { config: _config, profile: _profile, ...fields } = flags;
        const name = only(positional, "NAME");
        config.users[name] = { ...config.users[name], ...fields };
      }),
  },
  "config profiles set": {
    flags: { valued: { "--cluster": "cluster", "--username": "username" } },
    run: ({ positional, flags }) =>
      edit(flags, (config) => {
        const name = only(positional, "NAME");
        const { cluster = config.profiles[name]?.cluster, username = config.profiles[name]?.username } = flags;
        if (!cluster || !username) throw new UsageError('required flag(s) "cluster", "username" not set');
        config.profiles[name] = { cluster, username };
        config.currentProfile ??= name;
      }),
  },
  "config profiles set-current": {
    flags: { valued: {} },
    run: ({ positional, flags }) =>
      edit(flags, (config) => {
        const name = only(positional, "NAME");
        if (config.profiles[name] === undefined) throw new Error(`profile "${name}" does not exist`);
        config.currentProfile = name;
      }),
  },
  login: { flags: { valued: {} }, run: ({ flags }) => login(flags) },
  version: {
    flags: { valued: {}, switches: { "--local-only": "localOnly" } },
    async run({ flags }) {
      process.stdout.write("TCTL version: v1.12.0-lab\n");
      if (flags.localOnly === "true") return;
      const { version } = await session(flags).client.open("/v2/version");
      process.stdout.write(`TSB version: ${version}\n`);
    },
  },
};

function edit(flags: Record<string, string>, change: (config: TctlConfig) => void): void {
  const file = configFile(flags.config);
  const config = readConfig(file);
  change(config);
  writeConfig(file, config);
}

/** Stores a token, and drops a password that stood in the file. */
async function login(flags: Record<string, string>): Promise<void> {
  const variables = ["TCTL_LOGIN_ORG", "TCTL_LOGIN_TENANT", "TCTL_LOGIN_USERNAME", "TCTL_LOGIN_PASSWORD"];
  const missing = variables.filter((name) => process.env[name] === undefined);
  if (missing.length > 0) throw new Error(`can't ask for the credentials here: set ${missing.join(", ")}`);
  const [org = "", tenant = "", username = "", password = ""] = variables.map((name) => process.env[name]);
  const file = configFile(flags.config);
  const config = readConfig(file);
  const { cluster, userName } = profileOf(config, flags.profile);
  const token = await new TctlClient(cluster, {}).login({ org, username, password });
  config.users[userName] = { org, ...(tenant && { tenant }), username, token };
  writeConfig(file, config);
  process.stdout.write("Login Successful!\n");
}
