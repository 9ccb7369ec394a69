/**
 * Finds the replies in the bytes that a `LoadClient` reads, by their lengths and codes alone.
 * Parsing them as JSON would cost the load as much time as the server spends.
 *
 * @module
 */
import type { Wire } from "./types.ts";

/** Room for a window of replies, which are under 1 KiB each, and for the longest reply allowed. */
const BUFFER_BYTES = 128 * 1024;

const LF = 0x0a;
const ascii = (text: string) => new TextEncoder().encode(text);
const DATA_SIZE = ascii(`"data_size":`);
const OK = ascii(`{"code":"ok"`);
const V1_OK = ascii("OK");

/** Collects the bytes of one connection and takes replies off their front. */
export class ReplyScanner {
  /** The session's id in the last reply taken; null where it has none. */
  id: string | null = null;
  readonly #v1: boolean;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  #start = 0;
  #end = 0;

  constructor(wire: Wire) {
    this.#v1 = wire === "v1";
  }

  /** Where the next bytes are to be read into; empty if the bytes so far are longer than any reply. */
  room(): Uint8Array {
    if (this.#start > 0) {
      this.#buffer.copyWithin(0, this.#start, this.#end);
      this.#end -= this.#start;
      this.#start = 0;
    }
    return this.#buffer.subarray(this.#end);
  }

  /** Says how many bytes were read into {@linkcode room}. */
  filled(count: number): void {
    this.#end += count;
  }

  /** The code of the next whole reply; undefined when more bytes are needed. */
  next(): string | undefined {
    const start = this.#start;
    const line = this.#buffer.indexOf(LF, start);
    if (line < 0 || line >= this.#end) return undefined;
    if (this.#v1) {
      this.#start = line + 1;
      return this.#has(V1_OK, start) ? "ok" : "v1_error";
    }
    const end = line + 1 + this.#dataSize(start, line);
    if (end > this.#end) return undefined;
    this.#start = end;
    if (this.#has(OK, line + 1)) return "ok";
    this.id = /"id":"([^"]*)"/.exec(this.#text(start, line))?.[1] ?? null;
    return /"code":"([^"]*)"/.exec(this.#text(line, end))?.[1] ?? "malformed_reply";
  }

  #dataSize(start: number, line: number): number {
    // The field usually stands last: the search goes from the end of the line.
    for (let at = line; (at = this.#buffer.lastIndexOf(DATA_SIZE[0]!, at)) >= start; at--) {
      if (!this.#has(DATA_SIZE, at)) continue;
      let size = 0;
      for (let digit = at + DATA_SIZE.length;; digit++) {
        const value = this.#buffer[digit]! - 0x30;
        if (!(value >= 0 && value <= 9)) return size;
        size = size * 10 + value;
      }
    }
    return 0;
  }

  #has(wanted: Uint8Array, at: number): boolean {
    for (let i = 0; i < wanted.length; i++) {
      if (this.#buffer[at + i] !== wanted[i]) return false;
    }
    return true;
  }

  #text(start: number, end: number): string {
    return new TextDecoder().decode(this.#buffer.subarray(start, end));
  }
}
