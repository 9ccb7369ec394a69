/**
 * Requests as ready bytes, written by each `LoadClient`. The header is text made from a template
 * and stands right in front of the payload in one buffer, so that making a frame takes almost no time.
 *
 * @module
 */
import type { LoadPlan, Wire } from "./types.ts";

/** Larger than any header made here. */
const HEADER_ROOM = 512;

/** A payload up to this size goes out in one write with its header. */
const JOIN_BYTES = 64 * 1024;

/** A larger payload goes out in pieces of this many bytes. */
const PIECE_BYTES = 1024 * 1024;

const UTF8 = new TextEncoder();
let pattern: Uint8Array<ArrayBuffer> | undefined;

/** The first `size` bytes, at most a mebibyte, of a pattern that does not repeat within it. */
function payload(size: number): Uint8Array<ArrayBuffer> {
  if (pattern === undefined) {
    pattern = new Uint8Array(PIECE_BYTES);
    for (let at = 0; at < pattern.length; at++) pattern[at] = Math.imul(at, 2654435761) >>> 13;
  }
  return pattern.subarray(0, size);
}

const FILE = `"mime_type":"application/octet-stream"`;

/** A header of version 2 with its session data. */
function headerText(
  action: string,
  wire: Wire,
  size: number,
  id: string | null,
  sequence: number,
  data = "",
): string {
  const length = data === "" ? "" : `,"data_size":${data.length}`;
  return `{"version":"2.0",${FILE},"size":${size},"session":{"id":${id && `"${id}"`},` +
    `"mode":"${wire}","sequence":${sequence},"action":"${action}"${length}}}\n${data}`;
}

/** A request without payload: the connect that begins a session, the disconnect that ends it. */
export function controlFrame(action: string, id: string | null, sequence: number): Uint8Array {
  return UTF8.encode(headerText(action, "stateful", 0, id, sequence));
}

/** The transfer requests of one connection, in order. */
export class Frames {
  /** Frames made so far, which is the last sequence number. */
  made = 0;
  /** Payload bytes that follow {@linkcode next} as {@linkcode pieces}: 0 for a small payload. */
  readonly rest: number;
  readonly #plan: LoadPlan;
  readonly #id: string | null;
  readonly #buffer: Uint8Array;
  #last: Uint8Array | undefined;

  /** @param id The session's; null without one. */
  constructor(plan: LoadPlan, id: string | null) {
    const joined = plan.size <= JOIN_BYTES ? plan.size : 0;
    this.#plan = plan;
    this.#id = id;
    this.rest = plan.size - joined;
    this.#buffer = new Uint8Array(HEADER_ROOM + joined);
    this.#buffer.set(payload(joined), HEADER_ROOM);
  }

  /** The next frame, up to its payload where that is large; valid until the next call. */
  next(): Uint8Array {
    this.made++;
    // Without a session every request has the same bytes.
    if (this.#plan.wire !== "stateful" && this.#last !== undefined) return this.#last;
    const { wire, size } = this.#plan;
    const text = wire === "v1"
      ? `{${FILE},"size":${size}}\n`
      : headerText("transfer", wire, size, this.#id, this.made, this.#data());
    const start = HEADER_ROOM - text.length;
    UTF8.encodeInto(text, this.#buffer.subarray(start, HEADER_ROOM));
    return this.#last = this.#buffer.subarray(start);
  }

  /** Session data is needed only where several frames make one file. */
  #data(): string {
    const { oneFile, size, requests } = this.#plan;
    if (!oneFile) return "";
    const complete = this.made === requests;
    return JSON.stringify({ offset: (this.made - 1) * size, length: requests * size, complete });
  }

  /** The pieces of a large payload. */
  *pieces(): Generator<Uint8Array> {
    for (let left = this.rest; left > 0; left -= PIECE_BYTES) {
      yield payload(Math.min(left, PIECE_BYTES));
    }
  }
}
