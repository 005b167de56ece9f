import { execFile } from "node:child_process";
import { createReadStream, existsSync, mkdirSync } from "node:fs";
import { stat } from "node:fs/promises";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { join, normalize } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const charts = join(import.meta.dirname, "charts");

/** Repositories by name, with their charts and the versions each is packaged as. */
const repositories = {
  tetrate: { managementplane: ["1.12.0", "1.12.1"], controlplane: ["1.12.0", "1.12.1"] },
  jetstack: { "cert-manager": ["v1.16.2"] },
} as const;

/** Packages the stand-in charts and serves them as helm repositories: URL/tetrate and URL/jetstack. */
export class ChartRepository {
  readonly #dir: string;
  readonly #helm: string;

  constructor(dir: string, helm: string) {
    this.#dir = dir;
    this.#helm = helm;
  }

  /** @param url where `server` answers */
  async serve(server: Server, url: string): Promise<void> {
    mkdirSync(this.#dir);
    server.on("request", (request, response) => void this.#answer(request, response));
    await Promise.all(Object.entries(repositories).map(([name, contents]) => this.#fill(name, contents, url)));
  }

  async #fill(name: string, contents: Readonly<Record<string, readonly string[]>>, url: string): Promise<void> {
    const dir = join(this.#dir, name);
    mkdirSync(dir, { recursive: true });
    const packages = Object.entries(contents).flatMap(([chart, versions]) =>
      versions.map((version) => ({ chart, version })),
    );
    await Promise.all(
      packages.map(({ chart, version }) =>
        this.#run("package", join(charts, chart), "--version", version, "--app-version", version, "-d", dir),
      ),
    );
    await this.#run("repo", "index", dir, "--url", `${url}/${name}`);
  }

  async #run(...args: string[]): Promise<void> {
    // Without these helm would read and write the user's own folders.
    const home = join(this.#dir, ".helm");
    const env = { HELM_CACHE_HOME: home, HELM_CONFIG_HOME: home, HELM_DATA_HOME: home, HOME: home };
    await run(this.#helm, args, { env });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // normalize resolves ".." before join can leave the folder.
    const file = join(this.#dir, normalize(`/${new URL(request.url ?? "/", "http://lab").pathname}`));
    const found = existsSync(file) && (await stat(file)).isFile() && !file.includes("/.helm/");
    if (!found) {
      response.writeHead(404).end("not found\n");
      return;
    }
    response.writeHead(200, { "content-type": file.endsWith(".yaml") ? "text/yaml" : "application/gzip" });
    createReadStream(file).pipe(response);
  }
}
