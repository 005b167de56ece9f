import { type Answer, endpoint, type Server } from "./dns-look.ts";
import type { Change, DnsProvider, Removal } from "./dns-provider.ts";
import { run } from "./run.ts";

/** What the hook is told beside the record; docs/dns.md has the contract. */
export interface HookSettings {
  /** Absolute path of the executable. */
  path: string;
  timeoutSeconds: number;
  zone?: string | undefined;
  server?: Server | undefined;
  tsigKeyFile?: string | undefined;
}

/** DNS_PROVIDER=hook: the operator's own executable makes the records, one call for each. */
export function hookProvider(settings: HookSettings): DnsProvider {
  return {
    ifMissing: `the hook said that all is done: see what it did, and that it changes the zone that is asked (${settings.path})`,
    change: async (changes) => {
      for (const change of changes) await callHook(settings, change);
    },
    remove: async (removals) => {
      for (const removal of removals) await callToRemove(settings, removal);
    },
  };
}

async function callHook(settings: HookSettings, change: Change): Promise<void> {
  const { name, type, value, ttl } = change.record;
  await run(settings.path, ["set", name, type, value, String(ttl)], {
    doing: `setting ${name} through the hook`,
    input: `${JSON.stringify(hookInput(change))}\n`,
    env: hookEnvironment(settings),
    timeoutSeconds: settings.timeoutSeconds,
    next: `mend the hook, or what it complains of, then run this again: ${settings.path}`,
    mutates: true,
  });
}

async function callToRemove(settings: HookSettings, { name, seen }: Removal): Promise<void> {
  const input = { version: 1, action: "remove", name, seen: seenByHook(seen) };
  await run(settings.path, ["remove", name], {
    doing: `removing ${name} through the hook`,
    input: `${JSON.stringify(input)}\n`,
    env: hookEnvironment(settings),
    timeoutSeconds: settings.timeoutSeconds,
    next: `a hook need not know this action: remove the records of ${name} by hand, then run this again`,
    mutates: true,
  });
}

/** What the hook reads on its standard input; `version` changes when a field changes its meaning. */
export function hookInput({ record, seen }: Change): object {
  return { version: 1, action: "set", ...record, seen: seenByHook(seen) };
}

function seenByHook(seen: Answer): object | null {
  return seen.kind === "found" ? { cname: seen.cname ?? null, addresses: seen.addresses } : null;
}

/** The settings of `.env` that a hook may want: they need not be in our own environment. */
function hookEnvironment({ zone, server, tsigKeyFile }: HookSettings): Record<string, string> {
  return {
    ...(zone && { DNS_ZONE: zone }),
    ...(server && { DNS_SERVER: endpoint(server) }),
    ...(tsigKeyFile && { DNS_TSIG_KEY_FILE: tsigKeyFile }),
  };
}
