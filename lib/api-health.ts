/** Whether a management plane serves its API: TSB's documented health request through the front envoy. */

import { request } from "node:https";

/** Where and as whom to ask. */
export interface ApiTarget {
  /** IP address to connect to. */
  address: string;
  port: number;
  /** The name that the certificate must be valid for. */
  name: string;
  /** PEM. */
  rootCa: string;
  organisation: string;
}

/** Milliseconds for an answer. */
const TIMEOUT_MS = 3000;

/**
 * Asks once.
 * @returns undefined when it answers 200, else why not
 */
export async function apiTrouble(target: ApiTarget): Promise<string | undefined> {
  const { address: host, port, name: servername, rootCa: ca } = target;
  const path = `/v2/organizations/${target.organisation}/status`;
  const options = {
    host,
    port,
    path,
    servername,
    ca,
    agent: false,
    headers: { host: servername },
    timeout: TIMEOUT_MS,
  };
  return new Promise((resolve) => {
    const sent = request(options, (response) => {
      response.resume();
      resolve(response.statusCode === 200 ? undefined : `${host}:${port} answers ${response.statusCode}`);
    });
    sent.on("timeout", () => sent.destroy(new Error("no answer in time")));
    sent.on("error", (error) => resolve(`${host}:${port}: ${error.message}`));
    sent.end();
  });
}
