import { request } from "node:http";
import { join } from "node:path";
import type { ControlRequest, LabStatus } from "./control-server.ts";

/** The supervisor said no; the message is its own. */
export class ControlError extends Error {}

/** Speaks with the supervisor of a lab. */
export class ControlClient {
  readonly #socketPath: string;

  constructor(dir: string) {
    this.#socketPath = join(dir, "control.sock");
  }

  /** @returns undefined when no supervisor answers (within 5 seconds) */
  async status(): Promise<LabStatus | undefined> {
    try {
      return JSON.parse(await this.#send("GET", "/status", undefined, 5));
    } catch (error) {
      if (error instanceof ControlError) throw error;
      return undefined;
    }
  }

  /** @throws ControlError when it refuses; the socket's error when nobody answers */
  async post(path: "/kill" | "/revive" | "/signal" | "/restart" | "/down", body: ControlRequest = {}): Promise<void> {
    await this.#send("POST", path, body, 120);
  }

  #send(method: string, path: string, body: ControlRequest | undefined, seconds: number): Promise<string> {
    return new Promise((resolve, reject) => {
      const call = request({ socketPath: this.#socketPath, method, path, timeout: seconds * 1000 }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.once("end", () => {
          const text = Buffer.concat(chunks).toString("utf8");
          if (answer.statusCode === 200) resolve(text);
          else reject(new ControlError(errorIn(text)));
        });
      });
      call.once("timeout", () => call.destroy(new Error(`the lab's supervisor did not answer within ${seconds} s`)));
      call.once("error", reject);
      call.end(body && JSON.stringify(body));
    });
  }
}

function errorIn(text: string): string {
  const answer: { error?: string } = JSON.parse(text);
  return answer.error ?? text;
}
