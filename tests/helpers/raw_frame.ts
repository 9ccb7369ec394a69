/**
 * Frames of the wire for tests and benchmarks, built by hand from the contract. This file does not use
 * src/protocol on purpose: it is a second, independent reading of the contract.
 *
 * @module
 */

/** Any JSON object, as tests write and read it. */
// deno-lint-ignore no-explicit-any
export type Json = Record<string, any>;

const encoder = new TextEncoder();

/** Text as UTF-8. */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

/** Parts as one array; text becomes UTF-8. */
export function concat(...parts: readonly (Uint8Array | string)[]): Uint8Array<ArrayBuffer> {
  const arrays = parts.map((part) => typeof part === "string" ? utf8(part) : part);
  const all = new Uint8Array(arrays.reduce((sum, part) => sum + part.length, 0));
  arrays.reduce((at, part) => (all.set(part, at), at + part.length), 0);
  return all;
}

/** What goes into a v2 frame; without a field, its value is that of the smallest stateless upload. */
export interface FrameParts {
  readonly action?: string;
  readonly mode?: string;
  readonly id?: string | null;
  readonly sequence?: number;
  readonly mime?: string;
  /** Session data: an object, or text to send as it stands. */
  readonly data?: Json | string;
  readonly payload?: Uint8Array | string;
  /** What the header says of the payload; default its length. */
  readonly size?: number;
  /** What the header says of the session data; default its length. */
  readonly dataSize?: number;
  /** Merged over the finished header. */
  readonly header?: Json;
}

/** The bytes of a v2 frame. */
export function frame(parts: FrameParts): Uint8Array<ArrayBuffer> {
  const data = parts.data === undefined
    ? utf8("")
    : utf8(typeof parts.data === "string" ? parts.data : JSON.stringify(parts.data));
  const payload = typeof parts.payload === "string" ? utf8(parts.payload) : parts.payload;
  const header = {
    version: "2.0",
    mime_type: parts.mime ?? "application/octet-stream",
    size: parts.size ?? payload?.length ?? 0,
    session: {
      id: parts.id ?? null,
      mode: parts.mode ?? "stateless",
      sequence: parts.sequence ?? 0,
      action: parts.action ?? "transfer",
      data_size: parts.dataSize ?? data.length,
    },
    ...parts.header,
  };
  return concat(JSON.stringify(header), "\n", data, payload ?? "");
}

/** The bytes of a v1 frame. */
export function frameV1(payload: Uint8Array, mime = "application/octet-stream"): Uint8Array {
  return concat(JSON.stringify({ mime_type: mime, size: payload.length }), "\n", payload);
}
