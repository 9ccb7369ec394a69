import assert from "node:assert/strict";
import { Decoder } from "../../src/protocol/mod.ts";
import { pure as test } from "../helpers/pure.ts";
import { concat, utf8 } from "../helpers/raw_frame.ts";
import { decode, faultOf, frame, header, ID } from "./helpers.ts";

/** A stream with everything in it: session data, payloads, empty ones, non-ASCII, a refusal. */
const STREAM = concat(
  frame("connect", `{"token":"té","want_token":true,"clean":false,"keepalive_s":30}`),
  frame("transfer", `{"name":"été😀.png","length":5,"crit":["name"]}`, { size: "5" }) + "abc\nd",
  header({}, { action: '"heartbeat"' }),
  frame("transfer", `{"crit":["teleport"]}\n`, { size: "1" }) + "{",
  header({ size: "3", extra: '{"deep":[1,-2.5]}' }).replace("\n", "\r\n") + "\r\n\n",
  header({}, { action: '"disconnect"', id: `"${ID}"`, mode: '"stateful"' }),
);
const WHOLE = decode([STREAM]);

test("Decoder.push() turns a stream into requests, payloads and ends", () => {
  assert.deepEqual(WHOLE.map((event) => event.type), [
    ...["request", "end", "request", "payload", "end", "request", "end"],
    ...["request", "payload", "end", "request", "payload", "end", "request", "end"],
  ]);
  const base = { version: "2.0", mimeType: "image/png", size: 0 };
  const session = { id: null, mode: "stateless", sequence: 1 };
  assert.deepEqual(WHOLE[0], {
    type: "request",
    refusal: undefined,
    request: {
      header: { ...base, session: { ...session, action: "connect", dataSize: 64 } },
      action: "connect",
      data: { token: "té", wantToken: true, clean: false, keepaliveS: 30 },
    },
  });
  assert.deepEqual(WHOLE[2], {
    type: "request",
    refusal: undefined,
    request: {
      header: { ...base, size: 5, session: { ...session, action: "transfer", dataSize: 51 } },
      action: "transfer",
      data: { name: "été😀.png", length: 5, offset: 0, complete: true, cancel: false },
    },
  });
  assert.deepEqual(WHOLE[13], {
    type: "request",
    refusal: undefined,
    request: {
      header: {
        ...base,
        session: { id: ID, mode: "stateful", sequence: 1, action: "disconnect", dataSize: 0 },
      },
      action: "disconnect",
    },
  });
  assert.equal(WHOLE[3]?.hex, utf8("abc\nd").toHex());
});

test("Decoder.push() gives the same one byte at a time, though the buffer is reused", () => {
  const buffer = new Uint8Array(1);
  const oneByOne = function* () {
    for (const byte of STREAM) {
      buffer[0] = byte;
      yield buffer;
    }
  };
  assert.deepEqual(decode(oneByOne()), WHOLE);
});

test("Decoder.push() gives the same split at every position", () => {
  for (let at = 0; at <= STREAM.length; at++) {
    assert.deepEqual(decode([STREAM.subarray(0, at), STREAM.subarray(at)]), WHOLE, `at ${at}`);
  }
  for (const step of [2, 3, 7, 64, 255, 256, 257]) {
    const chunks = [];
    for (let at = 0; at < STREAM.length; at += step) chunks.push(STREAM.subarray(at, at + step));
    assert.deepEqual(decode(chunks), WHOLE, `steps of ${step}`);
  }
});

test("Decoder.push() decodes 50 frames in one chunk", () => {
  const one = frame("transfer", `{"length":3}`, { size: "3" }) + "xyz";
  const events = decode([one.repeat(50)]);
  assert.equal(events.length, 150);
  assert.deepEqual(events.filter((event) => event.type === "end").length, 50);
  assert.deepEqual(events.slice(147), events.slice(0, 3));
});

test("Decoder.push() hands payload on as views into the pushed chunk, never empty", () => {
  const chunk = utf8(header({ size: "4" }) + "ab");
  const decoder = new Decoder();
  const [, first] = decoder.push(chunk);
  assert.ok(first?.type === "payload");
  assert.equal(first.bytes.buffer, chunk.buffer);
  assert.equal(first.bytes.byteOffset, chunk.length - 2);
  chunk.fill(0x7a);
  assert.deepEqual([...first.bytes], [0x7a, 0x7a], "a view shows what the buffer holds now");
  assert.deepEqual(decoder.push(new Uint8Array()), []);
  const rest = utf8("cd");
  const [second, end] = decoder.push(rest);
  assert.ok(second?.type === "payload" && second.bytes.buffer === rest.buffer);
  assert.equal(end?.type, "end");
});

test("Decoder says what the clocks need: headerStarted, payloadRemaining, atBoundary, version", () => {
  const decoder = new Decoder();
  const state = () => [
    decoder.headerStarted,
    decoder.payloadRemaining,
    decoder.atBoundary,
    decoder.version,
    decoder.header?.session.action,
  ];
  const text = frame("transfer", "{}", { size: "4" });
  assert.deepEqual(state(), [false, 0, true, undefined, undefined]);
  decoder.push(utf8(text.slice(0, 1)));
  assert.deepEqual(state(), [true, 0, false, undefined, undefined]);
  decoder.push(utf8(text.slice(1, -2)));
  assert.deepEqual(state(), [true, 0, false, 2, "transfer"]);
  decoder.push(utf8("{"));
  assert.deepEqual(state(), [true, 0, false, 2, "transfer"]);
  decoder.push(utf8("}a"));
  assert.deepEqual(state(), [false, 3, false, 2, "transfer"]);
  assert.equal(decoder.end(), undefined, "an end inside a payload is the caller's to judge");
  decoder.push(utf8("bcd"));
  assert.deepEqual(state(), [false, 0, true, 2, "transfer"]);
  assert.equal(decoder.end(), undefined);
});

test("Decoder.end() reports incomplete inside a header and inside session data", () => {
  assert.equal(faultOf(""), undefined);
  assert.equal(faultOf(header()), undefined);
  assert.equal(faultOf("{")?.code, "incomplete");
  assert.equal(faultOf(header().trimEnd())?.code, "incomplete");
  const cut = frame("transfer", '{"length":1}');
  assert.equal(faultOf(cut.slice(0, -12))?.code, "incomplete");
  assert.equal(faultOf(cut.slice(0, -1))?.code, "incomplete");
  assert.equal(faultOf(header({ size: "9" }) + "abc"), undefined);
});

test("Decoder.push() returns nothing after a fault, and end() nothing either", () => {
  const decoder = new Decoder();
  const events = decoder.push(utf8(header() + "\n" + header()));
  assert.deepEqual(events.map((event) => event.type), ["request", "end", "fault"]);
  assert.deepEqual(decoder.push(utf8(header())), []);
  assert.equal(decoder.end(), undefined);
  assert.equal(decoder.headerStarted, false);
  assert.equal(decoder.header, undefined, "the fault is in a header: nothing to echo");
});

test("S-VER-6 a fault in session data leaves the header to echo", () => {
  const decoder = new Decoder();
  decoder.push(utf8(frame("transfer", "nope")));
  assert.equal(decoder.header?.session.sequence, 1);
});

test("Decoder() refuses caps that are no positive integers", () => {
  for (const cap of [0, -1, 1.5, NaN]) {
    assert.throws(() => new Decoder({ maxHeader: cap }), RangeError);
    assert.throws(() => new Decoder({ maxSessionData: cap }), RangeError);
  }
});

test("Decoder as a client decodes replies and notices", () => {
  const data = '{"code":"ok","class":"success","message":"stored","load":0.5}\n';
  const notice = '{"code":"brand_new","x":1}\n';
  const stream = frame("transfer", data) + frame("disconnect", notice, { size: "1" }) + "!";
  const events = decode([stream], { role: "client" });
  assert.deepEqual(events.map((event) => event.type), ["reply", "end", "reply", "payload", "end"]);
  assert.deepEqual(
    events.map((event) => (event.reply as { body?: unknown } | undefined)?.body),
    [
      { code: "ok", load: 0.5 },
      undefined,
      { code: "internal_error", x: 1, unknown_code: "brand_new" },
      undefined,
      undefined,
    ],
  );
  assert.deepEqual(decode(stream, { role: "client" }), events, "one character at a time");
});

test("S-VER-5 a client that meets a v1 server sees malformed_header", () => {
  const client = { role: "client" } as const;
  for (
    const text of ["OK\n", "OK received_1.png\n", "ERROR no\n", '{"mime_type":"a/b","size":1}\n']
  ) {
    assert.equal(faultOf(text, client)?.code, "malformed_header");
  }
});

test("Decoder as a client refuses replies whose known fields have other types", () => {
  const reply = (data: string) => faultOf(frame("transfer", data), { role: "client" });
  assert.deepEqual(faultOf(header(), { role: "client" }), { code: "invalid_field", field: "code" });
  assert.deepEqual(reply('{"code":1}'), { code: "invalid_field", field: "code" });
  for (const [field, value] of [["offset", "-1"], ["retry_after_ms", '"1"'], ["replayed", "1"]]) {
    assert.deepEqual(reply(`{"code":"ok","${field}":${value}}`), { code: "invalid_field", field });
  }
  const file = { path: "a", size: 1, sha256: "a".repeat(64), mime_type: "a/b" };
  assert.equal(reply(JSON.stringify({ code: "ok", file })), undefined);
  for (const field of Object.keys(file)) {
    const bad = JSON.stringify({ code: "ok", file: { ...file, [field]: null } });
    assert.deepEqual(reply(bad), { code: "invalid_field", field: `file.${field}` });
  }
});
