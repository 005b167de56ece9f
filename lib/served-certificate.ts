/** The certificate that a front envoy really shows, by a TLS connection of our own. */

import type { X509Certificate } from "node:crypto";
import { connect } from "node:tls";
import { parseCertificate } from "./certificate.ts";
import { describe, type Looker, openLooker } from "./dns-look.ts";
import { messageOf, StepError } from "./errors.ts";
import { type Look, waitFor } from "./wait.ts";

/** Whom to connect to, and what to trust. */
export interface Endpoint {
  /** FQDN: resolved, sent as SNI, and looked for in the certificate. */
  name: string;
  port: number;
  /** Roots (PEM, one or more). */
  trustPem: string;
  /** Seconds for one connection. */
  timeoutSeconds: number;
}

/**
 * Connects to every address that the name leads to and verifies what is shown there.
 * @returns the certificates, one for each address
 * @throws StepError when the name has no address, nothing answers, or the certificate does not hold
 */
export async function servedCertificates(endpoint: Endpoint, looker: Looker): Promise<X509Certificate[]> {
  const addresses = await addressesOf(endpoint.name, looker);
  return Promise.all(addresses.map((address) => handshake(endpoint, address)));
}

/**
 * Waits until a name is served with the certificate given, at each of its addresses.
 * @throws StepError after waitSeconds, naming the serials
 */
export async function waitUntilServed(
  endpoint: Endpoint,
  certPem: string,
  options: { looker: Looker; waitSeconds: number; next: string },
): Promise<X509Certificate> {
  const wanted = parseCertificate(certPem);
  if (!wanted) throw new Error("not a certificate");
  return waitFor({
    what: `the new certificate at ${endpoint.name}:${endpoint.port}`,
    timeoutSeconds: options.waitSeconds,
    look: async (): Promise<Look<X509Certificate>> => {
      const other = (await servedCertificates(endpoint, options.looker)).find(
        ({ fingerprint256 }) => fingerprint256 !== wanted.fingerprint256,
      );
      if (!other) return { done: wanted };
      return { pending: `${endpoint.name} shows serial ${other.serialNumber}, wanted: ${wanted.serialNumber}` };
    },
    next: options.next,
  });
}

async function addressesOf(name: string, looker: Looker): Promise<readonly string[]> {
  const answer = await looker.look(name);
  if (answer.kind === "found" && answer.addresses.length > 0) return answer.addresses;
  // A server that has the zone only does not follow a CNAME out of it; the system's resolver does.
  const beyond = answer.kind === "found" && answer.cname ? await (await openLooker()).look(answer.cname) : answer;
  if (beyond.kind === "found" && beyond.addresses.length > 0) return beyond.addresses;
  throw new StepError(`${name} has no address (${looker.server} answers: ${describe(answer)})`, {
    next: "make active-dns",
  });
}

function handshake({ name, port, trustPem, timeoutSeconds }: Endpoint, address: string): Promise<X509Certificate> {
  const where = `${name}:${port} (${address})`;
  const fail = (words: string) =>
    new StepError(`the TLS connection to ${where} failed: ${words}`, {
      next: `look: openssl s_client -connect ${address}:${port} -servername ${name}`,
    });
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, servername: name, ca: trustPem, timeout: timeoutSeconds * 1000 });
    socket.once("secureConnect", () => {
      const shown = socket.getPeerX509Certificate();
      socket.destroy();
      if (shown) resolve(shown);
      else reject(fail("no certificate was shown"));
    });
    socket.once("timeout", () => socket.destroy(new Error(`no answer within ${timeoutSeconds} s`)));
    socket.once("error", (error) => reject(fail(messageOf(error))));
  });
}
