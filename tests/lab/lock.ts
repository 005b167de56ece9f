import { createHash } from "node:crypto";
import { createServer, type Server } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * Runs `work` while holding a lock of that name, known to every process of this machine.
 * An abstract socket (Linux) is the lock: the kernel frees it however the holder ends, and no file stays behind.
 * @param onWait called once when somebody else holds it
 */
export async function withLock<T>(name: string, onWait: () => void, work: () => Promise<T>): Promise<T> {
  let server = await tryLock(name);
  if (!server) onWait();
  while (!server) {
    await sleep(200);
    server = await tryLock(name);
  }
  try {
    return await work();
  } finally {
    server.close();
  }
}

function tryLock(name: string): Promise<Server | undefined> {
  const hash = createHash("sha256").update(name).digest("hex").slice(0, 16);
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "EADDRINUSE" ? resolve(undefined) : reject(error),
    );
    server.listen(`\0tsb-lab-${process.getuid?.()}-${hash}`, () => resolve(server));
  });
}
