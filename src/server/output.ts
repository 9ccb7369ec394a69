/**
 * The writing half of a connection. Replies are held back until the connection has no more bytes to work
 * on, so that the replies to a burst of pipelined frames leave in one write.
 *
 * @module
 */
import { CODES, type FxferError } from "../errors.ts";
import { encodeV1Results, type ReplyBody, type V1Result } from "../protocol/mod.ts";
import type { Buffer, BufferPools } from "./buffers.ts";

/** From so many bytes on, replies are sent at once: a client that never reads must not fill the memory. */
const MAX_WAITING_BYTES = 65536;

/** Replies that wait to be saved. */
export interface HeldReplies {
  /** How many there are. */
  readonly count: number;
  /** Whether there are so many that they should be saved now. */
  readonly full: boolean;
  /** Whether more of them are likely to come in a moment, to be saved together with these. */
  readonly expectsMore: boolean;
  /** Saves what they say and adds them to the output; undefined if there is none. */
  release(): Promise<void> | undefined;
}

/** Writes the replies of one connection. */
export class Output {
  readonly #conn: Deno.Conn;
  readonly #pools: BufferPools;
  /** The reply that waits, as long as there is only one. */
  #only: Uint8Array | undefined;
  /**
   * The replies that wait, when there are several. In one lent buffer they cost the garbage collector nothing,
   * however many connections there are whose replies wait.
   */
  #buffer: Buffer | undefined;
  #waitingBytes = 0;
  #rejectWrite: ((reason: unknown) => void) | undefined;
  #interruption: unknown;
  /** Replies that are to be sent as well once they are saved; undefined as long as there was none. */
  before: HeldReplies | undefined;
  /** Bytes written so far. */
  sent = 0;
  /** When the write under way began, by `performance.now()`; 0 while there is none. */
  writingSince = 0;

  constructor(conn: Deno.Conn, pools: BufferPools) {
    this.#conn = conn;
    this.#pools = pools;
  }

  /** Whether so much waits that it should be flushed now. */
  get full(): boolean {
    return this.#waitingBytes >= MAX_WAITING_BYTES || this.before?.full === true;
  }

  /** Appends a whole frame; it is sent by the next {@linkcode Output.flush}. */
  add(frame: Uint8Array): void {
    if (this.#waitingBytes === 0) this.#only = frame;
    else {
      const size = this.#waitingBytes + frame.length;
      if (this.#buffer === undefined || this.#buffer.length < size) this.#enlarge(size);
      this.#buffer!.set(frame, this.#waitingBytes);
    }
    this.#waitingBytes += frame.length;
  }

  /** Appends a whole small payload, which `read` puts where it is to be sent from. */
  addRead(size: number, read: (into: Uint8Array) => void): void {
    const end = this.#waitingBytes + size;
    if (this.#buffer === undefined || this.#buffer.length < end) this.#enlarge(end);
    read(this.#buffer!.subarray(this.#waitingBytes, end));
    this.#waitingBytes = end;
  }

  /** Takes a buffer with room for `size` bytes, and puts into it what waits. */
  #enlarge(size: number): void {
    const former = this.#buffer;
    this.#buffer = this.#pools.lend(size);
    const waiting = former?.subarray(0, this.#waitingBytes) ?? this.#only;
    if (waiting !== undefined) this.#buffer.set(waiting);
    this.#only = undefined;
    if (former !== undefined) this.#pools.giveBack(former);
  }

  /** Sends the replies that wait; undefined if none does. Rejects if the peer is gone, or when interrupted. */
  flush(): Promise<void> | undefined {
    const before = this.before?.release();
    return before === undefined ? this.#flush() : before.then(() => this.#flush());
  }

  #flush(): Promise<void> | undefined {
    if (this.#waitingBytes === 0) return undefined;
    const buffer = this.#buffer;
    const bytes = this.#only ?? buffer!.subarray(0, this.#waitingBytes);
    this.#only = this.#buffer = undefined;
    this.#waitingBytes = 0;
    return this.#write(bytes, buffer);
  }

  /**
   * Sends a piece of a payload, after what waits. The clock for a peer that does not read begins again
   * whenever some of it is gone (S-GET-3).
   */
  async send(piece: Uint8Array): Promise<void> {
    await this.flush();
    await this.#write(piece, undefined, true);
  }

  /** @param buffer Where the bytes are lent; given back unless the kernel may still read it. */
  async #write(bytes: Uint8Array, buffer?: Buffer, isPiece = false): Promise<void> {
    this.writingSince = performance.now();
    try {
      for (let at = 0; at < bytes.length;) {
        if (this.#interruption !== undefined) throw this.#interruption;
        if (isPiece) this.writingSince = performance.now();
        const written = await new Promise<number>((resolve, reject) => {
          this.#rejectWrite = reject;
          this.#conn.write(at === 0 ? bytes : bytes.subarray(at)).then(resolve, reject);
        });
        at += written;
        this.sent += written;
      }
      if (buffer !== undefined) this.#pools.giveBack(buffer);
    } catch (error) {
      if (buffer !== undefined) this.#pools.of(buffer)?.forget(); // the write may still be under way
      throw error;
    } finally {
      this.writingSince = 0;
      this.#rejectWrite = undefined;
    }
  }

  /** Gives the buffer of replies back that are never sent; nothing else is called after it. */
  release(): void {
    if (this.#buffer !== undefined) this.#pools.giveBack(this.#buffer);
  }

  /** Ends the wait for a write under way; the part of a frame that it has sent cannot be taken back. */
  interrupt(reason: unknown): void {
    if (this.#rejectWrite === undefined) return;
    this.#interruption ??= reason;
    this.#rejectWrite(reason);
  }

  /** Ends the output inside a frame, the rest of which does not exist: nothing more is sent. */
  breakOff(reason: unknown): void {
    this.#interruption ??= reason;
  }

  /** Whether a write was interrupted: then a frame may have been cut and nothing more may be sent. */
  get broken(): boolean {
    return this.#interruption !== undefined;
  }
}

/** When a v1 client is told about its files (S-VER-3): `each` loses files of clients that never read.
 * @category Server */
export type V1Ack = "eof" | "each" | "never";

/** So many results are kept for the end of a connection; of later ones only the failures and a count. */
const MAX_RESULTS = 65_536;

/** What a v1 client is told about its files, and when (S-VER-3). */
export class V1Results {
  readonly #ack: V1Ack;
  readonly #output: Output;
  readonly #kept: V1Result[] = [];
  #more = 0;

  constructor(ack: V1Ack, output: Output) {
    this.#ack = ack;
    this.#output = output;
  }

  /** Takes the result of one file. */
  add(body: ReplyBody): void {
    const result: V1Result = body.file !== undefined
      ? { ok: true, path: body.file.path }
      : { ok: false, text: CODES[body.code].message };
    if (this.#ack === "each") {
      this.#output.add(new TextEncoder().encode(result.ok ? "OK\n" : `ERROR ${result.text}\n`));
    } else if (this.#ack === "eof") {
      if (result.ok && this.#kept.length >= MAX_RESULTS) this.#more++;
      else this.#kept.push(result);
    }
  }

  /** Writes the results once the client's end was read. @param notice What ended the connection. */
  finish(notice: FxferError | undefined): void {
    if (this.#ack !== "eof") return;
    if (this.#more > 0) this.#kept.push({ ok: true, path: `and ${this.#more} more` });
    // A fault of the peer gets a line; a clock that ran out, or a stop of the server, is not about a file.
    if (notice !== undefined && (notice.class === "fatal" || notice.code === "incomplete")) {
      this.#kept.push({ ok: false, text: CODES[notice.code].message });
    }
    if (this.#kept.length > 0) this.#output.add(encodeV1Results(this.#kept));
  }
}
