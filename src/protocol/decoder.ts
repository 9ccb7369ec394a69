/** Bytes in, events out: one push parser for both ends of a connection. @module */
import { FxferError } from "../errors.ts";
import { ACTIONS } from "./actions.ts";
import { invalidField } from "./fields.ts";
import type { DecodeEvent, V1Header } from "./frame.ts";
import { majorVersion, readHeader, readUsualHeader, readV1Header } from "./header.ts";
import { decodeText, type JsonObject, parseStrictJson } from "./json.ts";
import { MAX_HEADER_BYTES, MAX_SESSION_DATA_BYTES, MAX_V1_HEADER_BYTES } from "./limits.ts";
import { PartialBuffer, signedBytes } from "./partial.ts";
import { readReply, readRequest } from "./session_data.ts";
import type { FrameHeader } from "./requests.ts";

/** The settings of a {@linkcode Decoder}.
 * @category Protocol */
export interface DecoderOptions {
  /** `"server"` decodes requests, `"client"` replies and notices. @default {"server"} */
  readonly role?: "server" | "client";
  /** Cap of a header in bytes before its LF. @default {16384} */
  readonly maxHeader?: number;
  /** Cap of session data in bytes. @default {65536} */
  readonly maxSessionData?: number;
}

const LF = 0x0a;
const CR = 0x0d;
const END: DecodeEvent = Object.freeze({ type: "end" });

/** What the next byte belongs to. */
type State = "header" | "data" | "payload" | "failed";

/**
 * Turns the bytes of one connection into events, wherever the chunks are cut.
 *
 * The decoder never throws for what a peer sends: a stream that cannot be divided into frames ends in
 * one `fault` event, and later pushes return nothing. The decoder takes no memory for bytes that are
 * only announced. It copies a header or session data only when a chunk ends inside it, and never copies
 * payload.
 *
 * @example
 * ```ts
 * import { Decoder } from "./mod.ts";
 *
 * const decoder = new Decoder();
 * const bytes = new TextEncoder().encode('{"mime_type":"text/plain","size":2}\nhi');
 * const types = decoder.push(bytes).map((event) => event.type);
 * console.assert(types.join() === "v1,payload,end");
 * ```
 * @category Protocol
 */
export class Decoder {
  readonly #client: boolean;
  readonly #maxHeader: number;
  readonly #maxSessionData: number;
  readonly #partial = new PartialBuffer();
  #state: State = "header";
  #version: 1 | 2 | undefined;
  #header: FrameHeader | undefined;
  /** The latest usual header and its text: heartbeats, and files of one kind, often have the same ones. */
  #usualText: string | undefined;
  #usual: FrameHeader | undefined;
  /** The header line of a frame that has a code, until its session data is here (S-KEY-2). */
  #signedLine: Uint8Array | undefined;
  #remaining = 0;
  #taken = 0;

  /**
   * Makes a decoder for one connection, to be used from its first byte on.
   *
   * @param options Which end of the connection decodes, and its caps.
   * @throws {RangeError} A cap is not a positive integer.
   */
  constructor(options: DecoderOptions = {}) {
    this.#client = options.role === "client";
    this.#maxHeader = positive(options.maxHeader ?? MAX_HEADER_BYTES, "maxHeader");
    this.#maxSessionData = positive(
      options.maxSessionData ?? MAX_SESSION_DATA_BYTES,
      "maxSessionData",
    );
  }

  /** The version of the connection, which its first header decides (S-VER-1); undefined before that. */
  get version(): 1 | 2 | undefined {
    return this.#version;
  }

  /**
   * The v2 header of the latest frame, so that a reply to a fault in its session data can repeat it.
   * Undefined before the first header, and when the fault is in the header itself.
   */
  get header(): FrameHeader | undefined {
    return this.#header;
  }

  /** Whether a part of a header or of session data has arrived: then the header clock runs. */
  get headerStarted(): boolean {
    return this.#state === "data" || (this.#state === "header" && this.#partial.length > 0);
  }

  /** Payload bytes of the current frame still to come; 0 outside a payload. */
  get payloadRemaining(): number {
    return this.#remaining;
  }

  /** How many bytes of the last chunk were looked at. */
  get taken(): number {
    return this.#taken;
  }

  /** Whether the last frame is complete and no byte of the next one has arrived. */
  get atBoundary(): boolean {
    return this.#state === "header" && this.#partial.length === 0;
  }

  /**
   * Takes the next bytes of the connection.
   *
   * @param chunk Only read. Payload events are views into it, so the caller may reuse it only after it
   * has dealt with them.
   * @param maxFrames After so many whole frames the rest of the chunk is left: {@linkcode Decoder.taken}.
   * @returns What has become whole, in order; nothing after a fault.
   */
  push(chunk: Uint8Array, maxFrames: number = Infinity): DecodeEvent[] {
    const events: DecodeEvent[] = [];
    this.#taken = chunk.length;
    try {
      for (let at = 0, frames = 0; at < chunk.length && this.#state !== "failed";) {
        if (this.#state === "payload") at = this.#takePayload(chunk, at, events);
        else if (this.#state === "header") at = this.#takeHeader(chunk, at, events);
        else at = this.#takeData(chunk, at, events);
        if (events.at(-1) === END && ++frames === maxFrames) {
          this.#taken = at;
          break;
        }
      }
    } catch (error) {
      if (!(error instanceof FxferError)) throw error;
      events.push(this.#fail(error));
    }
    return events;
  }

  /**
   * Tells the decoder that the peer has sent its last byte.
   *
   * @returns A fault `incomplete` if the end is inside a header or session data, else undefined. The
   * caller judges an end inside a payload, by {@linkcode Decoder.payloadRemaining}.
   */
  end(): DecodeEvent | undefined {
    if (!this.headerStarted) return undefined;
    const part = this.#state === "data" ? "session data" : "header";
    return this.#fail(
      new FxferError("incomplete", `Cannot read ${part}: the connection ended inside it`),
    );
  }

  #takePayload(chunk: Uint8Array, at: number, events: DecodeEvent[]): number {
    const end = Math.min(chunk.length, at + this.#remaining);
    const bytes = at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end);
    events.push({ type: "payload", bytes });
    this.#startPayload(this.#remaining - (end - at), events);
    return end;
  }

  #takeHeader(chunk: Uint8Array, at: number, events: DecodeEvent[]): number {
    this.#header = undefined;
    // The bytes that are held have been searched for an LF before: only new ones are searched (S-FRM-6).
    const lf = chunk.indexOf(LF, at);
    const end = lf < 0 ? chunk.length : lf;
    const cap = this.#version === 1
      ? Math.min(MAX_V1_HEADER_BYTES, this.#maxHeader)
      : this.#maxHeader;
    const length = this.#partial.length + end - at;
    if (length > cap) throw headerTooLong(cap);
    const line = this.#collect(chunk, at, end, lf >= 0);
    if (line !== undefined) this.#readLine(line, events);
    return lf < 0 ? end : lf + 1;
  }

  #readLine(line: Uint8Array, events: DecodeEvent[]): void {
    const cr = line.length > 0 && line[line.length - 1] === CR;
    const text = decodeText(cr ? line.subarray(0, line.length - 1) : line);
    let header: FrameHeader | V1Header | undefined = text === this.#usualText
      ? this.#usual
      : readUsualHeader(text);
    if (header !== undefined) {
      this.#acceptVersion(2);
      this.#usualText = text;
      this.#usual = header as FrameHeader;
    } else header = parseStrictJson(text, (object) => this.#readHeaderObject(object, line.length));
    if ("session" in header) {
      const { auth, mac } = header.session;
      if (auth !== undefined || mac !== undefined) this.#signedLine = line.slice();
      return this.#begin(header, events);
    }
    events.push({ type: "v1", header });
    this.#startPayload(header.size, events);
  }

  /** Begins the frame of a v2 header: its session data comes next, if it has any. */
  #begin(header: FrameHeader, events: DecodeEvent[]): void {
    const { dataSize, action } = header.session;
    if (header.size > 0 && !this.#client && !ACTIONS[action].payload) {
      throw invalidField("size", `0 for ${action}`);
    }
    this.#header = header;
    if (dataSize > this.#maxSessionData) {
      throw new FxferError("too_large", "Cannot take session data: data_size is over the limit", {
        fields: { field: "session.data_size", limit: this.#maxSessionData },
      });
    }
    if (dataSize > 0) this.#state = "data";
    else this.#finishFrame(header, undefined, events);
  }

  #readHeaderObject(object: JsonObject, length: number): FrameHeader | V1Header {
    const version = majorVersion(object);
    this.#acceptVersion(version);
    if (version === 2) return readHeader(object);
    if (this.#client) throw new FxferError("malformed_header", "Cannot read reply: no version");
    // The version of the first header is not known before it is whole, so its cap is checked here.
    if (length > MAX_V1_HEADER_BYTES) throw headerTooLong(MAX_V1_HEADER_BYTES);
    return readV1Header(object);
  }

  /** Lets the first header decide the version of the connection (S-VER-1). */
  #acceptVersion(version: 1 | 2): void {
    this.#version ??= version;
    if (version !== this.#version) {
      throw new FxferError("protocol_error", "Cannot mix versions on one connection");
    }
  }

  #takeData(chunk: Uint8Array, at: number, events: DecodeEvent[]): number {
    const header = this.#header as FrameHeader;
    const missing = header.session.dataSize - this.#partial.length;
    const end = Math.min(chunk.length, at + missing);
    const data = this.#collect(chunk, at, end, end - at === missing);
    if (data !== undefined) this.#finishFrame(header, data, events);
    return end;
  }

  /** Hands on a frame whose header and session data are whole, and begins its payload. */
  #finishFrame(header: FrameHeader, data: Uint8Array | undefined, events: DecodeEvent[]): void {
    const text = data === undefined ? undefined : decodeText(data);
    const signed = this.#signedLine && signedBytes(this.#signedLine, data);
    this.#signedLine = undefined;
    if (this.#client) {
      // A later minor version may add fields to replies, with any number JSON knows.
      const reply = parseStrictJson(text ?? "{}", (object) => readReply(header, object), "any");
      events.push({ type: "reply", reply: signed ? { ...reply, signed } : reply });
    } else {
      const request = text === undefined
        ? readRequest(header, undefined)
        : parseStrictJson(text, (object) => readRequest(header, object));
      events.push({ type: "request", request: signed ? { ...request, signed } : request });
    }
    this.#startPayload(header.size, events);
  }

  #startPayload(remaining: number, events: DecodeEvent[]): void {
    this.#remaining = remaining;
    this.#state = remaining > 0 ? "payload" : "header";
    if (remaining === 0) events.push(END);
  }

  /** Returns a header or session data once it is whole: a view into the chunk if it came in one piece. */
  #collect(chunk: Uint8Array, at: number, end: number, whole: boolean): Uint8Array | undefined {
    if (whole && this.#partial.length === 0) return chunk.subarray(at, end);
    this.#partial.append(chunk, at, end);
    return whole ? this.#partial.take() : undefined;
  }

  #fail(error: FxferError): DecodeEvent {
    this.#state = "failed";
    this.#remaining = 0;
    this.#partial.clear();
    return { type: "fault", error };
  }
}

function positive(value: number, name: string): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new RangeError(`Cannot create decoder: ${name} must be a positive integer`);
}

function headerTooLong(cap: number): FxferError {
  return new FxferError("header_too_long", `Cannot read header: it is over ${cap} bytes`, {
    fields: { limit: cap },
  });
}
