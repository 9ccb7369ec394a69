/** One TCP connection of a client: bytes out, replies in, closed at any moment. @module */
import type { Endpoint } from "../address.ts";
import { reasonOf } from "../errors.ts";
import { type DecodeEvent, Decoder, type ReplyFrame } from "../protocol/mod.ts";
import { within } from "../within.ts";
import { lost } from "./client_errors.ts";

/** Replies have a few hundred bytes each: one read takes all replies to a full window of requests. */
const READ_BYTES = 16 * 1024;

/** A server that does not accept a connection within this time counts as away. */
const CONNECT_TIMEOUT_MS = 10_000;

/** How long the server may take to close its side after the client has closed its own (S-DIS-2). */
export const CLOSE_TIMEOUT_MS = 2000;

/** One connection, used by the handshake and then by a connection runner, or by a V1 sender. */
export class ClientConnection {
  /** When bytes last came in, by the clock handed in. */
  heardAt: number;
  /** When bytes last went out. */
  sentAt: number;
  /** Whether any byte ever came in. */
  heard = false;
  readonly #conn: Deno.TcpConn;
  readonly #now: () => number;
  readonly #decoder = new Decoder({ role: "client" });
  readonly #buffer = new Uint8Array(READ_BYTES);
  #events: DecodeEvent[] = [];
  #nextEvent = 0;
  #closed = false;
  /**
   * The rejections of reads and writes under way. A close calls them all, because on Deno 2.6 the close
   * does not end a write that is stuck.
   */
  readonly #pending = new Set<(reason: unknown) => void>();

  private constructor(conn: Deno.TcpConn, now: () => number) {
    this.#conn = conn;
    this.#now = now;
    this.heardAt = this.sentAt = now();
  }

  /** Connects. @throws {FxferError} `connection_lost` with its cause, also if `signal` ended it. */
  static async open(
    server: Endpoint,
    now: () => number,
    signal: AbortSignal,
  ): Promise<ClientConnection> {
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(), CONNECT_TIMEOUT_MS);
    try {
      const either = AbortSignal.any([signal, timeout.signal]);
      const conn = await Deno.connect({ ...server, signal: either });
      conn.setNoDelay(true);
      return new ClientConnection(conn, now);
    } catch (cause) {
      const reason = timeout.signal.aborted ? "no answer" : reasonOf(cause);
      throw lost(`Cannot connect to ${server.hostname}:${server.port}: ${reason}`, cause);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Writes all of `bytes`. @throws {FxferError} `connection_lost`. */
  async write(bytes: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < bytes.length;) {
        at += await this.#untilClosed(this.#conn.write(at === 0 ? bytes : bytes.subarray(at)));
      }
      this.sentAt = this.#now();
    } catch (cause) {
      throw lost("Cannot send: the connection was lost", cause);
    }
  }

  /**
   * The next reply or notice; undefined when the server has closed its side.
   *
   * @throws {FxferError} `connection_lost`; the decoder's code when the bytes are no v2 reply.
   */
  async receive(): Promise<ReplyFrame | undefined> {
    for (;;) {
      while (this.#nextEvent < this.#events.length) {
        const event = this.#events[this.#nextEvent++]!;
        if (event.type === "reply") return event.reply;
        if (event.type === "fault") throw event.error;
      }
      const bytes = await this.read();
      if (bytes === undefined) return undefined;
      this.#events = this.#decoder.push(bytes);
      this.#nextEvent = 0;
    }
  }

  /**
   * The next bytes as they came, valid until the next call; undefined when the server has closed its
   * side. Only for answers of version 1, and to wait for that close.
   */
  async read(): Promise<Uint8Array | undefined> {
    try {
      const count = await this.#untilClosed(this.#conn.read(this.#buffer));
      if (count === null) return undefined;
      this.heard = true;
      this.heardAt = this.#now();
      return this.#buffer.subarray(0, count);
    } catch (cause) {
      throw lost("Cannot read reply: the connection was lost", cause);
    }
  }

  /** Closes the writing half: the server reads to its end and may still answer. */
  async closeWrite(): Promise<void> {
    // This fails only where the connection is gone, and then there is nothing left to close.
    await this.#conn.closeWrite().catch(() => {});
  }

  /** The orderly end (S-DIS-2): closes the writing half, waits 2 s for the server's end, closes. */
  async finish(): Promise<void> {
    const ended = this.closeWrite().then(async () => {
      while (await this.read() !== undefined);
    });
    // A read that fails is an end as well: the server has closed the connection on its own.
    await within(CLOSE_TIMEOUT_MS, ended.catch(() => {}));
    this.close();
  }

  /** Closes at once; reads and writes under way fail. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#conn.close();
    for (const reject of this.#pending) reject(new Deno.errors.BadResource("closed"));
  }

  #untilClosed<T extends number | null>(operation: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#pending.add(reject);
      operation.then(resolve, reject).finally(() => this.#pending.delete(reject));
    });
  }
}
