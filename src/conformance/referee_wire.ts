/** Frames as a referee reads and writes them, from the contract alone. @module */
import { within } from "../within.ts";
import type { Json } from "./probe_client.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** The contract's cap of a header, in bytes. */
export const MAX_HEADER = 16384;

/** Thrown when the peer is gone, or is to be left. */
export class Over extends Error {}

/** The JSON of a header or of session data. */
export const parse = (bytes: Uint8Array): Json => JSON.parse(decoder.decode(bytes));

/** Throws what is wrong with a header, whatever the frame asks for (S-FRM-1). */
export function checkHeader(header: Json): void {
  const { session, size, version } = header;
  const whole = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
  const wrong = [
    /^2\.\d+$/.test(version) ? "" : "version",
    whole(size) ? "" : "size",
    typeof header.mime_type === "string" ? "" : "mime_type",
    whole(session?.sequence) ? "" : "session.sequence",
    whole(session?.data_size ?? 0) ? "" : "session.data_size",
    ["stateless", "stateful"].includes(session?.mode) ? "" : "session.mode",
    size > 0 && session?.action !== "transfer" ? "size of a frame that is no transfer" : "",
  ].filter((field) => field !== "");
  if (wrong.length > 0) throw new TypeError(`wrong ${wrong.join(", ")}`);
}

/** A reply or notice as bytes. */
export function encodeAnswer(
  { version = "2.0", extra = {} }: { readonly version?: string; readonly extra?: Json },
  { id, mode, sequence, action }: Json,
  { id: _id, ...body }: Json,
): Uint8Array {
  const data = encoder.encode(`${JSON.stringify({ message: "", ...body, ...extra })}\n`);
  const session = { id, mode, sequence, action, data_size: data.length, ...extra };
  const header = { version, mime_type: "application/json", size: 0, session, ...extra };
  return joined([encoder.encode(`${JSON.stringify(header)}\n`), data]);
}

/** What a connection brings, in the pieces that are asked for. */
export class Input {
  readonly #conn: Deno.Conn;
  #rest: Uint8Array = new Uint8Array();
  #reading: Promise<boolean> | undefined;

  constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  /** The bytes before the next LF; undefined when the peer ends before a header. */
  async line(): Promise<Uint8Array | undefined> {
    let at: number;
    while ((at = this.#rest.indexOf(10)) < 0) {
      if (this.#rest.length > MAX_HEADER) throw new RangeError(`a header over ${MAX_HEADER} bytes`);
      if (!await this.#more()) {
        if (this.#rest.length === 0) return undefined;
        throw new Over();
      }
    }
    const line = this.#rest.subarray(0, at);
    this.#rest = this.#rest.subarray(at + 1);
    return line;
  }

  /** Exactly so many bytes. */
  async take(count: number): Promise<Uint8Array> {
    while (this.#rest.length < count) if (!await this.#more()) throw new Over();
    return await this.some(count);
  }

  /** One byte or more, at most so many. */
  async some(most: number): Promise<Uint8Array> {
    if (this.#rest.length === 0 && !await this.#more()) throw new Over();
    const piece = this.#rest.slice(0, most);
    this.#rest = this.#rest.subarray(piece.length);
    return piece;
  }

  /** Whether bytes are here, or come within so many milliseconds. */
  async bringsWithin(ms: number): Promise<boolean> {
    return this.#rest.length > 0 || await within(ms, this.#more()) === true;
  }

  /** Reads until the peer ends. */
  async readAway(): Promise<void> {
    while (await this.#more()) this.#rest = new Uint8Array();
  }

  /** Reads once, or waits for the read that `bringsWithin` has left; false at the end. */
  #more(): Promise<boolean> {
    return this.#reading ??= this.#read().finally(() => this.#reading = undefined);
  }

  async #read(): Promise<boolean> {
    const buffer = new Uint8Array(64 * 1024);
    const count = await this.#conn.read(buffer);
    if (count === null) return false;
    this.#rest = joined([this.#rest, buffer.subarray(0, count)]);
    return true;
  }
}

/** The pieces in one piece. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
