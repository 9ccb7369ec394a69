/** Puts a server together from its parts. @module */
import { call, Events, type ServerEvent } from "../events.ts";
import {
  DEFAULT_STATEFUL_OPTIONS,
  type RequestHandler,
  StatefulHandler,
  type StatefulOptions,
  StatelessHandler,
  type Stored,
  sweepOrphans,
  type Telling,
  V1Handler,
} from "../handler/mod.ts";
import { logEvents, type Logger, silentLogger } from "../log.ts";
import { omitUndefined } from "../omit_undefined.ts";
import type { FileStorage } from "../storage/mod.ts";
import type { SessionStore } from "../store/mod.ts";
import { type Authorize, authorizing } from "./authorize.ts";
import type { ClockLimits } from "./clocks.ts";
import type { V1Ack } from "./v1_results.ts";
import type { ConnectionCount } from "./connection_count.ts";
import { Dispatcher, type ServerMode } from "./dispatcher.ts";
import { RateLimiter, type RateLimits } from "./limiter.ts";
import { type DegradeAbove, Overload } from "./overload.ts";
import { ProxyGate, type ProxyOptions } from "./proxy_gate.ts";
import { Server } from "./server.ts";

/** What {@linkcode serve} takes. Durations in milliseconds, sizes in bytes.
 * @category Server */
export interface ServeOptions {
  /**
   * Where files go; the caller disposes of it after the server has stopped. While the server runs,
   * partial files that no session of `store` speaks of are removed from it once nobody has written to
   * them for ten minutes: servers that share a storage share a store.
   */
  readonly storage: FileStorage;
  /** Remembers sessions; needed unless the mode is `stateless`. The caller disposes of it. */
  readonly store?: SessionStore;
  /** The address to listen on. @default {"127.0.0.1"} */
  readonly hostname?: string;
  /** 0 picks a free one. @default {65432} */
  readonly port?: number;
  /** Which requests are served. @default {"dual"}, or `"stateless"` without a store */
  readonly mode?: ServerMode;
  /** Open connections at most. @default {100} */
  readonly maxConnections?: number;
  /**
   * Counts the connections of other servers on the port, too: `maxConnections` then holds for all.
   *
   * @default it holds for this server
   */
  readonly connectionCount?: ConnectionCount;
  /**
   * Lets other servers listen on the same address and port; Linux spreads the connections over them.
   * Needs Deno's `--unstable-net`, or `"unstable": ["net"]` in the deno.json of the program.
   *
   * @default {false}
   */
  readonly reusePort?: boolean;
  /** How long payloads under way may go on after a stop. @default {10000} */
  readonly drainTimeoutMs?: number;
  /** How long each clock of a connection runs. @default handshake 10 s, header 10 s, stall 30 s, 1024 bytes/s */
  readonly clocks?: Partial<ClockLimits>;
  /** For each address; `off` for none. @default 200 connections/s, 600 sessions/min */
  readonly rate?: RateLimits | "off";
  /** The largest payload of one frame, in either mode. @default {10485760} */
  readonly maxRequestSize?: number;
  /** Terms of stateful mode. */
  readonly stateful?: Partial<
    Omit<
      StatefulOptions,
      "admitSession" | "admitLoad" | "offersStateless" | "maxRequestSize" | keyof Telling
    >
  >;
  /**
   * The proxies that say whose connections they forward (PROXY protocol): from these addresses the
   * header is required, and the address it names is the client's for all purposes.
   *
   * @default nobody is believed
   */
  readonly proxy?: ProxyOptions;
  /**
   * Above these new sessions give way to stateless service (S-DEG-1): who allows a fallback gets it,
   * with `degraded: "busy"`, and others `busy`. 0 for never.
   *
   * @default never
   */
  readonly degradeAbove?: Partial<DegradeAbove>;
  /** Whether the older wire is served. @default {true} */
  readonly v1?: boolean;
  /** When a v1 client is told about its files. @default {"eof"} */
  readonly v1Ack?: V1Ack;
  /**
   * Wraps what serves the requests, to change requests or answers. What it returns hands on the calls
   * of `closed`, too.
   */
  readonly handler?: (builtIn: RequestHandler) => RequestHandler;
  /**
   * Asked before each request is served, whatever its mode, action and version, and before any of its
   * payload is read. A request that is not allowed is answered `unauthorized` and changes nothing.
   *
   * @default all are served
   */
  readonly authorize?: Authorize;
  /** Called with everything that happens, as it happens. What it throws is logged, no more. */
  readonly onEvent?: (event: ServerEvent) => unknown;
  /**
   * Called once for each file that was stored, after its commit; what was stored before and is only
   * sent again is no new file. The answer does not wait for a promise that it returns. What it throws
   * is logged and changes no answer.
   */
  readonly onStored?: (stored: Stored) => unknown;
  /** Where the lines of the log go. @default nowhere */
  readonly log?: Logger;
  /**
   * Where events are told, for a program that listens to several parts at one place. Then that program
   * writes their lines ({@linkcode logEvents}), and tells `server.listening` itself.
   *
   * @default a place of its own
   */
  readonly events?: Events;
  /** Stops the server gracefully when aborted. */
  readonly signal?: AbortSignal;
}

/** The clocks of a connection where nothing else is said.
 * @category Server */
export const DEFAULT_CLOCKS: ClockLimits = {
  handshakeMs: 10_000,
  headerMs: 10_000,
  stallMs: 30_000,
  minRate: 1024,
};

/** The rate limits where nothing else is said.
 * @category Server */
export const DEFAULT_RATE: RateLimits = { connectionsPerSecond: 200, sessionsPerMinute: 600 };

/** The other numbers where nothing else is said.
 * @category Server */
export const DEFAULT_SERVER: {
  readonly hostname: string;
  readonly port: number;
  readonly maxConnections: number;
  readonly drainTimeoutMs: number;
  readonly maxRequestSize: number;
} = {
  hostname: "127.0.0.1",
  port: 65432,
  maxConnections: 100,
  drainTimeoutMs: 10_000,
  maxRequestSize: DEFAULT_STATEFUL_OPTIONS.maxRequestSize,
};

/**
 * Listens and serves until it is shut down.
 *
 * @throws {TypeError} A mode that needs a store has none.
 * @throws {RangeError} `proxy.allow` has an entry that is no address and no network.
 * @throws {Deno.errors.AddrInUse} The port is taken.
 *
 * @example
 * ```ts
 * import { connect, DiskStorage, MemorySessionStore, serve } from "../../mod.ts";
 *
 * const folder = await Deno.makeTempDir();
 * {
 *   await using storage = await DiskStorage.open(folder);
 *   await using store = new MemorySessionStore();
 *   await using server = serve({ storage, store, port: 0 });
 *
 *   await using client = await connect({ port: server.addr.port });
 *   const { file } = await client.send(new TextEncoder().encode("hello"));
 *   console.assert(file?.size === 5);
 * }
 * await Deno.remove(folder, { recursive: true });
 * ```
 *
 * @example Its doors: who may send, what becomes of the files, and a handler around the built-in one
 * ```ts
 * import { connect, DiskStorage, serve } from "../../mod.ts";
 *
 * const folder = await Deno.makeTempDir();
 * const told: string[] = [];
 * {
 *   await using storage = await DiskStorage.open(folder);
 *   await using server = serve({
 *     storage,
 *     port: 0,
 *     authorize: (_request, { clientAddress }) => clientAddress === "127.0.0.1",
 *     handler: (builtIn) => ({
 *       async handle(request, context) {
 *         const reply = await builtIn.handle(request, context);
 *         told.push(`answered ${reply.body.code}`);
 *         return reply;
 *       },
 *       closed: (context) => builtIn.closed?.(context),
 *     }),
 *     onStored: ({ name, size }) => told.push(`${name}: ${size} bytes`),
 *     onEvent: ({ type }) => type === "transfer.stored" && told.push(type),
 *   });
 *   await using client = await connect({ port: server.addr.port, mode: "stateless" });
 *   await client.send(new TextEncoder().encode("hello"), { name: "hello.txt" });
 * }
 * console.assert(told.includes("transfer.stored") && told.includes("hello.txt: 5 bytes"));
 * await Deno.remove(folder, { recursive: true });
 * ```
 * @category Server
 */
export function serve(options: ServeOptions): Server {
  const { storage, store, onStored } = options;
  const log = options.log ?? silentLogger;
  const mode = options.mode ?? (store === undefined ? "stateless" : "dual");
  if (mode !== "stateless" && store === undefined) {
    throw new TypeError(`Cannot serve: ${mode} mode needs a session store`);
  }
  const { rate = DEFAULT_RATE, maxRequestSize = DEFAULT_SERVER.maxRequestSize } = options;
  const limiter = rate === "off" ? undefined : new RateLimiter(rate);
  const proxy = options.proxy === undefined ? undefined : new ProxyGate(options.proxy);
  const instance = options.stateful?.instance ?? crypto.randomUUID().slice(0, 8);
  const keepaliveMs = options.stateful?.keepaliveMs ?? DEFAULT_STATEFUL_OPTIONS.keepaliveMs;

  // Before whatever has to be stopped again: it may fail.
  const listener = Deno.listen({
    hostname: options.hostname ?? DEFAULT_SERVER.hostname,
    port: options.port ?? DEFAULT_SERVER.port,
    // Not even named otherwise: Deno ends a program that names it without --unstable-net.
    ...(options.reusePort === true ? { reusePort: true } : {}),
  });
  const failed = (cause: unknown) => log.error("listener.failed", { cause });
  const events = options.events ?? new Events(failed);
  const telling: Telling = onStored === undefined
    ? { events }
    : { events, onStored: (stored) => call(onStored, stored, failed) };
  if (options.events === undefined) logEvents(events, log);
  if (options.onEvent !== undefined) events.subscribe(options.onEvent);
  const owned = new AsyncDisposableStack();
  owned.use(sweepOrphans(storage, store, events, log));
  const overload = owned.use(
    new Overload({ sessions: 0, eventLoopDelayMs: 0, ...options.degradeAbove }, events),
  );
  const stateful = mode === "stateless" || store === undefined ? undefined : owned.use(
    new StatefulHandler(store, storage, {
      ...options.stateful,
      ...telling,
      instance,
      maxRequestSize,
      offersStateless: mode !== "stateful",
      admitSession: (address) => limiter?.admitSession(address),
      admitLoad: (live) => overload.admit(live),
    }, log),
  );
  const terms = { instance, maxRequestSize };
  const routes = {
    stateful,
    stateless: mode === "stateful"
      ? undefined
      : new StatelessHandler(storage, { ...terms, ...telling }),
    v1: options.v1 === false ? undefined : new V1Handler(storage, { maxRequestSize, ...telling }),
  };
  const builtIn = new Dispatcher(routes, { storage, options: terms, events });
  let handler: RequestHandler = builtIn;
  try {
    if (options.handler !== undefined) handler = options.handler(builtIn);
  } catch (error) {
    listener.close();
    void owned.disposeAsync();
    throw error;
  }
  const server = new Server(
    listener,
    options.authorize === undefined ? handler : authorizing(handler, options.authorize),
    {
      maxConnections: options.maxConnections ?? DEFAULT_SERVER.maxConnections,
      count: options.connectionCount,
      drainTimeoutMs: options.drainTimeoutMs ?? DEFAULT_SERVER.drainTimeoutMs,
      clocks: { ...DEFAULT_CLOCKS, ...options.clocks },
      keepaliveMs,
      v1Ack: options.v1Ack ?? "eof",
      limiter,
      proxy,
      events,
    },
    log,
    owned,
  );
  if (options.events === undefined) {
    const { hostname, port } = server.addr;
    const { label: tier, durability } = storage;
    const sessions = omitUndefined({ sessions: stateful && store?.kind });
    events.emit({ type: "server.listening", hostname, port, mode, tier, durability, ...sessions });
  }
  const stop = () => void server.shutdown();
  if (options.signal?.aborted) stop();
  options.signal?.addEventListener("abort", stop, { once: true });
  server.finished.then(() => options.signal?.removeEventListener("abort", stop));
  return server;
}
