/**
 * Answers over HTTP whether a server is alive and whether it is ready, for load balancers and container
 * platforms. `/healthz` says 200 as long as the process answers at all, `/readyz` says 200 or 503 by
 * {@linkcode Readiness} (S-DRN-1).
 *
 * The listener has a port of its own, so that a firewall can close it to clients. It tells nothing else.
 *
 * @module
 */
import { type Logger, silentLogger } from "../log.ts";
import type { Server } from "../server/mod.ts";
import type { FileStorage } from "../storage/mod.ts";
import type { SessionStore } from "../store/mod.ts";
import { LATE, within } from "../within.ts";

/** What a server needs to be ready.
 * @category Server */
export interface ReadinessParts {
  /** The server, or whatever knows whether it stops. */
  readonly server: Pick<Server, "stopping">;
  /** Where files go. */
  readonly storage: Pick<FileStorage, "check">;
  /** Absent where there are no sessions. */
  readonly store?: Pick<SessionStore, "stats"> | undefined;
}

/**
 * Why a server is not ready: it was told to stop; sessions cannot be remembered; files cannot be kept;
 * a part of the server does not answer.
 * @category Server
 */
export type UnreadyReason = "stopping" | "store" | "storage" | "workers";

/** Whether a server should get new connections.
 * @category Server */
export type ReadyState =
  | { readonly ready: true }
  | { readonly ready: false; readonly reason: UnreadyReason };

/** An answer holds for this long: frequent probes must not make the server write to its disk all day. */
const KEEP_MS = 1000;

/** A part that takes longer to answer counts as not ready. */
const PATIENCE_MS = 1500;

const READY: ReadyState = { ready: true };

/** Looks at the parts of a server when asked, at most once a second.
 * @category Server */
export class Readiness {
  readonly #parts: ReadinessParts;
  readonly #log: Logger;
  #last: { readonly at: number; readonly state: Promise<ReadyState> } | undefined;
  #told: UnreadyReason | undefined;

  /** Looks at these parts when asked. @param log Has a line when the server is no longer ready, or is again. */
  constructor(parts: ReadinessParts, log: Logger = silentLogger) {
    this.#parts = parts;
    this.#log = log;
  }

  /** Whether the server is ready, or why not. Never rejects. */
  check(): Promise<ReadyState> {
    // A stop counts at once, although an earlier answer may still hold (S-DRN-1).
    if (this.#parts.server.stopping) return Promise.resolve({ ready: false, reason: "stopping" });
    const now = performance.now();
    if (this.#last === undefined || now - this.#last.at > KEEP_MS) {
      this.#last = { at: now, state: this.#look() };
    }
    return this.#last.state;
  }

  async #look(): Promise<ReadyState> {
    const { storage, store } = this.#parts;
    const state = await this.#probe("storage", () => storage.check()) ??
      await this.#probe("store", () => store?.stats()) ?? READY;
    if (state.ready && this.#told !== undefined) this.#log.info("health.ready");
    this.#told = state.ready ? undefined : state.reason;
    return state;
  }

  async #probe(
    reason: UnreadyReason,
    work: () => Promise<unknown> | undefined,
  ): Promise<ReadyState | undefined> {
    try {
      if (await within(PATIENCE_MS, Promise.resolve(work())) !== LATE) return undefined;
      throw new Error(`Cannot see ${reason}: it did not answer in ${PATIENCE_MS} ms`);
    } catch (cause) {
      if (this.#told !== reason) this.#log.warn("health.unready", { reason, cause });
      return { ready: false, reason };
    }
  }
}

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
  // A connection that a probe kept open would delay the end of the listener.
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
    const options = { hostname, port, signal: this.#stop.signal, onListen: () => {} };
    this.#http = Deno.serve(options, (request) => answer(request, readiness));
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

function say(status: number, body: Record<string, string>, more?: { allow: string }): Response {
  return new Response(JSON.stringify(body) + "\n", { status, headers: { ...HEADERS, ...more } });
}
