import assert from "node:assert/strict";
import { CODES } from "../../src/errors.ts";
import {
  encodeReply,
  encodeRequest,
  encodeV1Header,
  encodeV1Results,
  negotiateVersion,
  type ReplyBody,
  type RequestInit,
} from "../../src/protocol/mod.ts";
import { pure as test } from "../helpers/pure.ts";
import { decode, ID } from "./helpers.ts";
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const HEADER = { id: ID, mode: "stateful", sequence: 7, action: "transfer" } as const;

test("encodeReply() writes code, class and message first, then the fields and LF", () => {
  const text = textOf(encodeReply(HEADER, { offset: 10, code: "offset_mismatch" }));
  const data =
    '{"code":"offset_mismatch","class":"resync","message":"the offset is not the durable offset","offset":10}\n';
  assert.equal(
    text,
    '{"version":"2.1","mime_type":"application/json","size":0,"session":{"id":"' + ID +
      `","mode":"stateful","sequence":7,"action":"transfer","data_size":${data.length}}}\n${data}`,
  );
});

test("encodeReply() counts bytes, not characters, and its class and message are the table's", () => {
  const body = { code: "ok", class: "x", message: "y", name: "é€😀\u0000" } as const;
  const encoded = encodeReply({ ...HEADER, id: null }, body);
  const [reply, end, ...more] = decode([encoded], { role: "client" });
  // NUL is escaped by JSON and refused by the reader: never echo what was not read (S-FRM-2).
  assert.equal(reply?.code, "malformed_header");
  assert.deepEqual([end, ...more], [undefined]);
  const data = textOf(encoded).split("\n")[1] ?? "";
  assert.ok(data.startsWith('{"code":"ok","class":"success","message":"stored","name":"é€😀'));
});

test("encodeReply() and the client's decoder agree for every code", () => {
  for (const code of Object.keys(CODES) as (keyof typeof CODES)[]) {
    const body: ReplyBody = {
      code,
      offset: 3,
      retry_after_ms: 250,
      replayed: true,
      file: { path: "a/é😀.png", size: 1, sha256: "a".repeat(64), mime_type: "image/png" },
      limits: { max_header: 16384, ratio: 0.5, list: [1, null, "x"] },
    };
    const events = decode([encodeReply(HEADER, body)], { role: "client" });
    assert.deepEqual(events.map((event) => event.type), ["reply", "end"]);
    const reply = events[0]?.reply as { header: { session: unknown }; body: unknown };
    assert.deepEqual(reply.body, body);
    const { dataSize: _, ...session } = reply.header.session as Record<string, unknown>;
    assert.deepEqual(session, HEADER);
  }
});

test("encodeReply() writes each fixed field once, wherever the body has it", () => {
  const bodies: ReplyBody[] = [
    { code: "ok" },
    { code: "ok", class: "x" },
    { message: "x", code: "ok" },
    { a: undefined, code: "ok" },
    { class: undefined, code: "ok", b: undefined },
  ];
  for (const body of bodies) {
    const [, data] = textOf(encodeReply(HEADER, body)).split("\n");
    assert.equal(data, '{"code":"ok","class":"success","message":"stored"}');
  }
});

test("encodeReply() refuses a body over the cap", () => {
  assert.throws(() => encodeReply(HEADER, { code: "ok", x: "é".repeat(32768) }), RangeError);
});

test("encodeRequest() writes the smallest header and no session data for defaults", () => {
  const bare = { id: null, mode: "stateless", sequence: 1, action: "transfer" } as const;
  const expected =
    '{"version":"2.1","mime_type":"application/octet-stream","size":0,"session":{"id":null,' +
    '"mode":"stateless","sequence":1,"action":"transfer","data_size":0}}\n';
  assert.equal(textOf(encodeRequest(bare)), expected);
  const data = { offset: 0, complete: true, cancel: false, wantToken: false, clean: false };
  assert.equal(textOf(encodeRequest({ ...bare, data })), expected);
});

test("encodeRequest() and the server's decoder agree", () => {
  const defaults = { offset: 0, complete: true, cancel: false };
  const digest = "0f".repeat(32);
  const cases: [RequestInit, unknown][] = [
    [{ ...HEADER, size: 0, mimeType: "Image/PNG;x=1" }, defaults],
    [
      { ...HEADER, data: { uploadId: ID, name: '"é😀\\\n', length: 0, sha256: digest } },
      { ...defaults, uploadId: ID, name: '"é😀\\\n', length: 0, sha256: digest },
    ],
    [
      { ...HEADER, data: { offset: 2 ** 53 - 1, complete: false, cancel: true } },
      { offset: 2 ** 53 - 1, complete: false, cancel: true },
    ],
    [{ ...HEADER, action: "connect" }, {}],
    [
      {
        ...HEADER,
        action: "connect",
        data: {
          token: "t",
          wantToken: true,
          clean: true,
          keepaliveS: 5,
          sessionExpiryS: 6,
          fallback: "stateless",
        },
      },
      {
        token: "t",
        wantToken: true,
        clean: true,
        keepaliveS: 5,
        sessionExpiryS: 6,
        fallback: "stateless",
      },
    ],
    [{ ...HEADER, action: "heartbeat" }, undefined],
    [{ ...HEADER, action: "disconnect" }, undefined],
  ];
  for (const [init, data] of cases) {
    const [event, end] = decode([encodeRequest(init)]);
    const request = event?.request as {
      action: string;
      data?: unknown;
      header: { session: object };
    };
    assert.equal(request.action, init.action);
    assert.deepEqual(request.data, data);
    assert.equal((request.header.session as { sequence: number }).sequence, 7);
    assert.equal(end?.type, "end");
  }
});

test("encodeRequest() refuses what no header can say", () => {
  for (const number of [-1, 1.5, NaN, Infinity, 2 ** 53]) {
    assert.throws(() => encodeRequest({ ...HEADER, size: number }), RangeError);
    assert.throws(() => encodeRequest({ ...HEADER, sequence: number }), RangeError);
    assert.throws(() => encodeRequest({ ...HEADER, data: { offset: number } }), RangeError);
    assert.throws(() => encodeRequest({ ...HEADER, data: { length: number } }), RangeError);
    assert.throws(() => encodeV1Header({ mimeType: "a/b", size: number }), RangeError);
  }
  assert.throws(() => encodeRequest({ ...HEADER, mimeType: 'a/b"' }), TypeError);
  assert.throws(() => encodeV1Header({ mimeType: "png", size: 1 }), TypeError);
});

test("encodeV1Header() and the server's decoder agree", () => {
  const header = { mimeType: "image/png", size: 0 };
  assert.deepEqual(decode([encodeV1Header(header)])[0], { type: "v1", header });
});

test("S-VER-3 encodeV1Results() writes one line a file, whatever the text holds", () => {
  const lines = encodeV1Results([
    { ok: true, path: "received_1.png" },
    { ok: false, text: "no\r\n\u001b[31mroom\u2028\u202e" },
  ]);
  assert.equal(
    textOf(lines),
    "OK received_1.png\nERROR no\\u000d\\u000a\\u001b[31mroom\\u2028\\u202e\n",
  );
  assert.equal(encodeV1Results([]).length, 0);
});

test("S-VER-2 negotiateVersion() gives the lower minor of the two", () => {
  assert.equal(negotiateVersion("2.0"), "2.0");
  assert.equal(negotiateVersion("2.1"), "2.1");
  assert.equal(negotiateVersion("2.99999"), "2.1");
  assert.equal(negotiateVersion("1.0"), "1.0");
  for (
    const version of ["", "2", "2.", "2.00", "2.1.1", "3.0", "1.1", "0.9", "x", "2.-1", " 2.0"]
  ) {
    assert.equal(negotiateVersion(version), undefined, version);
  }
});
