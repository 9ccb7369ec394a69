/**
 * The health answers by HTTP, for load balancers and container platforms: `/healthz` says 200 as long
 * as the process answers at all, `/readyz` 200 or 503 by {@linkcode Readiness} (S-DRN-1).
 *
 * It has a port of its own, so that it can be kept from the world; it tells nothing but its state.
 *
 * @module
 */
import type { Readiness } from "./readiness.ts";

/** Where {@linkcode Health} listens.
 * @category Server */
export interface HealthOptions {
  /** The address to listen on. */
  readonly hostname: string;
  /** 0 picks a free one. */
  readonly port: number;
}

const HEADERS = {
  "content-type": "application/json",
  "cache-control": "no-store",
  // A probe comes every few seconds: keeping its connection would keep the listener at the end.
  "connection": "close",
};

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
  readonly #http: Deno.HttpServer<Deno.NetAddr>;
  readonly #stop = new AbortController();

  /** Starts to listen. @throws {Deno.errors.AddrInUse} The port is taken. */
  constructor({ hostname, port }: HealthOptions, readiness: Pick<Readiness, "check">) {
    this.#http = Deno.serve(
      { hostname, port, signal: this.#stop.signal, onListen: () => {} },
      (request) => answer(request, readiness),
    );
    this.addr = this.#http.addr;
  }

  /** Closes the port and what is open on it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#http.finished;
  }
}

async function answer(request: Request, readiness: Pick<Readiness, "check">): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (pathname !== "/healthz" && pathname !== "/readyz") return say(404, { status: "unknown" });
  if (request.method !== "GET" && request.method !== "HEAD") {
    return say(405, { status: "unknown" }, { allow: "GET, HEAD" });
  }
  if (pathname === "/healthz") return say(200, { status: "alive" });
  const state = await readiness.check();
  return state.ready
    ? say(200, { status: "ready" })
    : say(503, { status: "unready", reason: state.reason });
}

function say(
  status: number,
  body: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(JSON.stringify(body) + "\n", { status, headers: { ...HEADERS, ...headers } });
}
