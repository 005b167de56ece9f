/**
 * Prints the names of the pair, the records that they will get, and in which step; changes nothing.
 *
 * Guide: DNS for each Management Plane instance
 * Reads: the names in the settings; what they resolve to now. No cluster is asked.
 * Leaves: nothing
 */

import { openLookers } from "../lib/dns.ts";
import { describe } from "../lib/dns-look.ts";
import { SettingsError } from "../lib/errors.ts";
import * as output from "../lib/output.ts";
import { step } from "../lib/step.ts";

await step(
  {
    name: "dns-plan",
    summary: "prints the names, and the records that they will get",
    guide: "DNS for each Management Plane instance",
    needs: ["MP_FLOAT_DNS"],
    heeds: ["ACTIVE", "DNS_PROVIDER", "DNS_SERVER", "DNS_TTL", "DNS_RESOLVER"],
  },
  async (settings) => {
    const { instances, ACTIVE, MP_FLOAT_DNS } = settings;
    const active = instances.find((instance) => instance.name === ACTIVE);
    if (!active) {
      const variable = `${ACTIVE.toUpperCase()}_DNS`;
      throw new SettingsError([
        { variable, what: `is not set, but ACTIVE is ${ACTIVE}`, mend: `give the permanent FQDN of ${ACTIVE}` },
      ]);
    }

    const plans = instances.map(({ name, dns }) => ({
      name: dns,
      record: `A, AAAA or CNAME: service envoy on ${name}`,
      step: name === ACTIVE ? "active-dns" : `promotion of ${name}`,
    }));
    plans.push({ name: MP_FLOAT_DNS, record: `CNAME ${active.dns}`, step: "active-dns; moved with the role" });

    const { authority } = await openLookers(settings);
    const answers = await Promise.all(plans.map(({ name }) => authority.look(name)));
    const rows = plans.map(({ name, record, step }, i) => [
      name,
      record,
      step,
      describe(answers[i] ?? { kind: "absent" }),
    ]);
    output.result(output.table([["NAME", "RECORD", "MADE IN", "NOW"], ...rows]));
    output.note("a standby has no front envoy: its permanent name is made when it is promoted");
    output.note(
      `records are made through DNS_PROVIDER=${settings.DNS_PROVIDER}, with a time to live of ${settings.DNS_TTL} s`,
    );
    output.note(`asked: ${authority.server}`);
  },
);
