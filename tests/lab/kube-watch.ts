/** Reads that cost a request once: collections are listed and then watched, as Kubernetes' own client libraries do. */
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { KubeObject, ListOf } from "./objects.ts";

const RETRY_AFTER_MS = 1000;

/** What a watch needs of a client. */
export interface WatchSource {
  /** @returns undefined when the server answers 404 */
  list(path: string): Promise<(ListOf<KubeObject> & { metadata: { resourceVersion: string } }) | undefined>;
  /** Text with one JSON object a line, for as long as the connection lasts. */
  stream(path: string): Promise<Readable>;
}

/** The objects of one collection, as of the last event. */
export class Watch {
  readonly #source: WatchSource;
  readonly #path: string;
  #objects = new Map<string, KubeObject>();
  #isInSync = false;
  /** What we wrote ourselves and did not hear of yet, by name; undefined for what we deleted. */
  readonly #behind = new Map<string, string | undefined>();

  /** @param path of the collection, with its query if it has one; watched from now on */
  constructor(source: WatchSource, path: string) {
    this.#source = source;
    this.#path = path;
    void this.#run();
  }

  /** All objects; undefined while they are not known for certain. */
  all(): KubeObject[] | undefined {
    return this.#isInSync && this.#behind.size === 0 ? [...this.#objects.values()] : undefined;
  }

  /** Whether the object is known for certain, and if so, it; undefined in it when there is none. */
  one(name: string): { object: KubeObject | undefined } | undefined {
    return this.#isInSync && !this.#behind.has(name) ? { object: this.#objects.get(name) } : undefined;
  }

  /** Says that we wrote an object: until the watch tells of it, it is not known. */
  wrote(name: string, resourceVersion: string | undefined): void {
    if (this.#isOlder(this.#objects.get(name), resourceVersion)) this.#behind.set(name, resourceVersion);
  }

  #isOlder(known: KubeObject | undefined, resourceVersion: string | undefined): boolean {
    if (resourceVersion === undefined) return known !== undefined && known.metadata.deletionTimestamp === undefined;
    return known === undefined || BigInt(known.metadata.resourceVersion ?? 0) < BigInt(resourceVersion);
  }

  async #run(): Promise<void> {
    for (;;) {
      await this.#follow().catch(() => undefined);
      this.#isInSync = false;
      await sleep(RETRY_AFTER_MS, undefined, { ref: false });
    }
  }

  async #follow(): Promise<void> {
    // What was written before the list is in it.
    this.#behind.clear();
    const list = await this.#source.list(this.#path);
    if (list === undefined) return;
    this.#objects = new Map(list.items.map((item) => [item.metadata.name, item]));
    const joint = this.#path.includes("?") ? "&" : "?";
    const since = list.metadata.resourceVersion;
    const stream = await this.#source.stream(`${this.#path}${joint}watch=true&resourceVersion=${since}`);
    this.#isInSync = true;
    let rest = "";
    for await (const chunk of stream) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.#take(JSON.parse(line));
    }
  }

  #take({ type, object }: { type: string; object: KubeObject }): void {
    if (type === "ERROR") throw new Error("the server ended the watch");
    const { name } = object.metadata;
    if (type === "DELETED") this.#objects.delete(name);
    else this.#objects.set(name, object);
    if (this.#behind.has(name) && !this.#isOlder(this.#objects.get(name), this.#behind.get(name)))
      this.#behind.delete(name);
  }
}
