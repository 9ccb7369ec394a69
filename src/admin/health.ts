/** The health port: a listener of its own that answers two questions by HTTP. @module */
import { HttpServer, PROBE_LIMITS } from "./http.ts";
import type { HttpAnswer, HttpRequest } from "./http_request.ts";
import { type Logger, silentLogger } from "../log.ts";
import type { Readiness } from "./readiness.ts";

/** Where {@linkcode Health} listens.
 * @category Server */
export interface HealthOptions {
  /** The address to listen on. */
  readonly hostname: string;
  /** 0 picks a free one. */
  readonly port: number;
}

/**
 * A running health listener; dispose of it after the server has stopped.
 *
 * @example
 * ```ts
 * import { DiskStorage, Health, Readiness, serve } from "../../mod.ts";
 *
 * const folder = await Deno.makeTempDir();
 * {
 *   await using storage = await DiskStorage.open(folder);
 *   await using server = serve({ storage, port: 0 });
 *   const readiness = new Readiness({ server, storage });
 *   await using health = new Health({ hostname: "127.0.0.1", port: 0 }, readiness);
 *   const { status, body } = await fetch(`http://127.0.0.1:${health.addr.port}/readyz`);
 *   await body?.cancel();
 *   console.assert(status === 200);
 * }
 * await Deno.remove(folder, { recursive: true });
 * ```
 * @category Server
 */
export class Health implements AsyncDisposable {
  /** Where it listens. */
  readonly addr: Deno.NetAddr;
  readonly #server: HttpServer;

  /** Starts to listen. @throws {Deno.errors.AddrInUse} The port is taken. */
  constructor(
    { hostname, port }: HealthOptions,
    readiness: Pick<Readiness, "check">,
    log: Logger = silentLogger,
  ) {
    const listener = Deno.listen({ hostname, port });
    this.addr = listener.addr as Deno.NetAddr;
    this.#server = new HttpServer(
      listener,
      async (request) => await answerProbe(request, readiness) ?? say(404, { status: "unknown" }),
      PROBE_LIMITS,
      log,
    );
  }

  /** Closes the port and what is open on it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }
}

/** The answer to a probe; undefined for every other path. */
export async function answerProbe(
  { method, path }: Pick<HttpRequest, "method" | "path">,
  readiness: Pick<Readiness, "check">,
): Promise<HttpAnswer | undefined> {
  if (path !== "/healthz" && path !== "/readyz") return undefined;
  if (method !== "GET" && method !== "HEAD") {
    return say(405, { status: "unknown" }, { allow: "GET, HEAD" });
  }
  if (path === "/healthz") return say(200, { status: "alive" });
  const state = await readiness.check();
  return state.ready
    ? say(200, { status: "ready" })
    : say(503, { status: "unready", reason: state.reason });
}

function say(
  status: number,
  body: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): HttpAnswer {
  const type = { "content-type": "application/json" };
  return { status, headers: { ...type, ...headers }, body: JSON.stringify(body) + "\n" };
}
