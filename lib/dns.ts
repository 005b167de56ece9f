/** Makes the names of a pair lead where they should: look, change what differs, verify by resolving. */

import type { Settings } from "./config.ts";
import { hookProvider } from "./dns-hook.ts";
import { type Answer, describe, holds, type Looker, openLooker } from "./dns-look.ts";
import { manualProvider } from "./dns-manual.ts";
import type { Change, DnsProvider } from "./dns-provider.ts";
import { type DnsRecord, zoneLine } from "./dns-records.ts";
import { rfc2136Provider } from "./dns-rfc2136.ts";
import { SettingsError, StepError } from "./errors.ts";
import * as output from "./output.ts";
import type { Finding } from "./preflight.ts";
import { isOnPath } from "./step.ts";
import { type Look, waitFor } from "./wait.ts";

/** The settings that say how names are looked up and changed. */
export type DnsSettings = Pick<
  Settings,
  | "DNS_PROVIDER"
  | "DNS_SERVER"
  | "DNS_ZONE"
  | "DNS_TSIG_KEY_FILE"
  | "DNS_HOOK"
  | "DNS_RESOLVER"
  | "DNS_TIMEOUT"
  | "REQUEST_TIMEOUT"
>;

type PairNames = Pick<Settings<"MP_FLOAT_DNS">, "MP_FLOAT_DNS" | "instances">;

/** Whom to ask. Both are one where only one server is known. */
export interface Lookers {
  /** Decides whether a change is needed: the server that takes the updates, which has no old answers. */
  authority: Looker;
  /** What clients see: DNS_RESOLVER, else the system's servers. */
  clients: Looker;
}

/** All that {@link ensureRecords} needs. */
export interface Dns extends Lookers {
  provider: DnsProvider;
  /** Seconds for a record to resolve. */
  timeoutSeconds: number;
}

/**
 * Whom to ask for names. An update server is asked itself: a resolver would remember for a while that a name did not
 * exist when we looked before making it.
 * @throws StepError when a server's name has no address
 */
export async function openLookers(settings: DnsSettings): Promise<Lookers> {
  const clients = await openLooker(settings.DNS_RESOLVER);
  if (settings.DNS_PROVIDER !== "rfc2136") return { authority: clients, clients };
  const authority = await openLooker(settings.DNS_SERVER);
  return { authority: authority.server === clients.server ? clients : authority, clients };
}

/**
 * Lookers and provider, ready for {@link ensureRecords}.
 * @throws SettingsError (exit 2) when the provider's program is missing
 * @throws StepError when a server's name has no address
 */
export async function openDns(settings: DnsSettings): Promise<Dns> {
  const provider = providerOf(settings);
  return { ...(await openLookers(settings)), provider, timeoutSeconds: settings.DNS_TIMEOUT };
}

function providerOf(settings: DnsSettings): DnsProvider {
  const { DNS_SERVER: server, DNS_ZONE: zone, DNS_TSIG_KEY_FILE: keyFile, DNS_HOOK: path } = settings;
  if (settings.DNS_PROVIDER === "hook" && path)
    return hookProvider({ path, timeoutSeconds: settings.DNS_TIMEOUT, zone, server, tsigKeyFile: keyFile });
  if (settings.DNS_PROVIDER === "rfc2136" && server && zone && keyFile) {
    if (!isOnPath("nsupdate"))
      throw new SettingsError([
        { variable: "PATH", what: "nsupdate is not found", mend: "install it: Debian's package is bind9-dnsutils" },
      ]);
    return rfc2136Provider({ server, zone, keyFile, timeoutSeconds: settings.REQUEST_TIMEOUT });
  }
  // readSettings refuses a provider without its settings, so that this is "manual".
  return manualProvider;
}

/**
 * Makes names have just the records given: asks the authority, changes what differs, and waits until the authority and
 * the clients' resolver answer as they should. When nothing differs, nothing is changed.
 * @param options.check sees what would be changed before anything is; throws to forbid it
 * @param options.dryRun says what would be changed, and neither changes nor waits
 * @returns what differed
 * @throws StepError when a server can't be asked, a change is refused, or the names do not resolve in time
 * Guide: Configure the DNS name for Management Plane endpoint
 */
export async function ensureRecords(
  records: readonly DnsRecord[],
  dns: Dns,
  options: { check?: (changes: readonly Change[]) => Promise<void> | void; dryRun?: boolean } = {},
): Promise<readonly Change[]> {
  const changes = await differences(records, dns.authority);
  await options.check?.(changes);
  for (const record of records) {
    if (!changes.some((change) => change.record === record)) output.already(inWords(record));
  }
  if (options.dryRun) {
    for (const { record, seen } of changes) output.wouldDo(`set ${zoneLine(record)} (now: ${describe(seen)})`);
    return changes;
  }
  if (changes.length > 0) await dns.provider.change(changes);
  await verify(records, dns);
  for (const { record, seen } of changes) output.done(`${inWords(record)} (was: ${describe(seen)})`);
  return changes;
}

/**
 * The records that do not hold, with what is there instead.
 * @throws StepError when the server's answer says nothing about a name
 */
export async function differences(records: readonly DnsRecord[], looker: Looker): Promise<Change[]> {
  const names = records.map(({ name }) => name);
  const answers = await ask(names, looker);
  return records.flatMap((record, i) => {
    const seen = answers[i];
    return seen && !holds(record, seen) ? [{ record, seen }] : [];
  });
}

/**
 * What names are now, in their order.
 * @throws StepError when an answer says nothing about its name: SERVFAIL, REFUSED, a time-out
 */
export async function ask(names: readonly string[], looker: Looker): Promise<Answer[]> {
  const answers = await Promise.all(names.map((name) => looker.look(name)));
  answers.forEach((answer, i) => {
    if (answer.kind === "failed")
      throw new StepError(`looking up ${names[i]} at ${looker.server}: ${describe(answer)}`, {
        next: "check that server, or set DNS_RESOLVER to one that answers for the zone",
      });
  });
  return answers;
}

/**
 * Whether the settings will do, found out without a change: the provider's program, its key and permission, the server.
 * The system's resolver is not asked, since it might remember for long that a name does not exist yet.
 */
export async function checkProvider(settings: DnsSettings & PairNames): Promise<Finding[]> {
  const { DNS_PROVIDER, DNS_RESOLVER, MP_FLOAT_DNS, instances } = settings;
  const names = [MP_FLOAT_DNS, ...instances.map(({ dns }) => dns)];
  const { provider, authority } = await openDns(settings).catch((error: unknown) => {
    if (!(error instanceof SettingsError)) throw error;
    throw new StepError(error.message, { next: error.problems.map(({ mend }) => mend).join("; ") });
  });
  if (DNS_RESOLVER || DNS_PROVIDER === "rfc2136") await ask(names, authority);
  await provider.rehearse?.(names);
  if (DNS_RESOLVER || DNS_PROVIDER === "rfc2136")
    return [{ level: "ok", text: `DNS provider ${DNS_PROVIDER}: ${authority.server} answers for the names` }];
  const text = `DNS provider ${DNS_PROVIDER}, verified by the system's resolver, which remembers what did not exist`;
  return [{ level: "warn", text, mend: "set DNS_RESOLVER to the zone's own name server; see docs/dns.md" }];
}

async function verify(records: readonly DnsRecord[], dns: Dns): Promise<void> {
  let complaints: string[] = [];
  await waitFor({
    what: `the records of ${records.map(({ name }) => name).join(" and ")}`,
    timeoutSeconds: dns.timeoutSeconds,
    look: async (): Promise<Look<true>> => {
      complaints = await complaintsOf(records, dns);
      return complaints[0] ? { pending: complaints[0] } : { done: true };
    },
    diagnose: async () => [
      ...complaints,
      'a resolver keeps an old answer for its time to live, and "no such name" for as long as the zone\'s SOA says;',
      "DNS_RESOLVER can name a server that keeps nothing: the zone's own",
    ],
    next: dns.provider.ifMissing,
  });
}

/** What is not yet as it should be, one line each; none when all is. */
async function complaintsOf(records: readonly DnsRecord[], lookers: Lookers): Promise<string[]> {
  const each = lookersOf(lookers).flatMap((looker) => records.map((record) => complaintOf(record, looker)));
  const wrong = (await Promise.all(each)).flatMap((complaint) => complaint ?? []);
  if (wrong.length > 0) return wrong;
  return (await Promise.all(records.map((record) => deadEnd(record, lookers.clients)))).flatMap((end) => end ?? []);
}

async function complaintOf(record: DnsRecord, looker: Looker): Promise<string | undefined> {
  const answer = await looker.look(record.name);
  if (holds(record, answer)) return undefined;
  return `${record.name}: ${looker.server} answers: ${describe(answer)}; expected: ${record.type} ${record.value}`;
}

/** A CNAME that leads to no address: a load balancer's host name may take minutes to appear. */
async function deadEnd(record: DnsRecord, clients: Looker): Promise<string | undefined> {
  // A server that has the zone only does not follow a CNAME out of it; the system's resolver does.
  for (const looker of [clients, await openLooker()]) {
    const end = await looker.look(looker === clients ? record.name : record.value);
    if (end.kind === "found" && end.addresses.length > 0) return undefined;
  }
  return `${record.name} is right, but ${record.value} has no address (asked: ${clients.server}, the system's resolver)`;
}

function lookersOf({ authority, clients }: Lookers): Looker[] {
  return authority === clients ? [clients] : [authority, clients];
}

function inWords({ name, type, value }: DnsRecord): string {
  return `${name} ${type} ${value}`;
}
