/** One TCP connection as a client sees it: whole writes out, whole replies in. @module */
import { FxferError } from "../errors.ts";
import { type DecodeEvent, Decoder, type ReplyFrame } from "../protocol/mod.ts";

/** Replies are a few hundred bytes; this takes a full window of them in one read. */
const READ_BYTES = 16 * 1024;

/** A server that does not even accept within this time counts as away. */
const CONNECT_TIMEOUT_MS = 10_000;

/** How long the peer may take to close after us (S-DIS-2). */
export const CLOSE_TIMEOUT_MS = 2000;

/** Where to connect to, and what can stop it. */
export interface Address {
  readonly hostname: string;
  readonly port: number;
}

/** One connection. `close` may be called at any time, and ends what is pending. */
export class ClientConnection {
  /** When a byte last came in, by the clock handed in. */
  heardAt: number;
  /** When a byte last went out. */
  sentAt: number;
  /** Whether any byte ever came in. */
  heard = false;
  readonly #conn: Deno.TcpConn;
  readonly #now: () => number;
  readonly #decoder = new Decoder({ role: "client" });
  readonly #buffer = new Uint8Array(READ_BYTES);
  #events: DecodeEvent[] = [];
  #at = 0;
  #closed = false;
  /** Lets those go who wait for the socket: on Deno 2.6 closing it does not end a write that is stuck. */
  readonly #waiting = new Set<(reason: unknown) => void>();

  private constructor(conn: Deno.TcpConn, now: () => number) {
    this.#conn = conn;
    this.#now = now;
    this.heardAt = this.sentAt = now();
  }

  /**
   * Connects.
   *
   * @throws {FxferError} `connection_lost` with its cause; the caller looks at `signal` itself.
   */
  static async open(
    address: Address,
    now: () => number,
    signal: AbortSignal,
  ): Promise<ClientConnection> {
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(), CONNECT_TIMEOUT_MS);
    try {
      const conn = await Deno.connect({
        ...address,
        signal: AbortSignal.any([signal, timeout.signal]),
      });
      conn.setNoDelay(true);
      return new ClientConnection(conn, now);
    } catch (cause) {
      const reason = timeout.signal.aborted ? "no answer" : messageOf(cause);
      throw new FxferError(
        "connection_lost",
        `Cannot connect to ${address.hostname}:${address.port}: ${reason}`,
        { cause },
      );
    } finally {
      clearTimeout(timer);
    }
  }

  /** Writes all of `bytes`. @throws {FxferError} `connection_lost`. */
  async write(bytes: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < bytes.length;) {
        at += await this.#wait(this.#conn.write(at === 0 ? bytes : bytes.subarray(at)));
      }
      this.sentAt = this.#now();
    } catch (cause) {
      throw lost("Cannot send", cause);
    }
  }

  /**
   * The next reply or notice; undefined when the peer has closed its side.
   *
   * @throws {FxferError} `connection_lost`; the decoder's code when the bytes are no v2 reply.
   */
  async receive(): Promise<ReplyFrame | undefined> {
    for (;;) {
      while (this.#at < this.#events.length) {
        const event = this.#events[this.#at++]!;
        if (event.type === "reply") return event.reply;
        if (event.type === "fault") throw event.error;
      }
      const bytes = await this.read();
      if (bytes === undefined) return undefined;
      this.#events = this.#decoder.push(bytes);
      this.#at = 0;
    }
  }

  /** The next raw bytes, valid until the next call; undefined at the end. For v1, and to drain. */
  async read(): Promise<Uint8Array | undefined> {
    try {
      const count = await this.#wait(this.#conn.read(this.#buffer));
      if (count === null) return undefined;
      this.heard = true;
      this.heardAt = this.#now();
      return this.#buffer.subarray(0, count);
    } catch (cause) {
      throw lost("Cannot read reply", cause);
    }
  }

  /** Closes the writing half: the peer reads to its end and may still answer. */
  async closeWrite(): Promise<void> {
    // A connection that is gone already is as closed as can be.
    await this.#conn.closeWrite().catch(() => {});
  }

  /** The orderly end (S-DIS-2): our half first, then the peer's within 2 s, then the socket. */
  async finish(): Promise<void> {
    const timer = setTimeout(() => this.close(), CLOSE_TIMEOUT_MS);
    try {
      await this.closeWrite();
      while (await this.read() !== undefined);
    } catch {
      // The peer did not wait for the end: nothing was left to be said.
    } finally {
      clearTimeout(timer);
      this.close();
    }
  }

  /** Closes at once; pending reads and writes fail. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#conn.close();
    for (const reject of this.#waiting) reject(new Deno.errors.BadResource("closed"));
  }

  #wait(pending: Promise<number>): Promise<number>;
  #wait(pending: Promise<number | null>): Promise<number | null>;
  #wait(pending: Promise<number | null>): Promise<number | null> {
    return new Promise((resolve, reject) => {
      this.#waiting.add(reject);
      pending.then(resolve, reject).finally(() => this.#waiting.delete(reject));
    });
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

function lost(what: string, cause: unknown): FxferError {
  return new FxferError("connection_lost", `${what}: the connection was lost`, { cause });
}
