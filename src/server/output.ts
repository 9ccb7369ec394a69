/**
 * The writing half of a connection. Replies wait here until the connection is about to wait for
 * bytes, so that the replies to a burst of pipelined frames leave in one write.
 *
 * @module
 */

/** More than this is sent at once: a client that never reads must not fill our memory. */
const MAX_WAITING_BYTES = 65536;

/** See the module's text. */
export class Output {
  readonly #conn: Deno.Conn;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #rejectWrite: ((reason: unknown) => void) | undefined;
  #interruption: unknown;
  /** When the write under way began, by `performance.now()`; 0 while there is none. */
  writingSince = 0;

  constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  /** Whether so much waits that it should be flushed now. */
  get full(): boolean {
    return this.#waitingBytes >= MAX_WAITING_BYTES;
  }

  /** Appends a whole frame; it is sent by the next {@linkcode Output.flush}. */
  add(frame: Uint8Array): void {
    this.#waiting.push(frame);
    this.#waitingBytes += frame.length;
  }

  /** Sends what waits; undefined when nothing does. Rejects when the peer is gone or by {@linkcode Output.interrupt}. */
  flush(): Promise<void> | undefined {
    if (this.#waitingBytes === 0) return undefined;
    const bytes = this.#waiting.length === 1 ? this.#waiting[0]! : concat(
      this.#waiting,
      this.#waitingBytes,
    );
    this.#waiting = [];
    this.#waitingBytes = 0;
    return this.#write(bytes);
  }

  async #write(bytes: Uint8Array): Promise<void> {
    this.writingSince = performance.now();
    try {
      for (let at = 0; at < bytes.length;) {
        if (this.#interruption !== undefined) throw this.#interruption;
        at += await new Promise<number>((resolve, reject) => {
          this.#rejectWrite = reject;
          this.#conn.write(at === 0 ? bytes : bytes.subarray(at)).then(resolve, reject);
        });
      }
    } finally {
      this.writingSince = 0;
      this.#rejectWrite = undefined;
    }
  }

  /** Ends the wait of a write that does not get on; what it had sent of a frame cannot be taken back. */
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
