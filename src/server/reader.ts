/**
 * Reads of one socket that can be interrupted: the caller stops waiting, and a read that the kernel has
 * not finished stays pending.
 *
 * A reader calls `conn.read` with the caller's buffers, and never uses `conn.readable`: at its end Deno
 * closes the connection, and a half-closed peer gets no reply.
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import { MAX_DRAIN_MS } from "../protocol/mod.ts";
import { LATE, within } from "../within.ts";
import type { Drain } from "./drain.ts";
import type { Output } from "./output.ts";
import { lookAtSockets } from "./turns.ts";

/** How long a read takes at most if its bytes are here already: a turn or two of the event loop. */
const GRACE_READ_MS = 10;

/** A read of bytes that are here is over after so many steps of promises, without a turn of the event loop. */
const STEPS_OF_READ = 8;

/** Where bytes go that are thrown away: all readers write over each other's. */
export const NOWHERE: Uint8Array = new Uint8Array(65536);

/** A client's connection, plain or with TLS. */
export type Socket = Deno.TcpConn | Deno.TlsConn;

/** Reads one socket. Calls come one at a time; only {@linkcode Reader.interrupt} may come at any time. */
export class Reader {
  readonly #conn: Deno.Conn;
  readonly #output: Output;
  #interruption: FxferError | undefined;
  #graceUntil = 0;
  #reject: ((reason: unknown) => void) | undefined;
  /** The read whose buffer the kernel may still write into, also after an interruption. */
  #pending: Promise<number | null> | undefined;

  /**
   * Counts the connections of the server that do not wait for bytes: their peers wait for the server.
   * The connection of this reader counts until {@linkcode Reader.done}, except while a read waits.
   */
  readonly workload: { busy: number };
  /** Whether the peer has sent its last byte. */
  ended = false;
  /** When the last byte came in, by `performance.now()`. */
  lastByteAt: number = performance.now();
  /** When the read under way began: no byte has come since. */
  quietSince: number = this.lastByteAt;
  /** Bytes that came in since the rate window began; {@linkcode Input.startRateWindow} sets it to 0. */
  received = 0;
  /** Bytes read in all before `received` began anew. */
  before = 0;

  /** @param output Is flushed before each read: the peer gets its replies before a read waits for it. */
  constructor(conn: Deno.Conn, output: Output, workload: { busy: number } = { busy: 0 }) {
    this.#conn = conn;
    this.#output = output;
    this.workload = workload;
    workload.busy++;
  }

  /** Whether reads are over: {@linkcode Reader.interrupt}. */
  get interrupted(): boolean {
    return this.#interruption !== undefined;
  }

  /** Whether a read waits for bytes. */
  get waiting(): boolean {
    return this.#reject !== undefined;
  }

  /** Whether the kernel may still write into a buffer that was handed to {@linkcode Reader.read}. */
  get busy(): boolean {
    return this.#pending !== undefined;
  }

  /**
   * One read; null at the end. Replies that wait are sent at the same time, and the read settles only after
   * they are gone: so the server reads no more from a peer that does not read.
   */
  read(buffer: Uint8Array): Promise<number | null> {
    if (this.ended) return Promise.resolve(null);
    const { before } = this.#output;
    if (before !== undefined && (before.count > 1 || before.expectsMore)) {
      return this.#readMore(buffer, before.expectsMore);
    }
    const flushing = this.#output.flush();
    const reading = this.#start(buffer);
    if (flushing === undefined) return reading;
    reading.catch(() => {}); // the flush may fail first, and then its error is the one that is thrown
    return flushing.then(() => reading);
  }

  /** Whether replies wait to be saved. */
  get holdsReplies(): boolean {
    return (this.#output.before?.count ?? 0) > 0;
  }

  /**
   * One read, without sending the replies that wait if bytes are here already: their frames are saved together.
   *
   * @param looks Whether it is worth a turn of the event loop to find out.
   */
  async #readMore(buffer: Uint8Array, looks: boolean): Promise<number | null> {
    const reading = this.#start(buffer);
    let count: number | null | undefined;
    const settled = reading.then((n) => void (count = n), () => {});
    for (let step = 0; step < STEPS_OF_READ && count === undefined; step++) await undefined;
    if (looks && count === undefined) await Promise.race([settled, lookAtSockets()]);
    if (typeof count !== "number") await this.#output.flush();
    return await reading;
  }

  #start(buffer: Uint8Array): Promise<number | null> {
    this.quietSince = performance.now();
    if (this.#interruption !== undefined && this.quietSince >= this.#graceUntil) {
      return Promise.reject(this.#interruption);
    }
    return new Promise<number | null>((resolve, reject) => {
      this.#reject = reject;
      this.#pending = this.#conn.read(buffer);
      this.workload.busy--;
      this.#pending.then((n) => {
        this.workload.busy++;
        this.#reject = undefined;
        this.#pending = undefined;
        if (n === null) this.ended = true;
        else {
          this.lastByteAt = performance.now();
          this.received += n;
        }
        resolve(n);
      }, (error) => {
        this.workload.busy++;
        this.#reject = undefined;
        this.#pending = undefined;
        reject(error);
      });
      if (this.#interruption !== undefined) this.#rejectUnlessHere();
    });
  }

  /**
   * Ends the wait for bytes: a pending or later read throws `error`.
   *
   * @param graceMs For at most this long, reads go on while bytes are here already: the peer has sent
   * them and may not be able to send them again.
   */
  interrupt(error: FxferError, graceMs = 0): void {
    if (this.#interruption !== undefined) return;
    this.#interruption = error;
    this.#graceUntil = performance.now() + graceMs;
    this.#rejectUnlessHere();
  }

  /** Ends the wait at once; within the grace time only if no bytes come in a moment. */
  #rejectUnlessHere(): void {
    const reject = this.#reject;
    if (reject === undefined) return;
    if (performance.now() >= this.#graceUntil) return reject(this.#interruption);
    const timer = setTimeout(() => reject(this.#interruption), GRACE_READ_MS);
    this.#pending?.catch(() => {}).then(() => clearTimeout(timer));
  }

  /** Ends the wait of a pending read with `reason`; later reads work as before. */
  cancel(reason: unknown): void {
    this.#reject?.(reason);
  }

  /** To be called once, after the last request; then only {@linkcode Reader.linger} may be called. */
  done(): void {
    this.workload.busy--;
  }

  /** Reads and throws away until the peer ends (S-TRF-8); never throws. To be called last. */
  async linger(drain: Drain): Promise<void> {
    if (this.ended) return;
    const end = performance.now() + MAX_DRAIN_MS;
    let left = drain.begin();
    try {
      while (left >= 0) {
        await drain.ready(() => performance.now() >= end);
        // A read whose bytes are here already would win against a wait of no time, again and again.
        if (performance.now() >= end) return;
        const own = this.#pending;
        const n = await within(end - performance.now(), own ?? this.#conn.read(NOWHERE));
        if (n === LATE) return;
        this.#pending = undefined;
        if (n === null) return;
        left -= n;
        drain.took(n);
      }
    } catch {
      this.#pending = undefined; // the peer reset the connection: there is nothing left to wait for
    } finally {
      drain.end();
    }
  }
}

/** Whether an error of a socket means that the peer is gone, which it may be at any time: it is not logged. */
export function isPeerGone(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.ConnectionAborted ||
    error instanceof Deno.errors.NotConnected ||
    error instanceof Deno.errors.UnexpectedEof || // TLS that was cut, and not ended
    error instanceof Deno.errors.BadResource ||
    error instanceof Deno.errors.Interrupted;
}

/** The error for a payload whose stream ended, or whose socket failed, before its end (S-TRF-6). */
export function incomplete(cause?: unknown): FxferError {
  if (cause instanceof FxferError) return cause;
  // Offset 0 says that nothing is kept; a handler that keeps something states its own offset.
  const fields = { offset: 0 };
  const message = "Cannot receive payload: the peer ended before its end";
  return new FxferError("incomplete", message, { fields, cause });
}

/** The same, thrown. */
export function throwIncomplete(error: unknown): never {
  throw incomplete(error);
}
