/** What runs on a control plane once its operator is content: it connects to the management plane and stays in touch. */
import { isIP } from "node:net";
import { isRecord } from "./api-http.ts";
import { type Answer, type Call, dial } from "./dial.ts";
import type { Lab } from "./lab.ts";
import { Blocked, messageOf } from "./operator-verdict.ts";
import type { SigningKey } from "./signing-key.ts";
import { serviceAccountToken } from "./tsb-tokens.ts";

const CENTRAL_PORT = 9443;

/** Everything that the edge needs to know. */
export interface EdgeSettings {
  host: string;
  port: number;
  /** Roots for the management plane's front envoy; undefined: public authorities only. */
  managementRoots: string | undefined;
  /** Roots for XCP central. */
  centralRoots: string;
  clusterFqn: string;
  account: string;
  accountKey: SigningKey;
}

/** @throws Blocked when the name leads nowhere */
export async function addressOf(lab: Lab, host: string): Promise<string> {
  if (isIP(host)) return host;
  try {
    return await lab.resolve(host);
  } catch (error) {
    throw new Blocked("ManagementPlaneUnreachable", `dial tcp: lookup ${host}: no such host (${messageOf(error)})`);
  }
}

/** First contact. @returns tokens by Secret name @throws Blocked with the management plane's words */
export async function connectEdge(settings: EdgeSettings, address: string): Promise<Record<string, string>> {
  const { host, port, managementRoots: ca, clusterFqn } = settings;
  const token = await serviceAccountToken(settings.accountKey, settings.account, "5m");
  const hint = ca === undefined ? "; a private CA needs spec.managementPlane.selfSigned: true" : "";
  const body = await reach(`https://${host}:${port}`, hint, () =>
    dial({ host, port, address, ca }, post("/v2/edge:connect", token, { clusterFQN: clusterFqn })),
  );
  const tokens = isRecord(body.tokens) ? Object.entries(body.tokens) : [];
  return Object.fromEntries(tokens.map(([name, value]) => [name, String(value)]));
}

/** Says that the cluster is alive. @throws Blocked with XCP central's words; "Unauthenticated" calls for other tokens */
export async function heartbeat(settings: EdgeSettings, address: string, token: string): Promise<void> {
  const { host, centralRoots: ca } = settings;
  await reach(`XCP central at ${host}:${CENTRAL_PORT}`, "", () =>
    dial({ host, port: CENTRAL_PORT, address, ca }, post("/v2/edge:heartbeat", token, {})),
  );
}

function post(path: string, token: string, body: object): Call {
  return { method: "POST", path, headers: { authorization: `Bearer ${token}` }, body };
}

async function reach(where: string, hint: string, call: () => Promise<Answer>): Promise<Record<string, unknown>> {
  let answer: Answer;
  try {
    answer = await call();
  } catch (error) {
    throw new Blocked("ManagementPlaneUnreachable", `${where}: ${messageOf(error)}${hint}`);
  }
  const body: unknown = answer.text.startsWith("{") ? JSON.parse(answer.text) : {};
  const fields = isRecord(body) ? body : {};
  if (answer.status === 200) return fields;
  const reason = answer.status === 401 ? "Unauthenticated" : "ManagementPlaneRefused";
  throw new Blocked(reason, `${where} refused: ${answer.status} ${fields.message ?? answer.text}`);
}
