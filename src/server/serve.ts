/** Puts a server together from its parts. @module */
import { FxferError } from "../errors.ts";
import { call, Events } from "../events.ts";
import {
  DEFAULT_STATEFUL_OPTIONS,
  Quotas,
  type RequestHandler,
  StatefulHandler,
  StatelessHandler,
  sweepOrphans,
  type Telling,
  V1Handler,
} from "../handler/mod.ts";
import { MemoryLedger } from "../keys/mod.ts";
import { logEvents, silentLogger } from "../log.ts";
import { omitUndefined } from "../omit_undefined.ts";
import { Dispatcher, type Offers, type ServerMode } from "./dispatcher.ts";
import { Doors } from "./doors.ts";
import { RateLimiter } from "./limiter.ts";
import {
  type Authorize,
  DEFAULT_CLOCKS,
  DEFAULT_RATE,
  DEFAULT_SERVER,
  type ServeChange,
  type ServeOptions,
} from "./options.ts";
import { Overload } from "./overload.ts";
import { ProxyGate } from "./proxy_gate.ts";
import { Server } from "./server.ts";

/**
 * Listens and serves until it is shut down.
 *
 * @throws {TypeError} A mode that needs a store has none, or there is no port.
 * @throws {Error} The certificate and the key for TLS do not fit.
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
export function serve(options: ServeOptions): ServingServer {
  const { hostname, port, maxConnections, drainTimeoutMs, maxRequestSize, rate, v1Ack, log } = {
    ...DEFAULT_SERVER,
    ...{ rate: DEFAULT_RATE, v1Ack: "eof", log: silentLogger } as const,
    ...omitUndefined(options),
  };
  const { storage, store, onStored, signal } = options;
  const mode: ServerMode = options.mode ?? (store === undefined ? "stateless" : "dual");
  if (mode !== "stateless" && store === undefined) {
    throw new TypeError(`Cannot serve: ${mode} mode needs a session store`);
  }
  let limiter = rate === "off" ? undefined : new RateLimiter(rate);
  const proxy = options.proxy && new ProxyGate(options.proxy);
  const instance = options.stateful?.instance ?? crypto.randomUUID().slice(0, 8);
  const keepaliveMs = options.stateful?.keepaliveMs ?? DEFAULT_STATEFUL_OPTIONS.keepaliveMs;

  // Before all else that has to be stopped again, because listening may fail.
  const doors = Doors.open(hostname, port, options, log);
  const failed = (cause: unknown) => log.error("listener.failed", { cause });
  const events = options.events ?? new Events(failed);
  const telling: Telling = {
    events,
    ...(onStored && { onStored: (stored) => call(onStored, stored, failed) }),
  };
  if (options.events === undefined) logEvents(events, log);
  if (options.onEvent !== undefined) events.subscribe(options.onEvent);
  const owned = new AsyncDisposableStack();
  owned.use(sweepOrphans(storage, store, events, log));
  const overload = owned.use(
    new Overload({ sessions: 0, eventLoopDelayMs: 0, ...options.degradeAbove }, events),
  );
  const ledger = options.security?.ledger ?? new MemoryLedger();
  const terms = { instance, maxRequestSize, quotas: new Quotas(ledger) };
  let now: Pick<ServeOptions, "v1" | "off"> & { readonly mode: ServerMode } = {
    mode,
    ...omitUndefined({ v1: options.v1, off: options.off }),
  };
  // Without sessions at first, they may be switched on later.
  const stateful = store === undefined ? undefined : owned.use(
    new StatefulHandler(store, storage, {
      ...options.stateful,
      ...telling,
      ...terms,
      offersStateless: mode !== "stateful",
      maxSessionsPerAddress: options.perAddress?.sessions,
      admitSession: (address) => limiter?.admitSession(address),
      admitLoad: (live) => overload.admit(live),
    }, log),
  );
  const stateless = new StatelessHandler(storage, { ...terms, ...telling });
  const v1 = new V1Handler(storage, { maxRequestSize, ...telling });
  const builtIn = new Dispatcher({ stateful, stateless, v1 }, { storage, options: terms, events });
  builtIn.offers = offersOf(now);
  let handler: RequestHandler = builtIn;
  try {
    if (options.handler !== undefined) handler = options.handler(builtIn);
  } catch (error) {
    doors.close();
    void owned.disposeAsync();
    throw error;
  }
  if (options.authorize !== undefined) handler = authorizing(handler, options.authorize);
  const clocks = { ...DEFAULT_CLOCKS, ...options.clocks };
  const limits = { maxConnections, count: options.connectionCount, limiter, clocks, keepaliveMs };
  const maxPerAddress = options.perAddress?.connections;
  const security = omitUndefined({ ...options.security, ledger, anonymous: options.anonymous });
  const settings = { ...limits, maxPerAddress, drainTimeoutMs, v1Ack, proxy, events, security };
  const server = new Server(doors, handler, settings, log, owned);
  const change = (changed: ServeChange) => {
    const { mode: next, rate, perAddress, maxRequestSize } = changed;
    if (next !== undefined && next !== "stateless" && store === undefined) {
      throw new TypeError(`Cannot change server: ${next} mode needs a session store`);
    }
    now = { ...now, ...omitUndefined({ mode: next, v1: changed.v1, off: changed.off }) };
    builtIn.offers = offersOf(now);
    if (rate !== undefined) limiter = rate === "off" ? undefined : new RateLimiter(rate);
    if (changed.degradeAbove !== undefined) {
      overload.change({ sessions: 0, eventLoopDelayMs: 0, ...changed.degradeAbove });
    }
    if (maxRequestSize !== undefined) {
      stateless.maxRequestSize = v1.maxRequestSize = terms.maxRequestSize = maxRequestSize;
    }
    stateful?.change({
      ...changed.stateful,
      ...omitUndefined({ maxRequestSize }),
      offersStateless: now.mode !== "stateful",
    });
    if (perAddress !== undefined) stateful?.change({ maxSessionsPerAddress: perAddress.sessions });
    server.change({
      limiter,
      ...omitUndefined({
        maxConnections: changed.maxConnections,
        drainTimeoutMs: changed.drainTimeoutMs,
        keepaliveMs: changed.stateful?.keepaliveMs,
        clocks: changed.clocks && { ...DEFAULT_CLOCKS, ...changed.clocks },
      }),
      ...(perAddress !== undefined && { maxPerAddress: perAddress.connections }),
    });
  };
  if (options.events === undefined) {
    const { label: tier, durability } = storage;
    const { hostname, port } = server.addr;
    const more = omitUndefined({
      sessions: stateful && store?.kind,
      tls_port: server.tlsAddr?.port,
    });
    const plain = doors.plain === undefined ? "off" : port;
    events.emit({
      type: "server.listening",
      hostname,
      port: plain,
      mode,
      tier,
      durability,
      ...more,
    });
  }
  const stop = () => void server.shutdown();
  if (signal?.aborted) stop();
  signal?.addEventListener("abort", stop, { once: true });
  server.finished.then(() => signal?.removeEventListener("abort", stop));
  return Object.assign(server, { reconfigure: change });
}

/** A server that `serve` has put together.
 * @category Server */
export type ServingServer = Server & {
  /**
   * Changes the server while it runs, wholly or not at all.
   *
   * @throws {TypeError} A mode that needs a store has none.
   */
  reconfigure(change: ServeChange): void;
};

/** What is on in a mode. */
function offersOf(
  { mode, v1 = true, off = [] }: Pick<ServeOptions, "v1" | "off"> & { readonly mode: ServerMode },
): Offers {
  return {
    stateless: mode !== "stateful",
    sessions: mode !== "stateless",
    v1,
    off: new Set<string>(off),
  };
}

/** Asks `authorize` before every request that `handler` would serve. */
function authorizing(handler: RequestHandler, authorize: Authorize): RequestHandler {
  return {
    async handle(request, context) {
      if (await authorize(request, context) === false) {
        throw new FxferError("unauthorized", "Cannot serve request: it is not allowed here");
      }
      return await handler.handle(request, context);
    },
    closed: (context) => handler.closed?.(context),
  };
}
