/** What the parts of the rehearsal lab know of each other. */

/** A child process of the lab's supervisor; it dies with the supervisor, however that ends. */
export interface Daemon {
  readonly name: string;
  readonly pid: number;
  /** Resolves when the process is gone, whatever ended it. */
  readonly exited: Promise<void>;
  kill(signal: NodeJS.Signals): void;
}

export interface DaemonOptions {
  /** Complete environment of the process; nothing is inherited. */
  env?: Record<string, string>;
  cwd?: string;
  /** Run as this system user when the lab runs as root (PostgreSQL refuses root). */
  user?: string;
  /** File that stdout and stderr are appended to. */
  logFile: string;
}

/** JSON over the API server's HTTPS port, as cluster-admin with a client certificate. */
export interface KubeApi {
  /** @returns the object, or undefined when the server answers 404 */
  get<T>(path: string): Promise<T | undefined>;
  /** Server-side apply (field manager "tsb-operator", forced). */
  apply<T>(path: string, object: object): Promise<T>;
  /** JSON merge patch; `subresource` is part of the path. */
  mergePatch<T>(path: string, patch: object): Promise<T>;
  delete(path: string): Promise<void>;
}

export interface LabCluster {
  /** Also the kube context's name: "mp1", "cp1". */
  readonly name: string;
  readonly kind: "mp" | "cp";
  /** $LAB_DIR/<name>: readable and searchable by the Postgres user. */
  readonly dir: string;
  /** Loopback address that every LoadBalancer service of this cluster gets, and its front envoy listens on. */
  readonly frontAddress: string;
  readonly api: KubeApi;
}

export interface Lab {
  readonly dir: string;
  /** Scales every deliberate delay of the stand-ins; 1 is the default, 0 none. */
  readonly pace: number;
  /** The floating FQDN, e.g. active.tsb.example.com. */
  readonly floatDns: string;
  readonly clusters: readonly LabCluster[];
  /** Resolves through the lab's BIND, following CNAMEs; throws the resolver's error. */
  resolve(name: string): Promise<string>;
  /** Starts a daemon as a direct child. */
  daemon(name: string, argv: readonly string[], options: DaemonOptions): Daemon;
  /** A line in $LAB_DIR/lab.log. */
  log(line: string): void;
}

/** The stand-in for all TSB software on one cluster: operator, front envoy, API, database (mp); operator and edge (cp). */
export interface StandIn {
  start(): Promise<void>;
  /** As on SIGKILL of the whole site: database killed, sockets torn down, reconciling stopped, nothing tidied up. */
  kill(): Promise<void>;
  /** Orderly end; the lab goes down. */
  stop(): Promise<void>;
}
