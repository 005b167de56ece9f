import { readFileSync, writeFileSync } from "node:fs";
import { stringify } from "yaml";
import type { CertificateFiles } from "./certificates.ts";

/** One context: a cluster, and a user who shows a client certificate. */
export interface ContextSource {
  readonly name: string;
  readonly server: string;
  readonly caFile: string;
  readonly client: CertificateFiles;
}

const base64 = (file: string) => readFileSync(file).toString("base64");

/**
 * Writes a kubeconfig (mode 0600) with everything embedded.
 * @param current name of the current context; by default none is set, so that a command without --context fails
 */
export function writeKubeconfig(file: string, contexts: readonly ContextSource[], current = ""): void {
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: contexts.map(({ name, server, caFile }) => ({
      name,
      cluster: { server, "certificate-authority-data": base64(caFile) },
    })),
    users: usersOf(contexts),
    contexts: contexts.map(({ name }) => ({ name, context: { cluster: name, user: name } })),
    "current-context": current,
  };
  writeFileSync(file, stringify(config), { mode: 0o600 });
}

/**
 * Writes a kubeconfig (mode 0600) that has users only. Named before another one (KUBECONFIG=this:other), these users take
 * the place of those of the same names: of two that differ, kubectl believes the first.
 */
export function writeUsers(file: string, contexts: readonly ContextSource[]): void {
  writeFileSync(file, stringify({ apiVersion: "v1", kind: "Config", users: usersOf(contexts) }), { mode: 0o600 });
}

function usersOf(contexts: readonly ContextSource[]) {
  return contexts.map(({ name, client }) => ({
    name,
    user: { "client-certificate-data": base64(client.certFile), "client-key-data": base64(client.keyFile) },
  }));
}
