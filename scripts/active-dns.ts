/**
 * Points the permanent and the floating name at the active management plane.
 *
 * Guide: Configure the DNS name for Management Plane endpoint
 * Reads: the status of service envoy on the active; what the names resolve to
 * Leaves: permanent name → address of service envoy (A, AAAA, or CNAME for a host name); floating name CNAME → permanent name
 * Rerun: changes nothing when both names are right; never takes the floating name from another instance unless FORCE=1
 * Check: both names are resolved, at the zone's server and as clients do
 */

import { ensureRecords, openDns } from "../lib/dns.ts";
import { recordsFor } from "../lib/dns-records.ts";
import { addressInWords, envoyAddress, waitForEnvoyAddress } from "../lib/envoy.ts";
import { leaveFloatAlone } from "../lib/float.ts";
import { openClusters } from "../lib/identity.ts";
import * as output from "../lib/output.ts";
import { step } from "../lib/step.ts";

await step(
  {
    name: "active-dns",
    summary: "points the permanent and the floating name at the active",
    guide: "Configure the DNS name for Management Plane endpoint",
    needs: ["ACTIVE", "MP_FLOAT_DNS"],
    heeds: [
      "DNS_PROVIDER",
      "DNS_SERVER",
      "DNS_ZONE",
      "DNS_TSIG_KEY_FILE",
      "DNS_HOOK",
      "DNS_TTL",
      "DNS_RESOLVER",
      "ADDRESS_TIMEOUT",
      "DNS_TIMEOUT",
      "REQUEST_TIMEOUT",
      "FORCE",
    ],
    tools: ["kubectl"],
  },
  async (settings, { state, dryRun }) => {
    const { active, instances, MP_FLOAT_DNS: floating } = settings;
    const dns = await openDns(settings);
    const [cluster] = await openClusters([active], { state, requestTimeout: settings.REQUEST_TIMEOUT });

    const address = dryRun ? await envoyAddress(cluster) : await waitForEnvoyAddress(cluster, settings.ADDRESS_TIMEOUT);
    if (!address) return output.wouldDo("wait for the address of service envoy, and point the names at it");
    output.already(`service envoy on ${active.name} is at ${addressInWords(address)}`);

    const records = recordsFor({ permanent: active.dns, floating, ttl: settings.DNS_TTL }, address);
    await ensureRecords(records, dns, {
      dryRun,
      check: (changes) =>
        settings.FORCE ? undefined : leaveFloatAlone(changes, { floating, active, instances, looker: dns.authority }),
    });
  },
);
