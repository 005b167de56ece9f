/**
 * writer.ts FILE: writes a tenant every 20 ms through the floating name, each on a connection of its own, until SIGTERM.
 * Then FILE holds the name of every write that was acknowledged, one a line, and standard output says how many and how
 * long the longest time without an acknowledged write was.
 */
import { Resolver } from "node:dns/promises";
import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { dial } from "../lab/dial.ts";

const EVERY_MS = 20;
/** Writes under way at most: an outage must not pile them up. */
const MOST = 40;

const [file = ""] = process.argv.slice(2);
const wanted = (name: string): string => {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
};
const host = wanted("MP_FLOAT_DNS");
const port = Number(wanted("MP_PORT"));
const organization = wanted("TSB_ORG");
const ca = readFileSync(`${wanted("STATE_DIR")}/ca/ca.crt`, "utf8");
const resolver = new Resolver({ timeout: 500, tries: 2 });
resolver.setServers([wanted("DNS_SERVER")]);

async function call(method: string, path: string, body: object, headers: Record<string, string> = {}) {
  const [address = ""] = await resolver.resolve4(host);
  return dial({ host, port, address, ca }, { method, path, headers, body });
}

const credentials = { organization, username: "admin", password: wanted("TSB_ADMIN_PASSWORD") };
const login: unknown = JSON.parse((await call("POST", "/v2/login", credentials)).text);
const token = typeof login === "object" && login !== null && "token" in login ? String(login.token) : "";

const acknowledged: { name: string; at: number }[] = [];
let failed = 0;
let underWay = 0;
let isOver = false;
let unresolved = 0;
process.once("SIGTERM", () => {
  isOver = true;
});

async function write(name: string): Promise<void> {
  underWay += 1;
  const object = { apiVersion: "api.tsb.tetrate.io/v2", kind: "Tenant", metadata: { name, organization }, spec: {} };
  try {
    const { status } = await call("POST", "/v2/objects", object, { authorization: `Bearer ${token}` });
    if (status === 200) acknowledged.push({ name, at: performance.now() });
    else failed += 1;
  } catch (error) {
    // A moment without a record would be a fault of the role change itself.
    if (error instanceof Error && /ENOTFOUND|ENODATA/.test(error.message)) unresolved += 1;
    failed += 1;
  } finally {
    underWay -= 1;
  }
}

for (let i = 0; !isOver; i += 1) {
  if (underWay < MOST) void write(`w-${process.pid}-${i}`);
  await sleep(EVERY_MS);
}
while (underWay > 0) await sleep(20);
const times = acknowledged.map(({ at }) => at).sort((a, b) => a - b);
const gap = Math.max(0, ...times.slice(1).map((at, i) => at - (times[i] ?? at)));
writeFileSync(file, acknowledged.map(({ name }) => `${name}\n`).join(""));
process.stdout.write(
  `${acknowledged.length} acknowledged, ${failed} failed, ${unresolved} without a record, longest gap ${(gap / 1000).toFixed(1)} s\n`,
);
