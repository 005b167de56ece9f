/**
 * Makes an old active that came back a standby of the one that is active now.
 * TSB's documentation, failover: "the old active, if undamaged, can be installed as the new standby".
 * Fences it first; dumps its data into the state folder (rejoin/, mode 0600) and says where it parted; asks by name
 * (CONFIRM=mp1 where there is no terminal); deletes the database's volume claims and nothing else; then the standby steps
 * with roles swapped. A rerun goes on where it stopped. Done when its Postgres streams from the active.
 */
import { rejoin } from "../lib/rejoin.ts";
import { step } from "../lib/step.ts";

await step(
  {
    name: "rejoin",
    summary: "makes an old active that came back a standby",
    guide: "after the guide; Deploy the Standby instance, with roles swapped",
    exits: { 4: "begun but not finished (run it again)" },
    needs: ["MP", "MP_FLOAT_DNS", "TSB_ORG", "TSB_VERSION", "TSB_ADMIN_PASSWORD"],
    heeds: [
      "CONFIRM",
      "FORCE",
      "FORCE_UNLOCK",
      "MP_PORT",
      "MP_CHART",
      "TSB_CHART_REPO",
      "CERT_MANAGER_VERSION",
      "CERT_MANAGER_CHART_REPO",
      "CERT_MANAGER_CHART",
      "REPLICATION_SETTINGS",
      "DNS_RESOLVER",
      "INSTALL_TIMEOUT",
      "REPLICATION_TIMEOUT",
      "REQUEST_TIMEOUT",
      "STATE_DIR",
    ],
    tools: ["kubectl", "helm"],
    again: "make rejoin MP=…",
  },
  (settings, { state, dryRun }) => rejoin(settings, state, settings.MP, dryRun),
);
