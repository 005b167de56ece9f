import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer as createHttpServer, type Server } from "node:http";
import { createServer } from "node:net";

/** Port of the chart repositories, on the first address of the lab's network. */
const chartPort = 8081;

/** A loopback /24 that belongs to one lab, so that no two labs meet on a port. */
export interface Network {
  /** "127.A.B" */
  readonly prefix: string;
  /** Listens on the network's first address: serves the charts, and by that holds the network. */
  readonly server: Server;
  readonly chartUrl: string;
}

/** Addresses of the i-th cluster of a lab. */
export function clusterAddresses(prefix: string, index: number): { node: string; front: string } {
  return { node: `${prefix}.${20 + index}`, front: `${prefix}.${100 + index}` };
}

/** Claims a network that nobody uses. */
export async function claimNetwork(): Promise<Network> {
  for (;;) {
    // Low numbers are what people pick by hand (127.0.1.1 on Debian): stay away from them.
    const [a, b] = [64 + Math.floor(Math.random() * 190), 1 + Math.floor(Math.random() * 254)];
    if (isUsed(a, b)) continue;
    const server = createHttpServer();
    const host = `127.${a}.${b}.1`;
    if (await listens(server, chartPort, host))
      return { prefix: `127.${a}.${b}`, server, chartUrl: `http://${host}:${chartPort}` };
  }
}

/** A port that is free for TCP and UDP on 127.0.0.1, below the range that outgoing connections take theirs from. */
export async function freeNameServerPort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    const tcp = createServer();
    const udp = createSocket("udp4");
    const free = (await listens(tcp, port, "127.0.0.1")) && (await binds(udp, port));
    tcp.close();
    udp.close();
    if (free) return port;
  }
}

/** Whether a TCP socket anywhere on the machine is bound to that /24. */
function isUsed(a: number, b: number): boolean {
  const hex = (n: number) => n.toString(16).toUpperCase().padStart(2, "0");
  // The kernel prints addresses in host byte order: 127.A.B.x is "xxBBAA7F".
  return new RegExp(`: \\w\\w${hex(b)}${hex(a)}7F:`).test(readFileSync("/proc/net/tcp", "utf8"));
}

async function listens(
  server: { listen(port: number, host: string): NodeJS.EventEmitter },
  port: number,
  host: string,
): Promise<boolean> {
  try {
    await once(server.listen(port, host), "listening");
    return true;
  } catch {
    return false; // Taken: the caller tries another.
  }
}

async function binds(socket: ReturnType<typeof createSocket>, port: number): Promise<boolean> {
  try {
    socket.bind(port, "127.0.0.1");
    await once(socket, "listening");
    return true;
  } catch {
    return false; // Taken: the caller tries another.
  }
}
