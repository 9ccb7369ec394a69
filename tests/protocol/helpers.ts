/** What the protocol tests share: frames as text, and events as plain data. */
import assert from "node:assert/strict";
import { type DecodeEvent, Decoder, type DecoderOptions } from "../../src/protocol/mod.ts";
import { utf8 } from "../helpers/raw_frame.ts";

export const ID = "3f2b8c1e-9d4a-4c6b-8e1f-0a2b3c4d5e6f";

/** The text of a v2 header; values stand in it as given, so that odd ones can be written. */
export function header(
  fields: Record<string, string> = {},
  session: Record<string, string> = {},
): string {
  const all = { version: '"2.0"', mime_type: '"image/png"', size: "0", ...fields };
  const inner = {
    id: "null",
    mode: '"stateless"',
    sequence: "1",
    action: '"transfer"',
    ...session,
  };
  return `${object({ ...all, session: object(inner) })}\n`;
}

function object(fields: Record<string, string>): string {
  return `{${Object.entries(fields).map(([name, value]) => `"${name}":${value}`).join(",")}}`;
}

/** A frame with session data. */
export function frame(
  action: string,
  data: string,
  fields: Record<string, string> = {},
): string {
  const dataSize = String(utf8(data).length);
  return header(fields, { action: `"${action}"`, data_size: dataSize }) + data;
}

/** An event as data that outlives the push: faults by code and fields, payloads as hex. */
export type PlainEvent = Record<string, unknown>;

function plain(event: DecodeEvent): PlainEvent {
  switch (event.type) {
    case "fault":
      return { type: "fault", code: event.error.code, fields: event.error.fields };
    case "payload":
      return { type: "payload", hex: event.bytes.toHex() };
    case "request": {
      const { refusal, ...request } = event.request;
      return { type: "request", request, refusal: refusal && [refusal.code, refusal.fields] };
    }
    default:
      return { ...event };
  }
}

/** Plain events with neighbouring payloads joined: how they are cut depends on the chunks. */
function joined(events: readonly PlainEvent[]): PlainEvent[] {
  const result: PlainEvent[] = [];
  for (const event of events) {
    const last = result.at(-1);
    if (event.type === "payload" && last?.type === "payload") {
      result[result.length - 1] = { type: "payload", hex: `${last.hex}${event.hex}` };
    } else result.push(event);
  }
  return result;
}

/** Pushes the chunks through one buffer that is overwritten after each push, then ends. */
export function decode(
  chunks: Iterable<Uint8Array | string>,
  options?: DecoderOptions,
): PlainEvent[] {
  const decoder = new Decoder(options);
  const events: PlainEvent[] = [];
  for (const chunk of chunks) {
    const buffer = typeof chunk === "string" ? utf8(chunk) : chunk.slice();
    events.push(...decoder.push(buffer).map(plain));
    buffer.fill(0x21);
  }
  const last = decoder.end();
  if (last !== undefined) events.push(plain(last));
  return joined(events);
}

/** The code and field a stream ends with, or undefined when it ends without a fault. */
export function faultOf(
  stream: Uint8Array | string,
  options?: DecoderOptions,
): { code: string; field?: unknown } | undefined {
  const last = decode([stream], options).at(-1);
  if (last?.type !== "fault") return undefined;
  const field = (last.fields as Record<string, unknown>).field;
  return { code: last.code as string, ...(field !== undefined && { field }) };
}

/** Fails unless a stream ends in a fault with this code, about this field. */
export function refuses(stream: string | Uint8Array, code: string, field?: string): void {
  assert.deepEqual(
    faultOf(stream),
    { code, ...(field !== undefined && { field }) },
    typeof stream === "string" ? stream.slice(0, 200) : stream.toHex().slice(0, 200),
  );
}

/** Fails if a stream ends in a fault. */
export function accepts(stream: string): void {
  assert.equal(faultOf(stream), undefined, stream.slice(0, 200));
}

/** The data of the one request in a stream. */
export function dataOf(stream: string): unknown {
  const [first] = decode([stream]);
  assert.equal(first?.type, "request", stream);
  return (first?.request as { data?: unknown }).data;
}
