/** The vectors of this folder, held against this project: its decoder, and its server. @module */
import assert from "node:assert/strict";
import { type DecodeEvent, Decoder, type FrameHeader } from "../../src/protocol/mod.ts";
import { type Answer, frame, ProbeClient } from "../../src/conformance/probe_client.ts";
import { pure } from "../helpers/pure.ts";
import { serving } from "../helpers/serving.ts";
import dialogues from "./dialogues.json" with { type: "json" };
import frames from "./frames.json" with { type: "json" };

// deno-lint-ignore no-explicit-any
type Json = Record<string, any>;

/** `uploadId` as `upload_id`. */
const onTheWire = (record: Json): Json =>
  Object.fromEntries(
    Object.entries(record).map(([key, value]) => [
      key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      value,
    ]),
  );

const headerOf = ({ version, mimeType, size, session }: FrameHeader): Json => {
  const { action, mode, id, sequence } = session;
  return { action, mode, id, sequence, size, mime_type: mimeType, version };
};

/** An event of the decoder as the vectors write it. */
function written(event: DecodeEvent): Json {
  switch (event.type) {
    case "request": {
      const { request } = event;
      const data = "data" in request ? { data: onTheWire(request.data) } : {};
      const refusal = request.refusal === undefined ? {} : { refusal: request.refusal.code };
      return { request: { ...headerOf(request.header), ...data }, ...refusal };
    }
    case "v1":
      return { v1: { mime_type: event.header.mimeType, size: event.header.size } };
    case "reply":
      return { reply: headerOf(event.reply.header), body: { ...event.reply.body } };
    case "payload":
      return { payload: new TextDecoder().decode(event.bytes) };
    case "end":
      return { end: true };
    case "fault": {
      const { code, fields } = event.error;
      return { fault: code, ...(code === "invalid_field" ? { field: fields.field } : {}) };
    }
  }
}

/** What a decoder makes of bytes that come in pieces of one size; payload in one piece again. */
function decoded(bytes: Uint8Array, role: "server" | "client", piece: number): Json[] {
  const decoder = new Decoder({ role });
  const events: Json[] = [];
  for (let at = 0; at < bytes.length; at += piece) {
    for (const event of decoder.push(bytes.slice(at, at + piece)).map(written)) {
      const last = events.at(-1);
      if (event.payload !== undefined && last?.payload !== undefined) last.payload += event.payload;
      else events.push(event);
    }
  }
  return events;
}

for (const vector of frames as Json[]) {
  pure(`${vector.rule} vector: ${vector.name}`, () => {
    const bytes = vector.base64 === undefined
      ? new TextEncoder().encode(vector.bytes)
      : Uint8Array.fromBase64(vector.base64);
    for (const piece of [bytes.length, 1, 7]) {
      assert.deepEqual(decoded(bytes, vector.side, piece), vector.events, `pieces of ${piece}`);
    }
  });
}

const test = serving("a dialogue of the vectors");

/** `file.size` of `{file: {size: 5}}`. */
const at = (object: Json, path: string): unknown =>
  path.split(".").reduce<Json | undefined>((part, key) => part?.[key], object);

for (const { name, rule, steps } of dialogues as Json[]) {
  test(`${rule} ${name}`, async (server) => {
    const connections = new Map<number, ProbeClient>();
    const kept: Json = {};
    const filled = (value: unknown): unknown =>
      JSON.parse(
        JSON.stringify(value ?? null),
        (_, text) => typeof text === "string" && text.startsWith("$") ? kept[text.slice(1)] : text,
      );
    try {
      for (const { on, send, expect, keep, close } of steps) {
        const peer = connections.get(on) ??
          await ProbeClient.open({ hostname: "127.0.0.1", port: server.port });
        connections.set(on, peer);
        if (send !== undefined) await peer.send(frame(filled(send) as Json));
        if (close) peer[Symbol.dispose]();
        if (expect === undefined) continue;
        const { header, data }: Answer = await peer.answer();
        const seen: Json = { ...data, header };
        for (const [path, wanted] of Object.entries(filled(expect) as Json)) {
          assert.deepEqual(at(seen, path), wanted, `${path} of ${JSON.stringify(data)}`);
        }
        for (const [word, path] of Object.entries(keep ?? {})) {
          kept[word] = at(seen, path as string);
        }
      }
    } finally {
      for (const peer of connections.values()) peer[Symbol.dispose]();
    }
  });
}
