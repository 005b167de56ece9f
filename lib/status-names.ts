/** The pair's names as the zone's own server, the clients' resolver and the system's resolver answer for them. */

import { setTimeout as sleep } from "node:timers/promises";
import { type DnsSettings, type Lookers, openLookers } from "./dns.ts";
import { type Answer, describe, type Looker, openLooker } from "./dns-look.ts";
import { StepError } from "./errors.ts";
import type { AnswerFacts, NameFacts } from "./status-facts.ts";

/** The system's resolver is asked for information only where DNS_RESOLVER stands in for it: it must not hold us up. */
const SYSTEM_PATIENCE_MS = 1500;

/** Asks all servers for all names, side by side. @param names FQDNs @returns their answers, in the same order */
export async function lookAtNames(names: readonly string[], settings: DnsSettings): Promise<NameFacts[]> {
  let lookers: Lookers;
  try {
    lookers = await openLookers(settings);
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    return names.map((name) => unanswered(name, error.message));
  }
  const system = settings.DNS_RESOLVER ? await openLooker() : lookers.clients;
  return Promise.all(names.map((name) => lookAtName(name, { ...lookers, system })));
}

async function lookAtName(name: string, lookers: Lookers & { system: Looker }): Promise<NameFacts> {
  const { authority, clients, system } = lookers;
  const first = ask(authority, name);
  const second = clients === authority ? first : ask(clients, name);
  const third = system === clients ? second : Promise.race([ask(system, name), late(system)]);
  const [fromAuthority, fromResolver, fromSystem] = await Promise.all([first, second, third]);
  return { name, authority: fromAuthority, resolver: fromResolver, system: fromSystem };
}

async function ask(looker: Looker, name: string): Promise<AnswerFacts> {
  return answerFacts(looker.server, await looker.look(name));
}

async function late(looker: Looker): Promise<AnswerFacts> {
  await sleep(SYSTEM_PATIENCE_MS, undefined, { ref: false });
  return answerFacts(looker.server, { kind: "failed", code: "ETIMEOUT" });
}

function answerFacts(server: string, answer: Answer): AnswerFacts {
  const found = answer.kind === "found" ? answer : undefined;
  return {
    server,
    kind: answer.kind,
    cname: found?.cname ?? null,
    addresses: [...(found?.addresses ?? [])],
    ttlSeconds: found?.ttl ?? null,
    text: describe(answer),
  };
}

function unanswered(name: string, text: string): NameFacts {
  const nothing = { kind: "failed", cname: null, addresses: [], ttlSeconds: null, text } as const;
  const answer = (): AnswerFacts => ({ ...nothing, addresses: [], server: "the settings' name server" });
  return { name, authority: answer(), resolver: answer(), system: answer() };
}
