/** Driver for config.bats: properties of the parsers, whatever text they are given. */

import fc from "fast-check";
import { fillEmpty } from "../../lib/env-file.ts";
import * as as from "../../lib/parse.ts";

const parsers: readonly ((given: string) => unknown)[] = [
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

fc.assert(fc.property(text, fc.constantFrom(...parsers), (given, parse) => void attempt(parse, given)));

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

// Whatever stands in an env file, its passwords are filled without harm to another line, or it is refused.
const line = fc.oneof(
  fc.string().map((rest) => `A_PASSWORD=${rest}`),
  fc.constantFrom(
    "A_PASSWORD=",
    "A_PASSWORD=''",
    "export A_PASSWORD= # c",
    "B='",
    'B="x',
    "# A_PASSWORD=",
    "A_PASSWORD:",
  ),
  fc.string({ unit: "binary" }),
);
const lines = fc.array(line).map((all) => all.join("\n"));
fc.assert(
  fc.property(lines, (before) => {
    let filled: { text: string; filled: string[] };
    try {
      filled = fillEmpty(before, ["A_PASSWORD"], () => "filled");
    } catch (error) {
      return error instanceof Error && error.name === "StepError";
    }
    return fillEmpty(filled.text, ["A_PASSWORD"], () => "again").text === filled.text;
  }),
);
