/** Reads an exported session from a stream: its line, then its bytes. @module */
import { FxferError } from "../errors.ts";

/** Beyond any line: a thousand kept replies take about 2 MiB. */
const MAX_LINE_BYTES: number = 8 * 1024 * 1024;

/** See the module's text. Disposing lets the rest of the stream go. */
export class BlobReader implements AsyncDisposable {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #rest: Uint8Array | undefined;

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
  }

  /**
   * What stands before the first line feed.
   *
   * @throws {FxferError} `malformed_header` if there is none within 8 MiB.
   */
  async line(): Promise<string> {
    const decoder = new TextDecoder();
    let line = "";
    for (let size = 0; size <= MAX_LINE_BYTES;) {
      const bytes = await this.#next();
      if (bytes === undefined) break;
      const end = bytes.indexOf(10);
      if (end >= 0) {
        this.#rest = bytes.subarray(end + 1);
        return line + decoder.decode(bytes.subarray(0, end));
      }
      size += bytes.length;
      line += decoder.decode(bytes, { stream: true });
    }
    throw new FxferError("malformed_header", "Cannot import session: this is no exported session");
  }

  /** The next `size` bytes, in pieces. @throws {FxferError} `incomplete` if the stream ends first. */
  async *bytes(size: number): AsyncGenerator<Uint8Array> {
    for (let left = size; left > 0;) {
      const bytes = await this.#next();
      if (bytes === undefined) {
        throw new FxferError("incomplete", "Cannot import session: bytes of its file are missing");
      }
      const piece = bytes.subarray(0, left);
      left -= piece.length;
      yield piece;
    }
  }

  async #next(): Promise<Uint8Array | undefined> {
    const rest = this.#rest;
    this.#rest = undefined;
    return rest !== undefined && rest.length > 0 ? rest : (await this.#reader.read()).value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader.cancel().catch(() => {});
  }
}
