import { execFile } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Paths of a certificate and its key, both PEM. */
export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** What a leaf is for. */
export interface LeafRequest {
  /** Also the file's name. */
  readonly name: string;
  /** The user name, for a client. */
  readonly commonName: string;
  /** The group, for a client. */
  readonly organization?: string;
  /** IP addresses, for a server. */
  readonly addresses?: readonly string[];
}

const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", "3650"];

/** The certificate authority of one cluster: EC P-256, made by openssl in `dir`, which is private. */
export class CertificateAuthority {
  readonly caFile: string;
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
    this.caFile = join(dir, "ca.crt");
  }

  /** Makes the CA itself. Needs OpenSSL 3. */
  async create(name: string): Promise<void> {
    mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
    const files = ["-out", this.caFile, "-keyout", join(this.#dir, "ca.key")];
    await run("openssl", [
      "req",
      "-x509",
      ...newKey,
      ...files,
      "-subj",
      `/CN=lab ${name} CA`,
      "-addext",
      "keyUsage=critical,keyCertSign",
    ]);
  }

  /** A leaf for servers when it has addresses, else for clients. */
  async issue(request: LeafRequest): Promise<CertificateFiles> {
    const files = this.files(request.name);
    const subject = `${request.organization ? `/O=${request.organization}` : ""}/CN=${request.commonName}`;
    const names = request.addresses
      ? [
          "-addext",
          `subjectAltName=${request.addresses.map((ip) => `IP:${ip}`).join(",")}`,
          "-addext",
          "extendedKeyUsage=serverAuth",
        ]
      : ["-addext", "extendedKeyUsage=clientAuth"];
    const signer = ["-CA", this.caFile, "-CAkey", join(this.#dir, "ca.key")];
    const target = ["-out", files.certFile, "-keyout", files.keyFile, "-subj", subject];
    await run("openssl", [
      "req",
      "-x509",
      ...newKey,
      ...signer,
      ...target,
      "-addext",
      "basicConstraints=critical,CA:FALSE",
      ...names,
    ]);
    return files;
  }

  /** Where a leaf of that name lies. */
  files(name: string): CertificateFiles {
    return { certFile: join(this.#dir, `${name}.crt`), keyFile: join(this.#dir, `${name}.key`) };
  }
}
