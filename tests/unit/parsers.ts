/** For fuzz.ts: properties of the parsers of single settings, whatever text they are given. */

import fc from "fast-check";
import * as as from "../../lib/parse.ts";

const all: readonly ((given: string) => unknown)[] = [
  as.fqdn,
  as.zone,
  as.hostAndPort,
  as.organisation,
  as.clusterNames,
  as.context,
  as.version,
  as.registry,
  as.url,
  as.chart,
  as.readableFile,
  as.password,
  as.distinguishedName,
  as.flag,
];
const text = fc.oneof(fc.string(), fc.string({ unit: "binary" }), fc.stringMatching(/^[a-zA-Z0-9.:\-[\]/_ ]*$/));

/** The parser's value, or undefined where it refuses with a message of one line. */
function attempt<T>(parse: (given: string) => T, given: string): T | undefined {
  try {
    return parse(given);
  } catch (error) {
    if (!(error instanceof Error) || error.constructor !== Error || !error.message) throw error;
    return undefined;
  }
}

/** Runs them. @throws fast-check's error with the counterexample */
export function parsers(): void {
  fc.assert(fc.property(text, fc.constantFrom(...all), (given, parse) => void attempt(parse, given)));

  const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/);
  const name = fc.array(label, { minLength: 2, maxLength: 5 }).map((labels) => `${labels.join(".")}.example`);
  fc.assert(fc.property(name, (given) => as.fqdn(given) === given));
  fc.assert(fc.property(text, (given) => /^[a-z0-9.-]*$/.test(attempt(as.fqdn, given) ?? "")));

  fc.assert(
    fc.property(name, fc.integer({ min: 1, max: 65535 }), (host, port) => {
      const found = as.hostAndPort(`${host}:${port}`);
      return found.host === host && found.port === port && as.hostAndPort(host).port === 53;
    }),
  );
}
