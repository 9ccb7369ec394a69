/** The fields of headers and session data: which values and which JSON are taken (S-FRM-1 to S-FRM-5). @module */
import assert from "node:assert/strict";
import { assertFault, replies } from "../helpers/framing.ts";
import { concat, frame } from "../helpers/raw_frame.ts";
import { RawPeer } from "../helpers/raw_peer.ts";
import { assertAlive, assertStores, serving } from "../helpers/serving.ts";

const test = serving("");

/** A header line with this text where the size stands. */
const headerWithSize = (size: string) =>
  `{"version":"2.0","mime_type":"text/plain","size":${size},"session":{"id":null,"mode":"stateless","sequence":1,"action":"transfer","data_size":0}}`;

const BAD_SIZES = [
  "-1",
  "1.5",
  '"10"',
  "1e3",
  "1.0",
  "-0",
  "true",
  "null",
  "[]",
  "9007199254740992",
  "10000000000000000",
  "1e400",
];
for (const size of BAD_SIZES) {
  test(`S-FRM-1 size ${size} is an invalid_field and stores nothing`, async (server) => {
    await assertStores(server, 0, async () => {
      const data = await assertFault(server, "invalid_field", headerWithSize(size), "\n");
      assert.equal(data.field, "size");
    });
  });
}

test("S-FRM-1 size 01 is refused and stores nothing", async (server) => {
  await assertStores(server, 0, async () => {
    const [reply, ...more] = await replies(server, headerWithSize("01"), "\nx");
    // The text is no JSON at all, so both codes tell the truth.
    assert.ok(["invalid_field", "malformed_header"].includes(reply?.data.code));
    assert.equal(more.length, 0);
  });
});

for (const key of ["sequence", "data_size"]) {
  test(`S-FRM-1 session.${key} written as 1e0 is an invalid_field`, async (server) => {
    const text = headerWithSize("0").replace(new RegExp(`"${key}":\\d`), `"${key}":1e0`);
    const data = await assertFault(server, "invalid_field", text, "\n");
    assert.ok(data.field.endsWith(key), data.field);
  });
}

for (const key of ["offset", "length"]) {
  test(`S-FRM-1 ${key} written as 1.0 is an invalid_field`, async (server) => {
    const [reply] = await replies(server, frame({ data: `{"${key}":1.0}` }));
    assert.equal(reply?.data.code, "invalid_field");
    assert.ok(reply?.data.field.endsWith(key), reply?.data.field);
  });
}

for (const exponent of [31, 32]) {
  for (const plus of [0, 1]) {
    const size = 2 ** exponent + plus;
    test(`S-TRF-2 size ${size} is too_large before its payload`, async (server) => {
      using peer = await RawPeer.open(server);
      await peer.send(headerWithSize(String(size)), "\n");
      assert.equal((await peer.reply()).data.code, "too_large");
    });
  }
}

const HEADER = headerWithSize("0");
const MALFORMED: Readonly<Record<string, Uint8Array | string>> = {
  "duplicate keys": HEADER.replace("{", '{"size":1,'),
  "duplicate keys in session": HEADER.replace('"session":{', '"session":{"mode":"stateless",'),
  "duplicate keys spelt differently": HEADER.replace("{", '{"siz\\u0065":1,'),
  ["__proto__"]: HEADER.replace("{", '{"__proto__":{},'),
  "__proto__ spelt differently": HEADER.replace("{", '{"__prot\\u006f__":{},'),
  "constructor in session": HEADER.replace('"session":{', '"session":{"constructor":1,'),
  "prototype deep inside": HEADER.replace("{", '{"a":[{"prototype":1}],'),
  "10,000 nested arrays": "[".repeat(10_000),
  "nesting of 9": HEADER.replace("{", `{"a":${"[".repeat(8)}${"]".repeat(8)},`),
  "invalid UTF-8": concat('{"a":"', new Uint8Array([0xc3, 0x28]), HEADER.replace("{", '",')),
  "a surrogate in UTF-8": concat(
    '{"a":"',
    new Uint8Array([0xed, 0xa0, 0x80]),
    HEADER.replace("{", '",'),
  ),
  "a lone surrogate": HEADER.replace("{", '{"a":"\\ud800",'),
  "a BOM": concat(new Uint8Array([0xef, 0xbb, 0xbf]), HEADER),
  "a NUL": HEADER.replace("{", '{"a\0":1,'),
  "an array": "[]",
  "a number": "17",
  "null": "null",
  "an empty line": "",
  "text": "hello",
  "HTTP": "GET / HTTP/1.1\r\nHost: example\r\n\r",
  "SSH": "SSH-2.0-OpenSSH_9.2\r",
  "TLS": new Uint8Array([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3, 10, 7, 7, 0, 10]),
};
for (const [what, line] of Object.entries(MALFORMED)) {
  test(`S-FRM-2 S-FRM-3 ${what} as header: malformed_header`, async (server) => {
    await assertStores(server, 0, () => assertFault(server, "malformed_header", line, "\n"));
    await assertAlive(server);
  });
}

test("S-FRM-2 one CR before LF is tolerated, also between frames", async (server) => {
  const all = await replies(server, HEADER, "\r\n", HEADER, "\r\n");
  assert.deepEqual(all.map(({ data }) => data.code), ["ok", "ok"]);
});

test("S-FRM-2 nesting of 8 is read", async (server) => {
  const text = HEADER.replace("{", `{"a":${"[".repeat(7)}${"]".repeat(7)},`);
  assert.equal((await replies(server, text, "\n"))[0]?.data.code, "ok");
});

test("S-FRM-4 unknown keys are ignored anywhere", async (server) => {
  const [reply] = await replies(
    server,
    frame({ payload: "x", header: { extra: { deep: [1] } }, data: { unknown: 1 } }),
  );
  assert.equal(reply?.data.code, "ok");
});

test("S-FRM-4 an unknown name in crit is unsupported_feature, and the connection goes on", async (server) => {
  await assertStores(server, 1, async () => {
    const all = await replies(
      server,
      frame({ payload: "refused", data: { crit: ["zstd"], zstd: true } }),
      frame({ payload: "stored" }),
    );
    assert.deepEqual(all.map(({ data }) => data.code), ["unsupported_feature", "ok"]);
    assert.equal(all[0]?.data.name, "zstd");
  });
});

test("S-FRM-5 the extension comes from the media-type table, else from the name", async (server) => {
  const types: readonly (readonly [mime: string, extension: string])[] = [
    ["image/png", "png"],
    ["text/plain; charset=utf-8", "txt"],
    ["TEXT/HTML", "html"],
    ["application/x-unheard-of", "exe"],
  ];
  const all = await replies(
    server,
    ...types.map(([mime]) => frame({ payload: "x", mime, data: { name: "evil.exe" } })),
  );
  assert.deepEqual(
    all.map(({ data }) => data.file.path.split(".").pop()),
    types.map(([, extension]) => extension),
  );
  assert.equal(all[1]?.data.file.mime_type, "text/plain");
});

for (
  const mime of ["png", "image/", "a/b/c", "../../etc", "image/../x", "", "a/" + "b".repeat(130)]
) {
  test(`S-FRM-5 the media type ${mime.slice(0, 20)} is an invalid_field`, async (server) => {
    await assertStores(server, 0, async () => {
      const [reply] = await replies(server, frame({ payload: "", mime }));
      assert.equal(reply?.data.code, "invalid_field");
      assert.equal(reply?.data.field, "mime_type");
    });
  });
}

for (const data of ["{", "[]", "17", "\0\0", '{"name":"a","name":"b"}', '{"__proto__":{}}']) {
  test(`S-FRM-2 session data ${JSON.stringify(data)} is malformed_header`, async (server) => {
    await assertStores(server, 0, async () => {
      const [reply, ...more] = await replies(server, frame({ payload: "", data }));
      assert.equal(reply?.data.code, "malformed_header");
      assert.equal(more.length, 0);
    });
  });
}
