/**
 * The role changes of this very pair by hand: the commands in their order, with the user's own names, for the day when
 * this tool can't run. Source: TSB's documentation, failover. Pure; no secrets go in, so that none come out.
 */

import {
  changeRelease,
  compareKeys,
  deleteClaims,
  fence,
  kubectl,
  login,
  moveNames,
  type Place,
  proveWritable,
  quoted,
  type RunbookNames,
  reconnect,
  SQL_FUNCTION,
  sql,
  waitForFrontEnvoy,
} from "./runbook-commands.ts";
import { type Block, commands, heading, list, onlyIf, text } from "./runbook-document.ts";

/** The whole runbook: how to look, then every role change between the active and each other instance, both ways. */
export function runbook(names: RunbookNames): Block[] {
  const { active, others } = names;
  const pairs = others.flatMap((other): [Place, Place][] => [
    [active, other],
    [other, active],
  ]);
  return [
    heading(1, `${titleOf(names)}`),
    text(
      `By hand, with kubectl, helm, psql (in the Postgres pod), nsupdate, dig and tctl only. Roles when this was written: ${active.name} active; **look first, they may have changed**.`,
    ),
    ...atHand(names),
    ...looking(names),
    ...pairs.flatMap(([from, to]) => switchover(from, to, names)),
    ...pairs.flatMap(([from, to]) => failover(from, to, names)),
    ...pairs.flatMap(([from, to]) => rejoin(from, to, names)),
  ];
}

/** "Runbook of active.tsb.example.com". */
export function titleOf(names: RunbookNames): string {
  return `Runbook of ${names.floating}`;
}

function atHand(names: RunbookNames): Block[] {
  const places = [names.active, ...names.others];
  return [
    heading(2, "At hand"),
    list(
      ...places.map(({ name, dns, context }) => `${name}: ${dns}, kube context \`${context}\``),
      ...names.controlPlanes.map(({ name, context }) => `control plane ${name}: kube context \`${context}\``),
      `floating name: ${names.floating}, port ${names.port}; organisation ${names.organisation}`,
      `chart: \`${names.chart}\`, version ${names.version}`,
      `root CA: \`${names.rootCa}\`${names.dns ? `; TSIG key: \`${names.dns.keyFile}\`` : ""}`,
      "the password of user admin; copies of Secret `iam-signing-key` and of both instances' helm values, kept off the clusters",
    ),
    text("Use bash. Define this first; later commands use it:"),
    commands(...SQL_FUNCTION),
  ];
}

function looking(names: RunbookNames): Block[] {
  const places = [names.active, ...names.others];
  return [
    heading(2, "Look"),
    text(
      "Who is what: `active`, or `standby` with the host it follows. Two actives: fence one at once (the first step of its rejoin).",
    ),
    commands(
      ...places.map((place) =>
        kubectl(
          place,
          `--request-timeout=10s get managementplane managementplane -n tsb -o jsonpath='{.spec.highAvailability}{"\\n"}' || echo "${place.name}: no answer"`,
        ),
      ),
    ),
    text("The databases: `f` is a primary, `t` a standby; then its position in the log."),
    commands(
      ...places.map(
        (place) =>
          `${sql(place, "select pg_is_in_recovery(), case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end")} || echo "${place.name}: no answer"`,
      ),
    ),
    ...(names.dns
      ? [
          text("Where the floating name leads:"),
          commands(`dig @${names.dns.server} -p ${names.dns.serverPort} ${names.floating} +noall +answer`),
        ]
      : []),
  ];
}

function switchover(from: Place, to: Place, names: RunbookNames): Block[] {
  const lsn = sql(from, "select pg_current_wal_lsn()");
  const behind = sql(to, "select pg_last_wal_replay_lsn() >= '$LSN'");
  return [
    heading(2, `Switchover from ${from.name} to ${to.name} (planned: both are up)`),
    heading(3, "1. Keys must be alike: the two lines are the same"),
    commands(...compareKeys([from, to])),
    heading(3, `2. Fence ${from.name}: from here on nothing is served`),
    commands(...fence(from)),
    text("To go back (only before step 4):"),
    onlyIf(kubectl(from, "scale deploy -n tsb tsb iam --replicas 1")),
    heading(3, `3. ${to.name} must have everything that ${from.name} wrote`),
    commands(`LSN=$(${lsn}); echo "$LSN"`, `until [ "$(${behind})" = t ]; do sleep 1; done`),
    ...takeover(to, names),
    heading(3, `9. Make ${from.name} the new standby`),
    text(`Section: Rejoin of ${from.name} as a standby of ${to.name}.`),
  ];
}

function failover(from: Place, to: Place, names: RunbookNames): Block[] {
  const scale = kubectl(from, "--request-timeout=10s scale deploy -n tsb tsb iam --replicas 0");
  return [
    heading(2, `Failover from ${from.name} to ${to.name} (unplanned: ${from.name} is dead or can't be reached)`),
    heading(3, "1. What will be lost: everything after this position; how old it is"),
    commands(sql(to, "select pg_last_wal_replay_lsn(), now() - pg_last_xact_replay_timestamp()")),
    heading(3, `2. Fence ${from.name} if it can be reached at all`),
    commands(`${scale} || echo '${from.name} IS NOT FENCED'`),
    text(
      `Where it can't be fenced, nothing on it keeps it from coming back as a second active: clients stay away only because ${names.floating} moves. Before anything else uses it: section Rejoin of ${from.name} as a standby of ${to.name}.`,
    ),
    heading(3, `3. The signing key of ${to.name} must be the one that signed the control planes' tokens`),
    text("Compare the `kid`s (these are public halves and token headers, no secrets):"),
    commands(
      kubectl(to, `get secret tsb-iam-jwks -n tsb -o go-template='{{range .data}}{{.|base64decode}}{{"\\n"}}{{end}}'`),
    ),
    ...names.controlPlanes.map((plane) =>
      onlyIf(
        kubectl(
          plane,
          "get secret xcp-edge-central-auth-token -n istio-system -o go-template='{{range .data}}{{.|base64decode}}{{end}}' | cut -d. -f1 | base64 -d; echo",
        ),
      ),
    ),
    ...takeover(to, names),
    heading(3, `9. When ${from.name} is back`),
    text(`First of all: Rejoin of ${from.name} as a standby of ${to.name}.`),
  ];
}

/** From the promotion until all follow: the same for both. */
function takeover(to: Place, names: RunbookNames): Block[] {
  const steps = login(names);
  return [
    heading(3, `4. Promote ${to.name}: the point of no return`),
    commands(...changeRelease(to, names, ["spec.highAvailability.active.exposeEmbeddedPostgresInFrontEnvoy=true"])),
    text(
      `The values, passwords among them, stay in \`${to.name}-values.yaml\`: remove it in the end. It must be a primary, and take a write:`,
    ),
    commands(...proveWritable(to)),
    text("Should it have been the active before, its own fence is taken away:"),
    commands(kubectl(to, "scale deploy -n tsb tsb iam --replicas 1 2>/dev/null || true")),
    heading(3, "5. Wait for its front envoy"),
    commands(...waitForFrontEnvoy(to)),
    heading(3, "6. Move the names"),
    ...nameBlocks(to, names),
    heading(3, `7. Log in through ${names.floating}`),
    commands(...steps.prepare),
    commands(...steps.type),
    commands(...steps.login),
    heading(3, "8. Control planes must be READY"),
    text("Each dials the floating name again by itself, at the latest when its old answer has aged out."),
    commands("tctl get clusters", ...names.controlPlanes.map(({ name }) => `tctl status cluster ${quoted(name)}`)),
    ...names.controlPlanes.flatMap((plane) => [
      text(`If ${plane.name} is not READY after two minutes:`),
      onlyIf(...reconnect(plane)),
    ]),
    ...(names.others.concat(names.active).filter((other) => other.name !== to.name).length > 1
      ? [text(`Further standbys must follow ${to.name}: change their release as in step 4 of a rejoin.`)]
      : []),
  ];
}

function nameBlocks(to: Place, names: RunbookNames): Block[] {
  if (names.dns) return [commands(...moveNames(to, names))];
  const { floating, ttl } = names;
  return [
    text("Make these records, and no others for the two names, in one change if your DNS can do that:"),
    list(
      `${to.dns} ${ttl} A (or AAAA, or CNAME where it is a host name) \`$ADDRESS\``,
      `${floating} ${ttl} CNAME ${to.dns}`,
    ),
  ];
}

function rejoin(from: Place, to: Place, names: RunbookNames): Block[] {
  const standby = "spec.highAvailability.standby.activeMpSynchronizationEndpoint";
  const dump = `exec -n tsb "$(${kubectl(from, "get pods -n tsb -l app=tsb-postgres -o name")} | head -n 1)" -- pg_dumpall -U postgres`;
  const receiver = sql(from, "select status from pg_stat_wal_receiver");
  return [
    heading(2, `Rejoin of ${from.name} as a standby of ${to.name}`),
    heading(3, `1. Fence ${from.name}`),
    commands(...fence(from)),
    heading(3, "2. Keep its data aside: it may have diverged, and is deleted below"),
    commands(`(umask 077; ${kubectl(from, dump)} > ${from.name}-aside.sql); ls -l ${from.name}-aside.sql`),
    heading(3, "3. What a standby needs: the active's keys, and cert-manager"),
    text("The two lines must be the same:"),
    commands(...compareKeys([to, from])),
    text("If they differ, or the Secret is missing:"),
    onlyIf(
      `${kubectl(to, "get secret iam-signing-key tsb-standby-sa -n tsb -o yaml")} | sed -E '/^ +(resourceVersion|uid|creationTimestamp):/d' | ${kubectl(from, "apply -f -")}`,
    ),
    commands(
      `${kubectl(from, "get crd certificates.cert-manager.io")} || \\`,
      `  helm upgrade --install cert-manager ${names.certManager} -n cert-manager --create-namespace --wait \\`,
      `  --kube-context ${quoted(from.context)} --set installCRDs=true --set featureGates=ExperimentalCertificateSigningRequestControllers=true`,
    ),
    heading(3, `4. Turn its release into a standby of ${to.name}`),
    commands(
      ...changeRelease(from, names, [
        `${standby}.host=${to.dns}`,
        `${standby}.port=${names.port}`,
        `${standby}.selfSigned=true`,
      ]),
    ),
    heading(3, "5. Delete the database's volume claims, and nothing else: it is cloned only into empty volumes"),
    commands(...deleteClaims(from)),
    heading(3, "6. It must stream"),
    commands(
      `until [ "$(${receiver} 2>/dev/null)" = streaming ]; do sleep 2; done`,
      sql(from, "select status, sender_host, latest_end_lsn from pg_stat_wal_receiver"),
      sql(to, "select client_addr, state, replay_lsn from pg_stat_replication"),
    ),
  ];
}
