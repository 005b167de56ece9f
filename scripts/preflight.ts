/**
 * Checks everything that the other scripts take for granted, and reports every finding at once.
 * Guide: before anything.
 * Tools and their versions, contexts that can be reached and lead to distinct clusters, permissions, roles, charts, and
 * the DNS provider. Changes nothing on any cluster; charts that it fetches are kept in the state folder.
 */

import { type ChartSource, certManagerChart, fetchChart, tsbChart } from "../lib/chart.ts";
import { INSTALL_SETTINGS } from "../lib/config.ts";
import { checkProvider } from "../lib/dns.ts";
import { SettingsError, StepError } from "../lib/errors.ts";
import { type Identified, identify, identityProblems, type Named } from "../lib/identity.ts";
import * as output from "../lib/output.ts";
import * as preflight from "../lib/preflight.ts";
import { step } from "../lib/step.ts";

await step(
  {
    name: "preflight",
    summary: "checks tools, clusters, permissions, charts and DNS",
    guide: "before anything",
    needs: ["ACTIVE", ...INSTALL_SETTINGS],
    heeds: ["STANDBY", "MP_CHART", "DNS_PROVIDER", "REQUEST_TIMEOUT", "STATE_DIR"],
    tools: ["kubectl", "helm", "tctl", "openssl"],
  },
  async (settings, { state }) => {
    const roles = [settings.ACTIVE, settings.STANDBY];
    const instances = settings.instances.flatMap(({ name, context }) => (context ? [{ name, context }] : []));
    const sources = [
      tsbChart("managementplane", settings),
      tsbChart("controlplane", settings),
      certManagerChart(settings),
    ];
    const checkChart = async (source: ChartSource): Promise<preflight.Finding[]> => {
      const chart = await fetchChart(source, state);
      return [{ level: "ok", text: `chart ${source.name} ${chart.version} is here: ${chart.path}` }];
    };

    // One by one, so that a cluster that is down does not hide what can be said of the others.
    const options = { state, requestTimeout: settings.REQUEST_TIMEOUT };
    const identified: Identified[] = [];
    const reach = async (instance: Named): Promise<preflight.Finding[]> => {
      identified.push(await identify(instance, options));
      return [{ level: "ok", text: `${instance.name}: context ${instance.context} can be reached` }];
    };
    const outside = await Promise.all([
      preflight.checked(() => preflight.checkTools(settings.REQUEST_TIMEOUT)),
      ...instances.map((one) => preflight.checked(() => reach(one), roles.includes(one.name) ? "bad" : "warn")),
      ...sources.map((source) => preflight.checked(() => checkChart(source))),
      preflight.checked(() => checkProvider(settings)),
    ]);
    // In the settings' order, whichever answered first.
    const order = instances.map(({ name }) => name);
    identified.sort((a, b) => order.indexOf(a.cluster.name) - order.indexOf(b.cluster.name));
    const clusters = identified.map(({ cluster }) => cluster);
    const inside = await Promise.all([
      preflight.checked(() => preflight.checkRoles(clusters, settings.ACTIVE)),
      ...clusters.map((cluster) =>
        preflight.checked(() => preflight.checkPermissions(cluster, cluster.name === settings.ACTIVE, state)),
      ),
      ...clusters.map((cluster) => preflight.checked(() => preflight.checkClock(cluster))),
    ]);
    const problems = identityProblems(identified, state);
    if (problems.length > 0) throw new SettingsError(problems);
    report([...outside, ...inside].flat());
  },
);

function report(findings: readonly preflight.Finding[]): void {
  const say = { ok: output.done, warn: output.warn, bad: output.bad };
  for (const { level, text, mend } of findings) {
    say[level](text);
    if (mend && level !== "ok") output.note(`next: ${mend}`);
  }
  const bad = findings.filter(({ level }) => level === "bad").length;
  if (bad > 0)
    throw new StepError(`${bad} of ${findings.length} checks failed; nothing was touched`, {
      next: "mend what is marked ✗ above",
    });
}
