import { randomBytes } from "node:crypto";
import { Resolver } from "node:dns/promises";
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Daemons } from "./daemons.ts";
import { zone } from "./settings.ts";

const timeToLiveSeconds = 5;

/** BIND with one zone that takes dynamic updates signed with the lab's TSIG key. */
export class NameServer {
  readonly keyFile: string;
  readonly #dir: string;
  readonly #port: number;
  readonly #daemons: Daemons;
  readonly #resolver = new Resolver({ timeout: 1000, tries: 3 });

  constructor(dir: string, port: number, daemons: Daemons) {
    this.#dir = dir;
    this.#port = port;
    this.#daemons = daemons;
    this.keyFile = join(dir, "tsig.key");
  }

  /** @param addresses A records by name below the zone, e.g. "lb-mp1" */
  async start(addresses: Readonly<Record<string, string>>): Promise<void> {
    mkdirSync(this.#dir, { mode: 0o755 });
    const secret = randomBytes(32).toString("base64");
    writeFileSync(this.keyFile, `key "tsb-lab" {\n  algorithm hmac-sha256;\n  secret "${secret}";\n};\n`, {
      mode: 0o600,
    });
    writeFileSync(join(this.#dir, "zone"), zoneText(addresses));
    writeFileSync(join(this.#dir, "named.conf"), this.#configuration());
    // Run from here since Debian's AppArmor profile keeps /usr/sbin/named out of every folder but its own.
    const program = join(this.#dir, "named");
    copyFileSync(["/usr/sbin/named", "/usr/bin/named"].find(existsSync) ?? "named", program);
    const argv = [program, "-f", "-4", "-n", "1", "-c", join(this.#dir, "named.conf")];
    this.#daemons.start("named", argv, { cwd: this.#dir, logFile: join(this.#dir, "named.log") });
    this.#resolver.setServers([`127.0.0.1:${this.#port}`]);
    await this.#untilAnswers();
  }

  /** First address of a name, CNAMEs followed. @throws the resolver's error (ENOTFOUND, ENODATA, …) */
  async resolve(name: string): Promise<string> {
    const [address] = await this.#resolver.resolve4(name);
    if (!address) throw new Error(`${name} has no address`);
    return address;
  }

  #configuration(): string {
    const dir = this.#dir;
    return `include "${this.keyFile}";
controls { };
options {
  directory "${dir}";
  listen-on port ${this.#port} { 127.0.0.1; };
  listen-on-v6 { none; };
  pid-file "${dir}/named.pid";
  session-keyfile "${dir}/session.key";
  managed-keys-directory "${dir}";
  recursion no;
  dnssec-validation no;
  allow-transfer { key "tsb-lab"; };
};
zone "${zone}" {
  type primary;
  file "${dir}/zone";
  notify no;
  update-policy { grant "tsb-lab" zonesub ANY; };
};
`;
  }

  async #untilAnswers(): Promise<void> {
    const deadline = Date.now() + 10_000;
    for (;;) {
      try {
        await this.resolve(`ns.${zone}`);
        return;
      } catch (cause) {
        if (Date.now() > deadline) throw new Error(`named does not answer; see ${this.#dir}/named.log`, { cause });
        await sleep(50);
      }
    }
  }
}

function zoneText(addresses: Readonly<Record<string, string>>): string {
  const records = Object.entries({ ns: "127.0.0.1", ...addresses }).map(([name, address]) => `${name} A ${address}`);
  const soa = `@ SOA ns hostmaster 1 3600 600 86400 ${timeToLiveSeconds}`;
  return `$TTL ${timeToLiveSeconds}\n${[soa, "@ NS ns", ...records].join("\n")}\n`;
}
