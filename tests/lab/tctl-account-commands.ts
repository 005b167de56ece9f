/** tctl sa …, and the older way to a cluster's service account. */
import { readFileSync } from "node:fs";
import { parsePrivateKey } from "./signing-key.ts";
import { print } from "./tctl-output.ts";
import { type Command, OUTPUT, only, requiredFlag, session } from "./tctl-session.ts";
import { serviceAccountToken } from "./tsb-tokens.ts";

/** Commands that make or use keys; each private key is printed once, as one line of JSON. */
export const ACCOUNT_COMMANDS: Record<string, Command> = {
  "sa create": {
    flags: { valued: { "--org": "org" } },
    async run({ positional, flags }) {
      const { client, org: organization } = session(flags);
      const body = { organization, name: only(positional, "NAME") };
      printKey(await client.call("POST", "/v2/serviceaccounts", { body }));
    },
  },
  "sa get": {
    flags: { valued: { "--org": "org", ...OUTPUT } },
    async run({ positional, flags }) {
      const { client, org } = session(flags);
      const query =
        positional.length === 0
          ? { kind: "ServiceAccount", parent: `organizations/${org}` }
          : { kind: "ServiceAccount", fqn: accountOf(org, only(positional, "NAME")) };
      print(await client.call("GET", "/v2/objects", { query }), flags.output);
    },
  },
  "sa gen-key": {
    flags: { valued: { "--org": "org" } },
    async run({ positional, flags }) {
      const { client, org } = session(flags);
      const body = { fqn: accountOf(org, only(positional, "NAME")) };
      printKey(await client.call("POST", "/v2/serviceaccounts:addkey", { body }));
    },
  },
  "sa revoke-key": {
    flags: { valued: { "--org": "org", "--id": "kid", "--key-id": "kid" } },
    async run({ positional, flags }) {
      const { client, org } = session(flags);
      const body = { fqn: accountOf(org, only(positional, "NAME")), kid: requiredFlag(flags, "kid", "id") };
      await client.call("POST", "/v2/serviceaccounts:revokekey", { body });
    },
  },
  "sa token": {
    flags: { valued: { "--org": "org", "--key-path": "keyPath", "--expiration": "expiration" } },
    async run({ positional, flags }) {
      const key = parsePrivateKey(readFileSync(requiredFlag(flags, "keyPath", "key-path"), "utf8"));
      const account = accountOf(session(flags).org, only(positional, "NAME"));
      process.stdout.write(`${await serviceAccountToken(key, account, flags.expiration ?? "5m")}\n`);
    },
  },
  "install cluster-service-account": {
    flags: { valued: { "--cluster": "cluster" } },
    async run({ flags }) {
      const body = { name: requiredFlag(flags, "cluster", "cluster") };
      printKey(await session(flags).client.call("POST", "/v2/clusters:newkey", { body }));
    },
  },
};

function printKey(key: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify(key)}\n`);
}

function accountOf(org: string, name: string): string {
  return `organizations/${org}/serviceaccounts/${name}`;
}
