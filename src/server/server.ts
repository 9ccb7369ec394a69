/**
 * The server: a listener, its connections, their clocks and limits, and a graceful stop.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import { Events } from "../events.ts";
import type { RequestHandler } from "../handler/mod.ts";
import { type Logger, silentLogger } from "../log.ts";
import { encodeReply, MAX_DRAIN_BYTES, MAX_DRAIN_MS } from "../protocol/mod.ts";
import { LATE, within } from "../within.ts";
import { acceptAll } from "./acceptor.ts";
import { createBufferPools } from "./buffers.ts";
import { type ClockLimits, Ticker } from "./clocks.ts";
import { Connection, type ConnectionSettings } from "./connection.ts";
import type { ConnectionCount } from "./connection_count.ts";
import type { RateLimiter } from "./limiter.ts";
import { isPeerGone } from "./peer_gone.ts";
import type { Arrival, ProxyGate } from "./proxy_gate.ts";
import { Reader } from "./reader.ts";
import { refusalOf } from "./refusal.ts";
import type { V1Ack } from "./v1_results.ts";

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
  /** Absent: nobody speaks the PROXY protocol. */
  readonly proxy?: ProxyGate | undefined;
  /** Where events are told. @default nowhere */
  readonly events?: Events;
}

/** At most this many refused connections are let read their refusal at a time; more are just closed. */
const MAX_REFUSING = 64;

/** What a refused or stopped client waits before it comes back, in milliseconds. */
const RETRY_MS = 1000;

/** Once the drain time is over a connection has this long to say so and go. */
const LAST_MS = 3000;

/** A running server; see the module's text.
 * @category Server */
export class Server implements AsyncDisposable {
  /** Where it listens: with port 0, the port it was given. */
  readonly addr: Deno.NetAddr;
  /** Settles when it has stopped and every connection is closed. Never rejects. */
  readonly finished: Promise<void>;

  readonly #listener: Deno.TcpListener;
  readonly #settings: ServerSettings;
  readonly #shared: ConnectionSettings;
  readonly #ticker: Ticker;
  readonly #log: Logger;
  readonly #events: Events;
  readonly #owned: AsyncDisposable | undefined;
  readonly #connections = new Set<Connection>();
  /** Ends the wait for the last connection, if anybody waits. */
  #emptied: () => void = () => {};
  /** Open connections, those included whose proxy has not said yet whose they are. */
  #openNow = 0;
  readonly #stopping = new AbortController();
  readonly #refusals = new Set<Promise<void>>();
  #accepted = 0;
  #stopped: Promise<void> | undefined;
  readonly #finish: () => void;

  /**
   * Starts accepting.
   *
   * @param owned What is disposed of when the last connection is closed.
   */
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
    this.#ticker = new Ticker(settings.clocks);
    const { clocks, keepaliveMs, v1Ack, events = new Events() } = settings;
    this.#events = events;
    this.#shared = {
      handler,
      clocks,
      keepaliveMs,
      v1Ack,
      pools: createBufferPools(),
      workload: { busy: 0 },
      events,
      closed: (connection) => this.#closed(connection),
    };
    const { promise, resolve } = Promise.withResolvers<void>();
    this.finished = promise;
    this.#finish = resolve;
    acceptAll(listener, (conn) => this.#take(conn), log);
  }

  /** Connections open now. */
  get connections(): number {
    return this.#openNow;
  }

  #counted(change: 1 | -1): void {
    this.#openNow += change;
    this.#settings.count?.add(change);
  }

  /** Whether it was told to stop: from then on it is not ready for anybody (S-DRN-1). */
  get stopping(): boolean {
    return this.#stopped !== undefined;
  }

  #take(conn: Deno.TcpConn): void {
    const { proxy, maxConnections, count } = this.#settings;
    try {
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

  /** A proxy says first whose connection it is; until then it is counted, and nothing else. Never rejects. */
  async #takeProxied(conn: Deno.TcpConn, proxy: ProxyGate): Promise<void> {
    this.#counted(1);
    const reading = proxy.read(conn, this.#stopping.signal).finally(() => this.#counted(-1));
    try {
      const arrival = await reading;
      this.#stopping.signal.throwIfAborted();
      if (arrival === undefined) shut(conn);
      else this.#open(conn, arrival);
    } catch (error) {
      if (isPeerGone(error)) shut(conn);
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
    this.#ticker.add(connection);
    this.#connections.add(connection);
    this.#counted(1);
    void connection.run();
  }

  #closed(connection: Connection): void {
    this.#ticker.remove(connection);
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
    const notice = { id: null, mode: "stateless", sequence: 0, action: "disconnect" } as const;
    try {
      if (this.#refusals.size >= MAX_REFUSING) return;
      await conn.write(encodeReply(notice, body));
      await conn.closeWrite();
      await new Reader(conn, { flush: () => undefined }).linger(MAX_DRAIN_BYTES, MAX_DRAIN_MS);
    } catch {
      // It left before it was told.
    } finally {
      shut(conn);
    }
  }

  /**
   * Stops gracefully (S-DRN-1): no new connection, a notice at each frame boundary, payloads under
   * way go on for the drain time and are then checkpointed. Settles when all is closed; calling
   * it again returns the same promise.
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
    this.#ticker.stop();
    this.#events.emit({ type: "server.stopped", rule: "S-DRN-1" });
    this.#finish();
  }

  /** Waits until no connection is open, for so long at most; whether none is. */
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

function shut(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // Closed already.
  }
}
