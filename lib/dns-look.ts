/** Looking names up, and comparing what a server answers with what it should. */

import { lookup, Resolver } from "node:dns/promises";
import { isIP } from "node:net";
import { canonicalIp, canonicalName, type DnsRecord } from "./dns-records.ts";
import { messageOf, StepError } from "./errors.ts";

/** What a server answers for a name. */
export type Answer =
  /**
   * `addresses` are those at the end of the CNAMEs; none when the server does not follow them that far. `ttl` is the
   * shortest time to live on the way there, in seconds; a server that remembers counts it down.
   */
  | { kind: "found"; cname: string | undefined; addresses: readonly string[]; ttl: number | undefined }
  /** The name does not exist (NXDOMAIN). */
  | { kind: "absent" }
  /** The name exists, but has no address and no CNAME. */
  | { kind: "empty" }
  /** No answer that says anything about the name: SERVFAIL, REFUSED, a time-out. */
  | { kind: "failed"; code: string };

/** A name server with its port, as settings name it. */
export interface Server {
  host: string;
  port: number;
}

/** One try, in milliseconds; the second waits twice as long. A dead server costs 4.5 s at most. */
const TRY = { timeout: 1500, tries: 2 };

const WORDS: Readonly<Record<string, string>> = {
  ESERVFAIL: "the server failed (SERVFAIL): the zone may be broken, or its own servers can't be reached",
  EREFUSED: "the server does not answer for this zone (REFUSED)",
  ETIMEOUT: "no answer in time",
  ECONNREFUSED: "nothing answers at that address and port",
  EFORMERR: "the server does not understand the question (FORMERR)",
  ENOTIMP: "the server does not know this kind of question (NOTIMP)",
};

/** Asks one server, or the system's. */
export class Looker {
  /** For messages: "192.0.2.53:53", or "the system's resolver". */
  readonly server: string;
  readonly #resolver = new Resolver(TRY);

  /** @param address host (an IP address) and port; without, the system's servers are asked */
  constructor(server: string, address?: Server) {
    this.server = server;
    if (address) this.#resolver.setServers([endpoint(address)]);
  }

  /** Looks a name up: its CNAME, and the addresses that it leads to. Does not throw. */
  async look(name: string): Promise<Answer> {
    const [cname, v4, v6] = await Promise.all([
      attempt(this.#resolver.resolveCname(name)),
      attempt(this.#resolver.resolve4(name, { ttl: true })),
      attempt(this.#resolver.resolve6(name, { ttl: true })),
    ]);
    return merge(cname, [v4, v6]);
  }
}

/**
 * A looker for a server of the settings, or for the system's servers.
 * @throws StepError when the server is given by a name that has no address
 */
export async function openLooker(server?: Server): Promise<Looker> {
  if (!server) return new Looker("the system's resolver");
  const text = endpoint(server);
  if (isIP(server.host)) return new Looker(text, server);
  try {
    const { address } = await lookup(server.host);
    return new Looker(text, { host: address, port: server.port });
  } catch (cause) {
    throw new StepError(`the name server ${text} can't be found: ${messageOf(cause)}`, {
      next: "mend DNS_RESOLVER or DNS_SERVER, or give an IP address",
      cause,
    });
  }
}

/** "192.0.2.53:53", "[2001:db8::53]:53". */
export function endpoint(server: Server): string {
  return isIP(server.host) === 6 ? `[${server.host}]:${server.port}` : `${server.host}:${server.port}`;
}

/** Whether the answer is just what the record says: another address beside it, or a CNAME in its place, is not. */
export function holds(record: DnsRecord, answer: Answer): boolean {
  if (answer.kind !== "found") return false;
  if (record.type === "CNAME") return answer.cname === record.value;
  return answer.cname === undefined && answer.addresses.length === 1 && answer.addresses[0] === record.value;
}

/** An answer in words: "CNAME mp1.tsb.example.com (192.0.2.1)", "192.0.2.1", "no such name". */
export function describe(answer: Answer): string {
  if (answer.kind === "absent") return "no such name";
  if (answer.kind === "empty") return "no address and no CNAME";
  if (answer.kind === "failed") return WORDS[answer.code] ?? `no answer (${answer.code})`;
  const addresses = answer.addresses.join(", ");
  if (answer.cname === undefined) return addresses;
  return addresses ? `CNAME ${answer.cname} (${addresses})` : `CNAME ${answer.cname}`;
}

type Attempt<T> = { values: readonly T[] } | { code: string };
interface Found {
  address: string;
  ttl: number;
}

async function attempt<T>(query: Promise<T[]>): Promise<Attempt<T>> {
  try {
    return { values: await query };
  } catch (error) {
    return { code: error instanceof Error && "code" in error ? String(error.code) : messageOf(error) };
  }
}

function merge(cnames: Attempt<string>, lookups: readonly Attempt<Found>[]): Answer {
  const cname = "values" in cnames && cnames.values[0] ? canonicalName(cnames.values[0]) : undefined;
  const found = lookups.flatMap((result) => ("values" in result ? result.values : []));
  // What a CNAME points at may be broken, or none of this server's business: the CNAME itself is known all the same.
  const codes = (cname ? [] : [cnames, ...lookups]).flatMap((result) => ("code" in result ? [result.code] : []));
  const failed = codes.find((code) => code !== "ENOTFOUND" && code !== "ENODATA");
  if (failed) return { kind: "failed", code: failed };
  if (!cname && found.length === 0) return { kind: codes.includes("ENOTFOUND") ? "absent" : "empty" };
  const addresses = [...new Set(found.map(({ address }) => canonicalIp(address)))].sort();
  return {
    kind: "found",
    cname,
    addresses,
    ttl: found.length > 0 ? Math.min(...found.map(({ ttl }) => ttl)) : undefined,
  };
}
