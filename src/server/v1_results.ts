/** What a v1 client is told about its files, and when (S-VER-3). @module */
import { CODES, type FxferError } from "../errors.ts";
import { encodeV1Results, type ReplyBody, type V1Result } from "../protocol/mod.ts";
import type { Output } from "./output.ts";

/** When a v1 client is told about its files (S-VER-3): `each` loses files of clients that never read.
 * @category Server */
export type V1Ack = "eof" | "each" | "never";

/** Results kept for the end of a connection; of more, only the failures and a count. */
const MAX_RESULTS = 65_536;

/** The results of one v1 connection. */
export class V1Results {
  readonly #ack: V1Ack;
  readonly #kept: V1Result[] = [];
  #more = 0;

  constructor(ack: V1Ack) {
    this.#ack = ack;
  }

  /** One file was stored or refused. */
  add(body: ReplyBody, output: Output): void {
    const result: V1Result = body.file !== undefined
      ? { ok: true, path: body.file.path }
      : { ok: false, text: CODES[body.code].message };
    if (this.#ack === "each") {
      output.add(new TextEncoder().encode(result.ok ? "OK\n" : `ERROR ${result.text}\n`));
    } else if (this.#ack === "eof") {
      if (result.ok && this.#kept.length >= MAX_RESULTS) this.#more++;
      else this.#kept.push(result);
    }
  }

  /** EOF has been read: only now may anything be written. `notice` is what ended the connection. */
  finish(notice: FxferError | undefined, output: Output): void {
    if (this.#ack !== "eof") return;
    if (this.#more > 0) this.#kept.push({ ok: true, path: `and ${this.#more} more` });
    // A fault of the peer gets a line; a clock that ran out, or a stop of the server, is not about a file.
    if (notice !== undefined && (notice.class === "fatal" || notice.code === "incomplete")) {
      this.#kept.push({ ok: false, text: CODES[notice.code].message });
    }
    if (this.#kept.length > 0) output.add(encodeV1Results(this.#kept));
  }
}
