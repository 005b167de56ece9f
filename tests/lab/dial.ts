/** HTTPS to a name that the lab's DNS resolved, with the certificate verified as strictly as Go programs do. */
import { X509Certificate } from "node:crypto";
import { Agent, request } from "node:https";
import { isIP } from "node:net";
import { createSecureContext, type PeerCertificate, type SecureContext } from "node:tls";

// Longer than a machine may stand still whose processors a hypervisor gives to others.
const TIMEOUT_MS = 20_000;

/** Whom to dial, and what to trust. */
export interface Endpoint {
  /** Name or address that the certificate must be valid for; also the Host header. */
  host: string;
  port: number;
  /** What `host` resolves to. */
  address: string;
  /** Trusted roots, PEM; without it only public authorities are trusted. */
  ca?: string | undefined;
  /** Skip every check of the certificate. */
  insecure?: boolean | undefined;
}

export interface Call {
  method: string;
  path: string;
  headers?: Record<string, string>;
  body?: object;
}

export interface Answer {
  status: number;
  text: string;
}

/**
 * One request on a connection of its own (a failover must not hide behind a kept connection).
 * @throws Error worded as Go's net and crypto/x509 packages word it
 */
export function dial(endpoint: Endpoint, call: Call): Promise<Answer> {
  const { host, port, address } = endpoint;
  const payload = call.body === undefined ? undefined : JSON.stringify(call.body);
  const headers: Record<string, string> = { host: port === 443 ? host : `${host}:${port}`, ...call.headers };
  if (payload !== undefined) {
    headers["content-type"] = "application/json";
    headers["content-length"] = String(Buffer.byteLength(payload));
  }
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        agent: new Agent({ keepAlive: false, maxCachedSessions: 0 }),
        host: address,
        port,
        method: call.method,
        path: call.path,
        headers,
        ...(isIP(host) ? {} : { servername: host }),
        ...(endpoint.ca === undefined ? {} : { secureContext: contextOf(endpoint.ca) }),
        rejectUnauthorized: !endpoint.insecure,
        checkServerIdentity: (_name: string, certificate: PeerCertificate) => identityError(host, certificate),
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () =>
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") }),
        );
      },
    );
    sent.setTimeout(TIMEOUT_MS, () => sent.destroy(new Error(`dial tcp ${address}:${port}: i/o timeout`)));
    sent.on("error", (error) => reject(new Error(wordedAsGo(error, endpoint), { cause: error })));
    sent.end(payload);
  });
}

/** Reading the roots anew takes longer than all the rest of a heartbeat. */
const contexts = new Map<string, SecureContext>();

function contextOf(ca: string): SecureContext {
  const context = contexts.get(ca) ?? createSecureContext({ ca });
  contexts.set(ca, context);
  return context;
}

/** Go ignores the common name: only subject alternative names count. */
function identityError(host: string, certificate: PeerCertificate): Error | undefined {
  const leaf = new X509Certificate(certificate.raw);
  const names = (leaf.subjectAltName ?? "")
    .split(", ")
    .map((entry) => entry.replace(/^(DNS|IP Address):/, ""))
    .filter((entry) => entry !== "" && !entry.startsWith("URI:"));
  const isValid = isIP(host) ? leaf.checkIP(host) : names.length > 0 && leaf.checkHost(host, { subject: "never" });
  if (isValid) return undefined;
  if (names.length === 0) return new Error("x509: certificate relies on legacy Common Name field, use SANs instead");
  return new Error(`x509: certificate is valid for ${names.join(", ")}, not ${host}`);
}

function wordedAsGo(error: NodeJS.ErrnoException, endpoint: Endpoint): string {
  const where = `dial tcp ${endpoint.address}:${endpoint.port}`;
  switch (error.code) {
    case "UNABLE_TO_VERIFY_LEAF_SIGNATURE":
    case "SELF_SIGNED_CERT_IN_CHAIN":
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
    case "UNABLE_TO_GET_ISSUER_CERT":
    case "UNABLE_TO_GET_ISSUER_CERT_LOCALLY":
    case "CERT_SIGNATURE_FAILURE":
      return `tls: failed to verify certificate for ${endpoint.host}:${endpoint.port}: x509: certificate signed by unknown authority`;
    case "CERT_HAS_EXPIRED":
    case "CERT_NOT_YET_VALID":
      return "tls: failed to verify certificate: x509: certificate has expired or is not yet valid";
    case "ECONNREFUSED":
      return `${where}: connect: connection refused`;
    case "ECONNRESET":
      return `${where}: read: connection reset by peer`;
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return `${where}: connect: no route to host`;
    default:
      return error.message.startsWith("x509:") ? `tls: failed to verify certificate: ${error.message}` : error.message;
  }
}
