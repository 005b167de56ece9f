import { statSync } from "node:fs";
import { endpoint, type Server } from "./dns-look.ts";
import type { Change, DnsProvider, Removal } from "./dns-provider.ts";
import { RECORD_TYPES, zoneLine } from "./dns-records.ts";
import { StepError } from "./errors.ts";
import * as output from "./output.ts";
import { attempt, type Finished, failure } from "./run.ts";

/** Where dynamic updates (RFC 2136) go, and the key that signs them. */
export interface UpdateSettings {
  server: Server;
  zone: string;
  /** Absolute path; the key itself is read by nsupdate only. */
  keyFile: string;
  timeoutSeconds: number;
}

/**
 * Record types that people and controllers put beside addresses. A CNAME can't stand beside them: BIND would carry out
 * the deletions of an update, leave out the CNAME without a word, and so leave the name with nothing.
 */
const NOT_BESIDE_CNAME = ["TXT", "MX", "SRV", "CAA", "NS", "TYPE64", "TYPE65"];

/** DNS_PROVIDER=rfc2136: all changes go to the zone's primary in one signed transaction, through nsupdate. */
export function rfc2136Provider(settings: UpdateSettings): DnsProvider {
  return {
    ifMissing: `the name server took the update: see its log, and whether ${endpoint(settings.server)} is the zone's primary`,
    change: async (changes) => {
      warnOfOpenKey(settings.keyFile);
      let ended = await nsupdate(settings, updateScript(settings, changes), true);
      // A CNAME that a wildcard gave is not the name's own, so the first script's condition on it fails.
      if (/NXRRSET/.test(ended.stderr) && changes.some(hasCname))
        ended = await nsupdate(settings, updateScript(settings, changes.map(asWildcard)), true);
      if (ended.exitCode !== 0) throw refusal(settings, ended);
    },
    remove: async (removals) => {
      warnOfOpenKey(settings.keyFile);
      const ended = await nsupdate(settings, removalScript(settings, removals), true);
      if (ended.exitCode !== 0) throw refusal(settings, ended);
    },
    rehearse: async (names) => {
      warnOfOpenKey(settings.keyFile);
      const ended = await nsupdate(settings, rehearsalScript(settings, names), false);
      // The failed condition is the success: the server took the key and the permission, and changed nothing.
      if (!/YXDOMAIN/.test(ended.stderr)) throw refusal(settings, ended);
    },
  };
}

/**
 * nsupdate's standard input for one transaction: each name gets its record in place of every A, AAAA and CNAME that it
 * has, unless its CNAME is no longer the one that was seen.
 */
export function updateScript(settings: UpdateSettings, changes: readonly Change[]): string {
  const guards = changes.flatMap(({ record, seen }) => {
    const own = hasCname({ record, seen });
    const asSeen = own ? `prereq yxrrset ${record.name}. IN CNAME ${own}.` : `prereq nxrrset ${record.name}. IN CNAME`;
    const others = record.type === "CNAME" ? NOT_BESIDE_CNAME : [];
    return [asSeen, ...others.map((type) => `prereq nxrrset ${record.name}. IN ${type}`)];
  });
  const updates = changes.flatMap(({ record }) => [
    ...RECORD_TYPES.map((type) => `update delete ${record.name}. IN ${type}`),
    `update add ${zoneLine(record)}`,
  ]);
  return script(settings, [...guards, ...updates]);
}

/** As {@link updateScript}: the names lose every A, AAAA and CNAME, unless a CNAME is no longer the one that was seen. */
export function removalScript(settings: UpdateSettings, removals: readonly Removal[]): string {
  const guards = removals.flatMap(({ name, seen }) =>
    seen.kind === "found" && seen.cname ? [`prereq yxrrset ${name}. IN CNAME ${seen.cname}.`] : [],
  );
  const deletions = removals.flatMap(({ name }) => RECORD_TYPES.map((type) => `update delete ${name}. IN ${type}`));
  return script(settings, [...guards, ...deletions]);
}

/** An update whose condition can't hold, since the zone's own name exists: it is checked, and never carried out. */
export function rehearsalScript(settings: UpdateSettings, names: readonly string[]): string {
  const deletions = names.flatMap((name) => RECORD_TYPES.map((type) => `update delete ${name}. IN ${type}`));
  return script(settings, [`prereq nxdomain ${settings.zone}.`, ...deletions]);
}

function script({ server, zone }: UpdateSettings, lines: readonly string[]): string {
  return `${[`server ${server.host} ${server.port}`, `zone ${zone}.`, ...lines, "send"].join("\n")}\n`;
}

/** The CNAME that the name was seen to have. */
function hasCname({ seen }: Change): string | undefined {
  return seen.kind === "found" ? seen.cname : undefined;
}

function asWildcard(change: Change): Change {
  return { ...change, seen: { kind: "absent" } };
}

async function nsupdate(settings: UpdateSettings, input: string, mutates: boolean): Promise<Finished> {
  // Over TCP (-v): an update that is sent again because its answer got lost would fail on its own conditions. A silent
  // server is tried twice, each time for the seconds of -t.
  const seconds = Math.max(1, Math.floor(settings.timeoutSeconds / 2));
  return attempt("nsupdate", ["-v", "-t", String(seconds), "-k", settings.keyFile], {
    doing: `updating zone ${settings.zone} on ${endpoint(settings.server)}`,
    input,
    timeoutSeconds: settings.timeoutSeconds + 5,
    mutates,
  });
}

function warnOfOpenKey(keyFile: string): void {
  if ((statSync(keyFile).mode & 0o004) !== 0)
    output.warn(`${keyFile} can be read by every user of this machine, who can then change the zone: chmod 600 it`);
}

/** What nsupdate's words mean, and what to do: the first that fits. */
const REASONS: readonly (readonly [RegExp, string, string])[] = [
  [
    /BADKEY/,
    "the server does not know the key",
    "the key's name in DNS_TSIG_KEY_FILE must be one that the server knows",
  ],
  [/BADSIG/, "the key is not the server's", "the secret or algorithm in DNS_TSIG_KEY_FILE differs from the server's"],
  [/BADTIME/, "the clocks differ", "set this machine's clock, or the server's: signatures hold for 5 minutes"],
  [/NOTZONE/, "a name is outside the zone", "DNS_ZONE must be the zone that holds all the names"],
  [/NOTAUTH/, "the server is not the zone's primary", "set DNS_ZONE to a zone that DNS_SERVER is the primary of"],
  [/REFUSED/, "the server refuses the update", "let the key change these names: update-policy or allow-update in BIND"],
  [/SERVFAIL/, "the server failed", "see the name server's log: is the zone loaded, can its files be written?"],
  [
    /[YN]XRRSET/,
    "a name changed while we worked, or has other records (TXT, MX, …) beside which a CNAME can't stand",
    "look at the names' records (dig NAME ANY), remove those others if there are any, and run this again",
  ],
  [/couldn't get address/, "the server's name has no address", "mend DNS_SERVER, or give an IP address"],
  [
    /Communication with .* failed/,
    "the server can't be reached",
    "check DNS_SERVER, and that TCP to it is let through",
  ],
];

function refusal(settings: UpdateSettings, ended: Finished): StepError {
  const where = `updating zone ${settings.zone} on ${endpoint(settings.server)} failed`;
  // nsupdate quotes what it can't read in a key file, and that may be the secret: its words are not shown.
  if (/could not read key|unknown option|unexpected token|bad base64/i.test(ended.stderr))
    return new StepError(`${where}: nsupdate can't read the key in ${settings.keyFile}`, {
      next: "DNS_TSIG_KEY_FILE must be as tsig-keygen writes it: key NAME { algorithm …; secret …; };",
    });
  const reason = REASONS.find(([pattern]) => pattern.test(ended.stderr));
  if (!reason) return failure("nsupdate", [], ended, { doing: `updating zone ${settings.zone}` });
  return new StepError(`${where}: ${reason[1]}`, { details: ended.stderr.trim().split("\n"), next: reason[2] });
}
