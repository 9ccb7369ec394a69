/** A listener, its connections, their clocks and limits, and a graceful stop. @module */
import { FxferError } from "../errors.ts";
import { Events } from "../events.ts";
import type { RequestHandler } from "../handler/mod.ts";
import { type Logger, silentLogger } from "../log.ts";
import type { KeyPair } from "../tls/mod.ts";
import { LATE, within } from "../within.ts";
import { BufferPools } from "./buffers.ts";
import { tickMs } from "./clocks.ts";
import { Connection, type ConnectionSettings } from "./connection.ts";
import { Doors } from "./doors.ts";
import { Drain } from "./drain.ts";
import { Gate } from "./gate.ts";
import { Places } from "./places.ts";
import type { Arrival, ProxyGate } from "./proxy_gate.ts";
import { isPeerGone, type Socket } from "./reader.ts";
import { Refusals, RETRY_MS, tooMany } from "./refusals.ts";
import type { ServerChange, ServerSettings, Traffic } from "./settings.ts";
import { Turns } from "./turns.ts";

/** So many connections may be on their way out, or about to say whose they are, besides those with a place. */
const MAX_BESIDES = 64;

/** Once the drain time is over, each connection has this long to send its notice and to close. */
const LAST_MS = 3000;

/** A running server.
 * @category Server */
export class Server implements AsyncDisposable {
  /** Where it listens: with port 0, the port it was given. Without a plain port this is the port for TLS. */
  readonly addr: Deno.NetAddr;
  /** Where it listens for TLS; undefined where it does not. */
  readonly tlsAddr: Deno.NetAddr | undefined;
  readonly #end = Promise.withResolvers<void>();
  /** Settles when it has stopped and every connection is closed. Never rejects. */
  readonly finished: Promise<void> = this.#end.promise;

  readonly #doors: Doors;
  #settings: ServerSettings;
  readonly #shared: ConnectionSettings;
  readonly #gate: Gate;
  readonly #log: Logger;
  readonly #events: Events;
  readonly #owned: AsyncDisposable | undefined;
  readonly #connections = new Set<Connection>();
  /** Those of them that have a place; the others have given theirs to a newcomer and are being told. */
  readonly #places = new Places<Connection>();
  /** Tells all connections the time. */
  readonly #clock: ReturnType<typeof setInterval>;
  /** Called when the last connection has closed; a stop waits for it. */
  #emptied: () => void = () => {};
  /** Places taken, also by those whose proxy has not named the client yet. */
  #openNow = 0;
  /** How many those are. */
  #unnamed = 0;
  readonly #stopping = new AbortController();
  readonly #refusals: Refusals;
  #accepted = 0;
  /** Of connections that are closed. */
  #traffic: Traffic = { received: 0, sent: 0 };
  #stopped: Promise<void> | undefined;

  /** Starts accepting. @param owned What is disposed of when the last connection is closed. */
  constructor(
    listener: Deno.TcpListener | Doors,
    handler: RequestHandler,
    settings: ServerSettings,
    log: Logger = silentLogger,
    owned?: AsyncDisposable,
  ) {
    this.#doors = listener instanceof Doors ? listener : new Doors(listener, undefined, log);
    this.#owned = owned;
    this.tlsAddr = this.#doors.tls;
    this.addr = (this.#doors.plain ?? this.tlsAddr)!;
    this.#settings = settings;
    this.#log = log;
    this.#events = settings.events ?? new Events();
    this.#gate = new Gate(settings.security ?? {}, this.addr.hostname);
    this.#shared = {
      ...settings,
      gate: this.#gate,
      handler,
      events: this.#events,
      pools: new BufferPools(),
      workload: { busy: 0 },
      turns: new Turns(),
      drain: new Drain(),
      closed: (connection) => this.#closed(connection),
    };
    this.#refusals = new Refusals({ log, events: this.#events }, this.#shared);
    this.#clock = setInterval(() => this.#tick(), tickMs(settings.clocks));
    this.#doors.accept(
      (conn) => this.#admit(conn),
      // A proxy that forwards TLS cannot say for whom: its header would come before the handshake.
      (conn) => this.#open(conn, { address: conn.remoteAddr.hostname }),
      () => this.#relieve(),
    );
  }

  /**
   * Changes the certificate for new connections (S-TLS-4).
   *
   * @throws {TypeError} `serve` was not told `tls.reloadable`, or there is no TLS.
   * @throws {Error} Certificate and key do not fit; nothing has changed.
   */
  changeCertificate(pair: KeyPair): Promise<void> {
    return this.#doors.change(pair);
  }

  /** Connections open now. */
  get connections(): number {
    return this.#openNow;
  }

  /** Connections accepted since the start. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Frames since the start that changed nothing: heartbeats, frames that were refused, and last notices. */
  get idleFrames(): number {
    return this.#shared.turns.pace.frames;
  }

  /** Bytes of all connections since the start. */
  get traffic(): Traffic {
    let { received, sent } = this.#traffic;
    for (const { traffic } of this.#connections) {
      received += traffic.received;
      sent += traffic.sent;
    }
    return { received, sent };
  }

  /** Treats connections so from now on; those that are open keep their keep-alive and their place. */
  change(settings: ServerChange): void {
    this.#settings = { ...this.#settings, ...settings };
    const { clocks, keepaliveMs } = this.#settings;
    Object.assign(this.#shared, { clocks, keepaliveMs });
  }

  #count(change: 1 | -1): void {
    this.#openNow += change;
    this.#settings.count?.add(change);
  }

  /** Whether the server was told to stop: from then on it is not ready for new connections (S-DRN-1). */
  get stopping(): boolean {
    return this.#stopped !== undefined;
  }

  #admit(conn: Deno.TcpConn): void {
    const { proxy } = this.#settings;
    const address = conn.remoteAddr.hostname;
    if (!proxy?.covers(address)) return this.#open(conn, { address });
    // Whose connection this is decides whether there is a place for it: the proxy may say so, unless
    // those that have not said it hold the last places.
    if (!this.#isFull() || (this.#isFull(this.#unnamed) && this.#unnamed < MAX_BESIDES)) {
      void this.#takeProxied(conn, proxy);
    } else this.#refusals.add(conn, tooMany("max_connections"));
  }

  /** Whether all places are taken. @param besides So many that are taken do not count. */
  #isFull(besides = 0): boolean {
    const { maxConnections, count } = this.#settings;
    return (count?.total ?? this.#openNow) - besides >= maxConnections;
  }

  /** Admits a connection of this address to a place, which another one may have to give up. */
  #makeRoom(address: string): void {
    // A connection may have been accepted in the same turn of the event loop in which the stop began.
    this.#stopping.signal.throwIfAborted();
    const { limiter, maxPerAddress = Infinity } = this.#settings;
    limiter?.admitConnection(address);
    if (this.#places.held(address) >= maxPerAddress) throw tooMany("per_address.connections");
    if (!this.#isFull()) return;
    const leaving = this.#connections.size + this.#unnamed - this.#openNow;
    const idlest = leaving < MAX_BESIDES
      ? this.#places.yields(address, performance.now())
      : undefined;
    if (idlest === undefined) throw tooMany("max_connections");
    this.#expel(idlest, "another address needs the place");
  }

  /** Takes a connection's place away, and tells it. */
  #expel(connection: Connection, reason: string): void {
    this.#vacate(connection);
    const fields = { retry_after_ms: RETRY_MS };
    connection.interrupt(
      new FxferError("busy", `Cannot go on: ${reason}`, { fields, limit: "max_connections" }),
    );
  }

  /** No file handle is left: some connections give theirs back. */
  #relieve(): void {
    for (const silent of this.#places.silent(performance.now())) {
      this.#expel(silent, "no file handle is left");
    }
  }

  #vacate(connection: Connection): void {
    if (this.#places.delete(connection)) this.#count(-1);
  }

  /** Reads from a proxy whose connection it forwards, then opens that connection. Never rejects. */
  async #takeProxied(conn: Deno.TcpConn, proxy: ProxyGate): Promise<void> {
    this.#count(1);
    this.#unnamed++;
    try {
      const arrival = await proxy.read(conn, this.#stopping.signal).finally(() => {
        this.#count(-1);
        this.#unnamed--;
      });
      if (arrival === undefined) conn[Symbol.dispose]();
      else this.#open(conn, arrival);
    } catch (error) {
      if (isPeerGone(error)) conn[Symbol.dispose]();
      else this.#refusals.add(conn, error);
    }
  }

  #open(conn: Socket, arrival: Arrival): void {
    try {
      this.#makeRoom(arrival.address);
    } catch (error) {
      return this.#refusals.add(conn, error, arrival.address);
    }
    const connection = new Connection(conn, ++this.#accepted, arrival, this.#shared, this.#log);
    this.#connections.add(connection);
    this.#places.add(connection);
    this.#count(1);
    void connection.run();
  }

  #tick(): void {
    this.#gate.look();
    const now = performance.now();
    for (const connection of this.#connections) connection.tick(now);
  }

  #closed(connection: Connection): void {
    const { received, sent } = connection.traffic;
    this.#traffic = {
      received: this.#traffic.received + received,
      sent: this.#traffic.sent + sent,
    };
    this.#connections.delete(connection);
    this.#vacate(connection);
    if (this.#connections.size === 0) this.#emptied();
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
    this.#doors.close();
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
    await this.#refusals.told();
    await this.#owned?.[Symbol.asyncDispose]();
    clearInterval(this.#clock);
    this.#gate[Symbol.dispose]();
    this.#events.emit({ type: "server.stopped", rule: "S-DRN-1" });
    this.#end.resolve();
  }

  /** Waits at most `ms` until no connection is open; false if some still are. */
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
