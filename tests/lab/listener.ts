/** A server socket that can be opened, closed and torn down, with every connection on it. */
import { once } from "node:events";
import type { Server, Socket } from "node:net";

/** Keeps track of connections, so that closing means closed. */
export class Listener {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @throws the socket's error when the address is taken or not allowed */
  static async open(server: Server, port: number, address: string): Promise<Listener> {
    const listener = new Listener(server);
    server.on("connection", (socket: Socket) => {
      listener.#sockets.add(socket);
      socket.once("close", () => listener.#sockets.delete(socket));
    });
    server.listen(port, address);
    await once(server, "listening");
    return listener;
  }

  /** Ends listening and destroys every connection. */
  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
