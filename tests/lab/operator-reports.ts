/** How an operator tells what became of a round: log, Ready condition, event. */
import type { KubeApi } from "./lab.ts";
import type { Condition, KubeObject } from "./objects.ts";
import { reportReady, warn } from "./operator-apply.ts";
import type { OperatorLog } from "./operator-log.ts";
import { Blocked, messageOf, type Verdict } from "./operator-verdict.ts";

const REPEAT_ERRORS_AFTER_MS = 10_000;

type Resource = KubeObject & { status?: { conditions?: Condition[] } };

/** Says everything once, except errors: those again every 10 s. */
export class Reports {
  readonly #api: KubeApi;
  readonly #path: string;
  readonly #log: OperatorLog;
  #lastError = { message: "", at: 0 };

  /** @param path of the resource that carries the condition */
  constructor(api: KubeApi, path: string, log: OperatorLog) {
    this.#api = api;
    this.#path = path;
    this.#log = log;
  }

  /** A new or changed resource is not ready until a round has looked at it. @returns whether it was news */
  async acknowledge(resource: Resource): Promise<boolean> {
    const { generation } = resource.metadata;
    if (resource.status?.conditions?.some(({ observedGeneration }) => observedGeneration === generation)) return false;
    const verdict = { ready: false, reason: "Reconciling", message: `reconciling generation ${generation}` };
    return reportReady(this.#api, this.#path, resource, verdict);
  }

  /** The round went well. */
  async succeeded(resource: Resource, verdict: Verdict): Promise<void> {
    const isNews = await reportReady(this.#api, this.#path, resource, verdict);
    if (isNews) this.#log.info(`${verdict.ready ? "ready" : "not ready yet"}: ${verdict.message}`);
    this.#lastError = { message: "", at: 0 };
  }

  /** It did not. What isn't Blocked is trouble of the lab's own and stays out of the resource. */
  async failed(resource: Resource, error: unknown): Promise<void> {
    const message = messageOf(error);
    const isNews = message !== this.#lastError.message;
    if (isNews || Date.now() - this.#lastError.at > REPEAT_ERRORS_AFTER_MS) {
      this.#log.error(message);
      this.#lastError = { message, at: Date.now() };
    }
    if (!(error instanceof Blocked)) return;
    await reportReady(this.#api, this.#path, resource, { ready: false, reason: error.reason, message });
    if (isNews) await warn(this.#api, resource, error.reason, message);
  }
}
