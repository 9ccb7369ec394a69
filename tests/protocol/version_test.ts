import assert from "node:assert/strict";
import { Decoder } from "../../src/protocol/mod.ts";
import { pure as test } from "../helpers/pure.ts";
import { concat, utf8 } from "../helpers/raw_frame.ts";
import { accepts, decode, header, refuses } from "./helpers.ts";

test("S-VER-1 the first header decides the version", () => {
  const first = (text: string) => {
    const decoder = new Decoder();
    const [event] = decoder.push(utf8(text));
    return [event?.type, decoder.version];
  };
  assert.deepEqual(first('{"mime_type":"a/b","size":0}\n'), ["v1", 1]);
  assert.deepEqual(first('{"version":"1.0","mime_type":"a/b","size":0}\n'), ["v1", 1]);
  assert.deepEqual(first(header()), ["request", 2]);
  assert.deepEqual(first(header({ version: '"2.17"' })), ["request", 2]);
  assert.deepEqual(first(header({ size: "-1" })), ["fault", 2]);
  const unknown = [
    '"3.0"',
    '"2"',
    '"2."',
    '"2.x"',
    '"2.01"',
    '"2.0 "',
    '"1.1"',
    '""',
    "2",
    "null",
    "{}",
  ];
  for (const version of unknown) {
    assert.deepEqual(decode([header({ version })]), [{
      type: "fault",
      code: "unsupported_version",
      fields: { supported: ["2.1", "2.0", "1.0"] },
    }], version);
  }
  refuses(header().replace('"version":"2.0",', ""), "unsupported_version");
});

test("S-VER-1 mixing versions is protocol_error; two minors of 2 are no mix", () => {
  const v1 = '{"mime_type":"a/b","size":1}\nx';
  refuses(v1 + header(), "protocol_error");
  refuses(header({ size: "1" }) + "x" + v1, "protocol_error");
  accepts(v1 + v1.replace("{", '{"version":"1.0",'));
  accepts(header() + header({ version: '"2.1"' }));
  refuses(header() + header({ version: '"3.0"' }), "unsupported_version");
});

test("S-VER-1 HTTP, TLS and SSH are refused cleanly", () => {
  refuses("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "malformed_header");
  refuses("SSH-2.0-OpenSSH_9.6\r\n", "malformed_header");
  const hello = new Uint8Array(517);
  hello.set([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]);
  refuses(hello, "incomplete");
  refuses(concat(hello, "\n"), "malformed_header");
});

test("S-VER-3 a v1 stream of several files is decoded", () => {
  const one = '{"mime_type":"image/png","size":3}\nabc';
  const none = '{"size":0,"mime_type":"text/plain"}\r\n';
  assert.deepEqual(decode([one + none + one]).map((event) => event.type), [
    ...["v1", "payload", "end"],
    ...["v1", "end"],
    ...["v1", "payload", "end"],
  ]);
});
