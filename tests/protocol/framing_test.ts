import assert from "node:assert/strict";
import { Decoder } from "../../src/protocol/mod.ts";
import { pure as test } from "../helpers/pure.ts";
import { concat, utf8 } from "../helpers/raw_frame.ts";
import { accepts, dataOf, decode, frame, header, ID, refuses } from "./helpers.ts";

const NO_INTEGERS = ["-1", "1.5", '"10"', "1e3", "-0", "01", "true", "null", "9007199254740992"]
  .concat(["1e400", "1.0", "[1]", "{}", '""', "12345678901234567"]);

test("S-FRM-1 every integer of a header must be plain digits up to 2^53-1", () => {
  for (const value of NO_INTEGERS) {
    refuses(header({ size: value }), "invalid_field", "size");
    refuses(header({}, { sequence: value }), "invalid_field", "session.sequence");
    refuses(header({}, { data_size: value }), "invalid_field", "session.data_size");
    refuses(`{"mime_type":"a/b","size":${value}}\n`, "invalid_field", "size");
  }
  for (const value of ["0", "9007199254740991"]) accepts(header({}, { sequence: value }));
  for (const size of ["2147483648", "4294967296", "9007199254740991"]) {
    const decoder = new Decoder();
    decoder.push(utf8(header({ size })));
    assert.equal(decoder.payloadRemaining, Number(size));
  }
});

test("S-FRM-1 every integer of session data must be plain digits; null is absent", () => {
  for (const value of NO_INTEGERS.filter((value) => value !== "null")) {
    for (const field of ["offset", "length"]) {
      refuses(frame("transfer", `{"${field}":${value}}`), "invalid_field", field);
    }
    for (const field of ["keepalive_s", "session_expiry_s"]) {
      refuses(frame("connect", `{"${field}":${value}}`), "invalid_field", field);
    }
  }
  assert.deepEqual(
    dataOf(frame("transfer", '{"offset":null,"length":null,"name":null,"complete":null}')),
    { offset: 0, complete: true, cancel: false },
  );
  assert.deepEqual(
    dataOf(frame("connect", '{"token":null,"keepalive_s":null,"fallback":null}')),
    {},
  );
});

test("S-FRM-1 a missing field of a header is invalid_field; id and data_size may be absent", () => {
  const without = (name: string) =>
    header().replace(new RegExp(`"${name}":("[^"]*"|[0-9]+),?`), "");
  refuses(without("size"), "invalid_field", "size");
  refuses(without("mime_type"), "invalid_field", "mime_type");
  refuses(without("mode"), "invalid_field", "session.mode");
  refuses(without("sequence"), "invalid_field", "session.sequence");
  refuses(header({}, { action: "7" }), "invalid_field", "session.action");
  refuses('{"version":"2.0","mime_type":"a/b","size":0}\n', "invalid_field", "session");
  for (const session of ["null", "[]", '"x"', "1"]) {
    const text = `{"version":"2.0","mime_type":"a/b","size":0,"session":${session}}\n`;
    refuses(text, "invalid_field", "session");
  }
  accepts(header().replace('"id":null,', ""));
});

test("S-FRM-1 mode and action are known words and nothing else", () => {
  for (const value of ['"Stateless"', '"toString"', '""', "null", "1", '["stateless"]']) {
    refuses(header({}, { mode: value }), "invalid_field", "session.mode");
    refuses(header({}, { action: value }), "invalid_field", "session.action");
  }
});

test("a session id is null or a UUIDv4 in lower case", () => {
  accepts(header({}, { id: `"${ID}"` }));
  const v1Uuid = "3f2b8c1e-9d4a-1c6b-8e1f-0a2b3c4d5e6f";
  const bad = [
    ID.toUpperCase(),
    v1Uuid,
    "../../etc/passwd",
    "x".repeat(300),
    "",
    `${ID}\\n`,
    ` ${ID}`,
  ];
  for (const id of bad) refuses(header({}, { id: `"${id}"` }), "invalid_field", "session.id");
  for (const id of ["1", "true", "{}", "[]"]) {
    refuses(header({}, { id }), "invalid_field", "session.id");
  }
});

test("S-FRM-2 bad JSON, keys and texts are malformed_header", () => {
  for (
    const line of ["", "\r", "x", "[]", "null", '"a"', "{", `${header().trim()}x`, "OK", "{}{}"]
  ) {
    refuses(`${line}\n`, "malformed_header");
  }
  refuses(header({ a: "1", "\\u0061": "2" }), "malformed_header");
  refuses(header({}, { a: "1", "\\u0061": "2" }), "malformed_header");
  refuses(header({ x: "[".repeat(10_000 / 2) + "]".repeat(10_000 / 2) }), "malformed_header");
  refuses(header({ x: "[".repeat(10_000) }), "malformed_header");
  for (const text of ['"\\u0000"', '"\\ud800"', '"\0"']) {
    refuses(header({ x: text }), "malformed_header");
  }
  refuses("\0\n", "malformed_header");
  refuses(`${header().trim()}\0\n`, "malformed_header");
});

test("S-FRM-2 a BOM and invalid UTF-8 are malformed_header, in session data too", () => {
  refuses(concat(new Uint8Array([0xef, 0xbb, 0xbf]), header()), "malformed_header");
  const broken = [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82]];
  for (const sequence of broken) {
    const [before, after] = header({ x: '"@"' }).split("@") as [string, string];
    refuses(concat(before, new Uint8Array(sequence), after), "malformed_header");
    const data = concat('{"name":"', new Uint8Array(sequence), '"}');
    const first = header({}, { data_size: String(data.length) });
    refuses(concat(first, data), "malformed_header");
  }
  // The character that stands for broken bytes may be sent as such.
  const sent = new TextEncoder().encode('{"name":"a\ufffdb"}');
  const [event] = decode([concat(header({}, { data_size: String(sent.length) }), sent)]);
  assert.equal(event?.type, "request");
});

test("S-FRM-2 one CR before LF is tolerated, two only as JSON's white space", () => {
  assert.deepEqual(decode([header().replace("\n", "\r\n")]), decode([header()]));
  refuses("{\r}\r\nx\r\n", "invalid_field", "size");
  refuses("\r\n", "malformed_header");
});

test("S-FRM-3 forbidden keys are malformed_header in headers and in session data", () => {
  for (const key of ["__proto__", "constructor", "prototype"]) {
    refuses(header({ [key]: "{}" }), "malformed_header");
    refuses(header({}, { [key]: "1" }), "malformed_header");
    refuses(frame("transfer", `{"x":[{"${key}":1}]}`), "malformed_header");
    refuses(frame("heartbeat", `{"${key}":1}`), "malformed_header");
  }
});

test("S-FRM-3 only known fields are copied", () => {
  const [event] = decode([header({ evil: "1" }, { evil: "2" })]);
  assert.ok(!JSON.stringify(event).includes("evil"));
});

test("S-FRM-4 unknown keys are ignored unless crit names them", () => {
  assert.deepEqual(dataOf(frame("transfer", '{"teleport":1e3,"offset":5}')), {
    offset: 5,
    complete: true,
    cancel: false,
  });
  const refusal = (action: string, data: string) => decode([frame(action, data)])[0]?.refusal;
  assert.equal(refusal("transfer", '{"teleport":true}'), undefined);
  assert.equal(refusal("transfer", '{"crit":["offset","sha256"],"offset":0}'), undefined);
  assert.equal(refusal("transfer", '{"crit":[]}'), undefined);
  assert.equal(refusal("transfer", '{"crit":null}'), undefined);
  const unknown = ["unsupported_feature", { name: "teleport" }];
  assert.deepEqual(refusal("transfer", '{"crit":["offset","teleport"]}'), unknown);
  assert.deepEqual(refusal("connect", '{"crit":["teleport"]}'), unknown);
  assert.deepEqual(refusal("heartbeat", '{"crit":["teleport"]}'), unknown);
  assert.deepEqual(refusal("connect", '{"crit":["offset"]}'), ["unsupported_feature", {
    name: "offset",
  }]);
  for (const crit of ['"a"', "[1]", "{}", "true", '["a",null]']) {
    refuses(frame("transfer", `{"crit":${crit}}`), "invalid_field", "crit");
  }
  const [, { name }] = refusal("transfer", `{"crit":["${"é".repeat(9999)}"]}`) as [
    string,
    { name: string },
  ];
  assert.equal(name.length, 64, "an echoed name is short");
});

test("S-FRM-4 a refused frame is framed like any other", () => {
  const stream = frame("transfer", '{"crit":["x"]}', { size: "2" }) + "ab" + header();
  assert.deepEqual(decode([stream]).map((event) => event.type), [
    ...["request", "payload", "end"],
    ...["request", "end"],
  ]);
});

test("S-FRM-5 mime_type is token/token, at most 127 bytes, parameters dropped, in lower case", () => {
  const type = (text: string) => {
    const event = decode([header({ mime_type: JSON.stringify(text) })])[0];
    return (event?.request as { header: { mimeType: string } } | undefined)?.header.mimeType;
  };
  assert.equal(type("IMAGE/Png"), "image/png");
  assert.equal(type('text/html ; charset="utf-8"; x=/../'), "text/html");
  assert.equal(type("application/vnd.a+b-c_d!#$&^"), "application/vnd.a+b-c_d!#$&^");
  const longest = `a/${"b".repeat(125)}`;
  assert.equal(type(longest), longest);
  assert.equal(type(`${longest};p=${"x".repeat(200)}`), longest);
  const none = [
    "",
    "png",
    "image/",
    "/png",
    "a/b/c",
    "a b/c",
    " a/b",
    "a/b ",
    "a/b\n",
    "a/é",
    "../..//x",
  ];
  none.push(`${longest}b`, "a/b\\c", "image/png,text/html", ";a/b");
  for (const text of none) {
    refuses(header({ mime_type: JSON.stringify(text) }), "invalid_field", "mime_type");
    const [event] = decode([`{"mime_type":${JSON.stringify(text)},"size":0}\n`]);
    assert.deepEqual(event?.header, { mimeType: "application/octet-stream", size: 0 }, text);
  }
  for (const value of ["null", "1", "[]"]) {
    refuses(header({ mime_type: value }), "invalid_field", "mime_type");
  }
  assert.deepEqual(decode(['{"mime_type":"Image/PNG; q=1","size":0}\n'])[0]?.header, {
    mimeType: "image/png",
    size: 0,
  });
});

test("S-FRM-6 a header may fill its cap and is refused one byte over it", () => {
  const padded = (length: number) => header().trimEnd().padEnd(length) + "\n";
  accepts(padded(16384));
  refuses(padded(16385), "header_too_long");
  refuses(padded(16385).trimEnd() + " ".repeat(17000), "header_too_long");
  const decoder = new Decoder();
  assert.deepEqual(decoder.push(new Uint8Array(16384).fill(0x20)), [], "LF may still follow");
  const [fault] = decoder.push(new Uint8Array([0x20]));
  assert.ok(fault?.type === "fault" && fault.error.code === "header_too_long");
  const small = new Decoder({ maxHeader: 10 });
  assert.equal(small.push(utf8("{123456789"))[0], undefined);
  assert.equal(small.push(utf8("0"))[0]?.type, "fault");
});

test("S-FRM-6 a v1 header is refused over 4096 bytes, the first one too", () => {
  const v1 = '{"mime_type":"a/b","size":0}';
  accepts(v1.padEnd(4096) + "\n");
  refuses(v1.padEnd(4097) + "\n", "header_too_long");
  const decoder = new Decoder();
  decoder.push(utf8(v1 + "\n"));
  assert.deepEqual(decoder.push(new Uint8Array(4096).fill(0x20)), []);
  const [fault] = decoder.push(new Uint8Array([0x20]));
  assert.ok(fault?.type === "fault" && fault.error.code === "header_too_long");
});

test("S-FRM-6 a header without end takes memory up to the cap and time for new bytes only", () => {
  const decoder = new Decoder();
  const chunk = new Uint8Array(65536).fill(0x20);
  const events = [];
  const started = performance.now();
  // 1 GiB: only the first chunk is looked at.
  for (let sent = 0; sent < 2 ** 30; sent += chunk.length) events.push(...decoder.push(chunk));
  assert.equal(events.length, 1);
  assert.equal(decoder.headerStarted, false);
  assert.ok(performance.now() - started < 1000);
});

test("a million empty lines are one malformed_header", () => {
  const events = new Decoder().push(new Uint8Array(1_000_000).fill(0x0a));
  assert.equal(events.length, 1);
  assert.ok(events[0]?.type === "fault" && events[0].error.code === "malformed_header");
});

test("every fault is the same one byte at a time", () => {
  const streams = [
    header({ size: "01" }),
    "GET / HTTP/1.1\n",
    header() + '{"size":0}\n',
    header({ size: "1" }) + "x\n\n",
    frame("transfer", '{"offset":-1}', { size: "3" }) + "abc",
    header({}, { data_size: "70000" }) + "x",
    frame("transfer", "nope") + header(),
    header().trimEnd().padEnd(16385) + "\n",
    '{"size":0}'.padEnd(4097) + "\n",
    '{"size":0}\n' + " ".repeat(4097) + "\n",
  ];
  for (const stream of streams) {
    const whole = decode([stream]);
    assert.equal(whole.at(-1)?.type, "fault");
    assert.deepEqual(decode([...utf8(stream)].map((byte) => new Uint8Array([byte]))), whole);
  }
});
