/**
 * The writing half of a connection. Replies are held back until the connection has no more bytes to work
 * on, so that the replies to a burst of pipelined frames leave in one write.
 *
 * @module
 */
import { CODES, type FxferError } from "../errors.ts";
import { encodeV1Results, type ReplyBody, type V1Result } from "../protocol/mod.ts";

/** From so many bytes on, replies are sent at once: a client that never reads must not fill the memory. */
const MAX_WAITING_BYTES = 65536;

/** Writes the replies of one connection. */
export class Output {
  readonly #conn: Deno.Conn;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #rejectWrite: ((reason: unknown) => void) | undefined;
  #interruption: unknown;
  /** Bytes written so far. */
  sent = 0;
  /** When the write under way began, by `performance.now()`; 0 while there is none. */
  writingSince = 0;

  constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  /** Whether so many bytes wait that they should be flushed now. */
  get full(): boolean {
    return this.#waitingBytes >= MAX_WAITING_BYTES;
  }

  /** Appends a whole frame; it is sent by the next {@linkcode Output.flush}. */
  add(frame: Uint8Array): void {
    this.#waiting.push(frame);
    this.#waitingBytes += frame.length;
  }

  /** Sends the replies that wait; undefined if none does. Rejects if the peer is gone, or when interrupted. */
  flush(): Promise<void> | undefined {
    if (this.#waitingBytes === 0) return undefined;
    const parts = this.#waiting;
    const bytes = parts.length === 1 ? parts[0]! : concat(parts, this.#waitingBytes);
    this.#waiting = [];
    this.#waitingBytes = 0;
    return this.#write(bytes);
  }

  async #write(bytes: Uint8Array): Promise<void> {
    this.writingSince = performance.now();
    try {
      for (let at = 0; at < bytes.length;) {
        if (this.#interruption !== undefined) throw this.#interruption;
        const written = await new Promise<number>((resolve, reject) => {
          this.#rejectWrite = reject;
          this.#conn.write(at === 0 ? bytes : bytes.subarray(at)).then(resolve, reject);
        });
        at += written;
        this.sent += written;
      }
    } finally {
      this.writingSince = 0;
      this.#rejectWrite = undefined;
    }
  }

  /** Ends the wait for a write under way; the part of a frame that it has sent cannot be taken back. */
  interrupt(reason: unknown): void {
    if (this.#rejectWrite === undefined) return;
    this.#interruption ??= reason;
    this.#rejectWrite(reason);
  }

  /** Whether a write was interrupted: then a frame may have been cut and nothing more may be sent. */
  get broken(): boolean {
    return this.#interruption !== undefined;
  }
}

function concat(parts: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
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
