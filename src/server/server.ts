/** A listener, its connections, their clocks and limits, and a graceful stop. @module */
import { FxferError } from "../errors.ts";
import { Events } from "../events.ts";
import type { RequestHandler } from "../handler/mod.ts";
import { type Logger, silentLogger } from "../log.ts";
import { encodeReply } from "../protocol/mod.ts";
import { LATE, within } from "../within.ts";
import { BufferPools } from "./buffers.ts";
import { type ClockLimits, tickMs } from "./clocks.ts";
import { Connection, type ConnectionSettings, NOTICE } from "./connection.ts";
import { Drain } from "./drain.ts";
import type { RateLimiter } from "./limiter.ts";
import { Output, type V1Ack } from "./output.ts";
import type { Arrival, ProxyGate } from "./proxy_gate.ts";
import { isPeerGone, Reader } from "./reader.ts";
import { refusalOf } from "./refusal.ts";
import { Turns } from "./turns.ts";

/**
 * Counts the open connections of servers that listen on one port, so that `maxConnections` holds for
 * all of them together. Two that accept at the same instant may both find the last place free.
 * @category Server
 */
export interface ConnectionCount {
  /** Open connections of all servers. */
  readonly total: number;
  /** Says that this server has one more, or one less. */
  add(change: 1 | -1): void;
}

/** How a server treats its connections.
 * @category Server */
export interface ServerSettings {
  /** Open connections at most. */
  readonly maxConnections: number;
  /** Absent: `maxConnections` is this server's own. */
  readonly count?: ConnectionCount | undefined;
  /** How long payloads under way may go on after a stop, in milliseconds. */
  readonly drainTimeoutMs: number;
  /** Keep-alive of connections that agree on nothing else, in milliseconds. */
  readonly keepaliveMs: number;
  /** How long a connection may be silent or slow. */
  readonly clocks: ClockLimits;
  /** When a v1 client is told about its files. */
  readonly v1Ack: V1Ack;
  /** Absent: no rate limits. */
  readonly limiter?: RateLimiter | undefined;
  /** Absent: no address may speak the PROXY protocol. */
  readonly proxy?: ProxyGate | undefined;
  /** Where events are told. @default nowhere */
  readonly events?: Events;
}

/** So many refused connections may read their refusal at a time; more are just closed. */
const MAX_REFUSING = 64;

/** What a refused or stopped client waits before it comes back, in milliseconds. */
const RETRY_MS = 1000;

/** Once the drain time is over, each connection has this long to send its notice and to close. */
const LAST_MS = 3000;

/** The pause after a failed accept: a few connections end meanwhile and give their handles back. */
const ACCEPT_PAUSE_MS = 50;

/** A running server; see the module's text.
 * @category Server */
export class Server implements AsyncDisposable {
  /** Where it listens: with port 0, the port it was given. */
  readonly addr: Deno.NetAddr;
  readonly #end = Promise.withResolvers<void>();
  /** Settles when it has stopped and every connection is closed. Never rejects. */
  readonly finished: Promise<void> = this.#end.promise;

  readonly #listener: Deno.TcpListener;
  readonly #settings: ServerSettings;
  readonly #shared: ConnectionSettings;
  readonly #log: Logger;
  readonly #events: Events;
  readonly #owned: AsyncDisposable | undefined;
  readonly #connections = new Set<Connection>();
  /** Tells all connections the time. */
  readonly #clock: ReturnType<typeof setInterval>;
  /** Ends the wait of a stop for the last connection. */
  #emptied: () => void = () => {};
  /** Open connections, also those whose proxy has not named the client yet. */
  #openNow = 0;
  readonly #stopping = new AbortController();
  readonly #refusals = new Set<Promise<void>>();
  #accepted = 0;
  #stopped: Promise<void> | undefined;

  /** Starts accepting. @param owned What is disposed of when the last connection is closed. */
  constructor(
    listener: Deno.TcpListener,
    handler: RequestHandler,
    settings: ServerSettings,
    log: Logger = silentLogger,
    owned?: AsyncDisposable,
  ) {
    this.#listener = listener;
    this.#owned = owned;
    this.addr = listener.addr as Deno.NetAddr;
    this.#settings = settings;
    this.#log = log;
    this.#events = settings.events ?? new Events();
    this.#shared = {
      ...settings,
      handler,
      events: this.#events,
      pools: new BufferPools(),
      workload: { busy: 0 },
      turns: new Turns(),
      drain: new Drain(),
      closed: (connection) => this.#closed(connection),
    };
    this.#clock = setInterval(() => this.#tick(), tickMs(settings.clocks));
    void this.#accept();
  }

  /** Connections open now. */
  get connections(): number {
    return this.#openNow;
  }

  #counted(change: 1 | -1): void {
    this.#openNow += change;
    this.#settings.count?.add(change);
  }

  /** Whether the server was told to stop: from then on it is not ready for new connections (S-DRN-1). */
  get stopping(): boolean {
    return this.#stopped !== undefined;
  }

  /** Accepts until the listener is closed. A `for await` over it would end for good at the first EMFILE. */
  async #accept(): Promise<void> {
    for (let failures = 0;;) {
      try {
        this.#take(await this.#listener.accept());
        failures = 0;
      } catch (error) {
        if (error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted) {
          return; // closed
        }
        // A peer that was gone before it was accepted says nothing about the next one.
        if (isPeerGone(error)) continue;
        // EMFILE and the like: said once, not twenty times a second.
        if (failures++ === 0) this.#log.warn("accept.failed", { cause: error });
        await new Promise((resolve) => setTimeout(resolve, ACCEPT_PAUSE_MS));
      }
    }
  }

  #take(conn: Deno.TcpConn): void {
    const { proxy, maxConnections, count } = this.#settings;
    try {
      // Accepted in the same turn of the event loop in which the stop began.
      this.#stopping.signal.throwIfAborted();
      if ((count?.total ?? this.#openNow) >= maxConnections) {
        throw new FxferError("too_many_connections", "Cannot accept: max_connections are open", {
          fields: { retry_after_ms: RETRY_MS },
          limit: "max_connections",
        });
      }
      const address = conn.remoteAddr.hostname;
      if (proxy?.covers(address)) this.#takeProxied(conn, proxy);
      else this.#open(conn, { address });
    } catch (error) {
      this.#refuse(conn, error);
    }
  }

  /** Learns from a proxy whose connection this is; until then the connection only counts. Never rejects. */
  async #takeProxied(conn: Deno.TcpConn, proxy: ProxyGate): Promise<void> {
    this.#counted(1);
    const { signal } = this.#stopping;
    try {
      const arrival = await proxy.read(conn, signal).finally(() => this.#counted(-1));
      signal.throwIfAborted();
      if (arrival === undefined) conn[Symbol.dispose]();
      else this.#open(conn, arrival);
    } catch (error) {
      if (isPeerGone(error)) conn[Symbol.dispose]();
      else this.#refuse(conn, error);
    }
  }

  #open(conn: Deno.TcpConn, arrival: Arrival): void {
    try {
      this.#settings.limiter?.admitConnection(arrival.address);
    } catch (error) {
      return this.#refuse(conn, error, arrival.address);
    }
    const connection = new Connection(conn, ++this.#accepted, arrival, this.#shared, this.#log);
    this.#connections.add(connection);
    this.#counted(1);
    void connection.run();
  }

  #tick(): void {
    const now = performance.now();
    for (const connection of this.#connections) connection.tick(now);
  }

  #closed(connection: Connection): void {
    this.#connections.delete(connection);
    this.#counted(-1);
    if (this.#connections.size === 0) this.#emptied();
  }

  /** Refuses a connection; a stop waits until it has been told. */
  #refuse(conn: Deno.TcpConn, error: unknown, address = conn.remoteAddr.hostname): void {
    const told = this.#tell(conn, error, address).finally(() => this.#refusals.delete(told));
    this.#refusals.add(told);
  }

  /** Tells a connection why it is not served, so that its client can read it (S-TRF-8). Never rejects. */
  async #tell(conn: Deno.TcpConn, error: unknown, address: string): Promise<void> {
    const refused = { type: "connection.refused", address } as const;
    const body = refusalOf(error, refused, { log: this.#log, events: this.#events });
    const output = new Output(conn);
    try {
      if (this.#refusals.size >= MAX_REFUSING) return;
      output.add(encodeReply(NOTICE, body));
      await output.flush();
      await conn.closeWrite();
      await new Reader(conn, output).linger(this.#shared.drain);
    } catch {
      // The client left before it was told.
    } finally {
      conn[Symbol.dispose]();
    }
  }

  /**
   * Stops gracefully (S-DRN-1): no new connection, a notice at each frame boundary, payloads under
   * way go on for the drain time and are then checkpointed. Settles when all is closed; a second call
   * returns the same promise.
   */
  shutdown(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const connections = this.#connections.size;
    this.#events.emit({ type: "server.stopping", rule: "S-DRN-1", connections });
    this.#listener.close();
    const notice = new FxferError("server_shutting_down", "Cannot go on: the server is stopping", {
      fields: { retry_after_ms: RETRY_MS },
    });
    this.#stopping.abort(notice);
    for (const connection of this.#connections) connection.stop(notice);
    if (!(await this.#allClosed(this.#settings.drainTimeoutMs))) {
      for (const connection of this.#connections) connection.interrupt(notice);
      if (!(await this.#allClosed(LAST_MS))) {
        for (const connection of this.#connections) connection.abort();
        await this.#allClosed(LAST_MS);
      }
    }
    await Promise.all(this.#refusals); // 2 s at most
    await this.#owned?.[Symbol.asyncDispose]();
    clearInterval(this.#clock);
    this.#shared.turns[Symbol.dispose]();
    this.#events.emit({ type: "server.stopped", rule: "S-DRN-1" });
    this.#end.resolve();
  }

  /** Waits at most `ms` until no connection is open; whether none is. */
  async #allClosed(ms: number): Promise<boolean> {
    if (this.#connections.size === 0) return true;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#emptied = resolve;
    return await within(ms, promise) !== LATE;
  }

  /** {@linkcode Server.shutdown}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }
}
