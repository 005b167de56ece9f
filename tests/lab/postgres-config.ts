/** The two configuration files of a lab database; pure text. */

/** The database's own port; the front envoy shows 5432 to the outside. */
export const POSTGRES_PORT = 15432;

export interface PrimaryConnection {
  /** Name that the primary's certificate must be valid for. */
  host: string;
  address: string;
  port: number;
  user: string;
  slot: string;
}

export interface PostgresFolders {
  data: string;
  socket: string;
  /** server.crt, server.key, root.crt and the password file. */
  tls: string;
}

export interface PostgresSettings {
  clusterName: string;
  listenAddress: string;
  folders: PostgresFolders;
  primary?: PrimaryConnection | undefined;
}

/**
 * postgresql.conf, kept outside the data folder so that a clone never brings along its source's settings.
 * fsync is off: the lab kills processes, not machines, and the page cache survives that.
 */
export function postgresqlConf({ clusterName, listenAddress, folders, primary }: PostgresSettings): string {
  const settings: Record<string, string> = {
    cluster_name: clusterName,
    listen_addresses: listenAddress,
    port: String(POSTGRES_PORT),
    unix_socket_directories: folders.socket,
    hba_file: `${folders.tls}/pg_hba.conf`,
    max_connections: "60",
    shared_buffers: "16MB",
    fsync: "off",
    // In the data folder: a killed server would leave its POSIX shared memory in /dev/shm for ever.
    dynamic_shared_memory_type: "mmap",
    wal_level: "replica",
    wal_log_hints: "on",
    hot_standby: "on",
    max_wal_senders: "10",
    max_replication_slots: "10",
    max_slot_wal_keep_size: "1GB",
    max_wal_size: "256MB",
    wal_sender_timeout: "5s",
    wal_receiver_timeout: "5s",
    wal_receiver_status_interval: "1s",
    wal_retrieve_retry_interval: "500ms",
    password_encryption: "scram-sha-256",
    ssl: "on",
    ssl_cert_file: `${folders.tls}/server.crt`,
    ssl_key_file: `${folders.tls}/server.key`,
    ssl_min_protocol_version: "TLSv1.2",
    log_line_prefix: "%m [%p] ",
    log_timezone: "UTC",
    timezone: "UTC",
    ...(primary && {
      primary_conninfo: connectionString(primary, folders),
      primary_slot_name: primary.slot,
    }),
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`)
    .join("");
}

/** libpq's words for a verified connection to the primary; the password stays in the password file. */
export function connectionString(primary: PrimaryConnection, folders: PostgresFolders): string {
  return Object.entries({
    host: primary.host,
    hostaddr: primary.address,
    port: String(primary.port),
    user: primary.user,
    passfile: `${folders.tls}/passfile`,
    sslmode: "verify-full",
    sslrootcert: `${folders.tls}/root.crt`,
    channel_binding: "require",
    connect_timeout: "5",
  })
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");
}

/** Over the network: TLS and scram only, and nobody but TSB's own user and the replication user. */
export function pgHba(user: string, replicationUser: string): string {
  return [
    "local all all trust",
    "local replication all trust",
    "hostnossl all all all reject",
    "hostnossl replication all all reject",
    `hostssl replication "${replicationUser}" all scram-sha-256`,
    `hostssl tsb "${user}" all scram-sha-256`,
    "",
  ].join("\n");
}
