import assert from "node:assert/strict";
import { FaultProxy } from "../helpers/fault_proxy.ts";
import { sha256 } from "../helpers/files.ts";
import { Random } from "../helpers/random.ts";
import { concat, frame, type Json, utf8 } from "../helpers/raw_frame.ts";
import { RawPeer, type RawReply } from "../helpers/raw_peer.ts";
import { assertAlive, assertStores, serving } from "../helpers/serving.ts";
import type { Program } from "../helpers/program.ts";

const test = serving("");

/** A header line with this text where the size stands. */
const headerWithSize = (size: string) =>
  `{"version":"2.0","mime_type":"text/plain","size":${size},"session":{"id":null,"mode":"stateless","sequence":1,"action":"transfer","data_size":0}}`;

/** Sends bytes and their end; returns every reply. */
async function replies(
  server: Program,
  ...parts: readonly (Uint8Array | string)[]
): Promise<RawReply[]> {
  using peer = await RawPeer.open(server);
  await peer.send(...parts).catch(() => {});
  await peer.halfClose().catch(() => {});
  return await peer.replies();
}

/** Sends what cannot be framed; fails unless the one reply has this code and the connection ends. */
async function assertFault(
  server: Program,
  code: string,
  ...parts: readonly (Uint8Array | string)[]
): Promise<Json> {
  using peer = await RawPeer.open(server);
  await peer.send(...parts);
  const { header, data } = await peer.reply();
  assert.equal(data.code, code);
  assert.equal(data.class, "fatal");
  assert.match(header.version, /^2\./);
  await peer.halfClose().catch(() => {});
  assert.equal(await peer.rest(), "", "nothing follows the reply");
  return data;
}

/** What must not differ between two runs of the same frames. */
const summary = (all: readonly RawReply[]) =>
  all.map(({ data }) => ({ code: data.code, size: data.file?.size, sha256: data.file?.sha256 }));

const THREE_FRAMES = concat(
  frame({ payload: "first", sequence: 1 }),
  frame({ payload: "", sequence: 2, data: { name: "empty.txt" }, mime: "text/plain" }),
  frame({ payload: "third\n{}\n", sequence: 3, data: { name: "ünï" } }),
);
const THREE_REPLIES = ["first", "", "third\n{}\n"].map((text) => ({
  code: "ok",
  size: text.length,
  sha256: sha256(utf8(text)),
}));

test("S-FRM frames that arrive one byte at a time give the same replies", async (server) => {
  await using proxy = await FaultProxy.listen({
    target: { hostname: "127.0.0.1", port: server.port },
    plan: () => ({ up: { chunk: 1 }, down: { chunk: 1 } }),
  });
  using peer = await RawPeer.open(proxy);
  await peer.send(THREE_FRAMES);
  await peer.halfClose();
  assert.deepEqual(summary(await peer.replies()), THREE_REPLIES);
});

test("S-FRM frames split at any position give the same replies", async (server) => {
  await assertStores(server, 3 * THREE_FRAMES.length, async () => {
    const positions = [...THREE_FRAMES.keys()];
    while (positions.length > 0) {
      await Promise.all(
        positions.splice(0, 25).map(async (at) => {
          using peer = await RawPeer.open(server);
          await peer.send(THREE_FRAMES.subarray(0, at));
          // A round trip of the event loop, so that the halves leave in segments of their own.
          await new Promise((resolve) => setTimeout(resolve, 2));
          await peer.send(THREE_FRAMES.subarray(at));
          await peer.halfClose();
          assert.deepEqual(summary(await peer.replies()), THREE_REPLIES, `split at ${at}`);
        }),
      );
    }
  });
});

test("S-FRM fifty frames in one segment get fifty replies in order", async (server) => {
  const texts = Array.from({ length: 50 }, (_, i) => `file ${i}`);
  const all = await replies(server, ...texts.map((payload) => frame({ payload })));
  assert.deepEqual(all.map(({ data }) => data.file.sha256), texts.map((t) => sha256(utf8(t))));
});

test("S-FRM-6 a header of exactly 16384 bytes is read", async (server) => {
  const bare = frame({ payload: "x", header: { pad: "" } }).indexOf(10);
  const [reply] = await replies(
    server,
    frame({ payload: "x", header: { pad: "p".repeat(16384 - bare) } }),
  );
  assert.equal(reply?.data.code, "ok");
});

test("S-FRM-6 a header without LF is refused at its cap, not after it", async (server) => {
  await assertFault(server, "header_too_long", "{" + " ".repeat(16384));
});

test("S-FRM-6 a header of 16385 bytes with its LF is refused", async (server) => {
  await assertFault(server, "header_too_long", "{" + " ".repeat(16383) + "}\n");
});

test("S-FRM-6 an endless header costs neither memory nor processor time", async (server) => {
  const chunk = utf8(" ".repeat(1 << 20));
  const attack = async () => {
    using peer = await RawPeer.open(server);
    await peer.send("{");
    // The server reads away 64 MiB at most, then closes: a write fails well before 1 GiB.
    let sent = 0;
    try {
      while (sent < 1024) {
        await peer.send(chunk);
        sent++;
      }
    } catch {
      // Closed.
    }
    assert.ok(sent < 1024, "the server stopped reading");
    assert.match(await peer.rest(), /"header_too_long"/);
  };
  await attack();
  const [memory, cpu] = [await server.memory(), await server.cpuMs()];
  await attack();
  const [grown, used] = [await server.memory() - memory, await server.cpuMs() - cpu];
  assert.ok(grown < 4 << 20, `memory grew by ${grown} bytes`);
  assert.ok(used < 1000, `${used} ms of processor time`);
  await assertAlive(server);
});

test("S-FRM-2 a million empty lines get one malformed_header", async (server) => {
  const all = await replies(server, "\n".repeat(1_000_000));
  assert.deepEqual(all.map(({ data }) => data.code), ["malformed_header"]);
  await assertAlive(server);
});

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

test("S-FRM-5 the extension comes from the media-type table, else bin", async (server) => {
  const types: readonly (readonly [mime: string, extension: string])[] = [
    ["image/png", "png"],
    ["text/plain; charset=utf-8", "txt"],
    ["TEXT/HTML", "html"],
    ["application/x-unheard-of", "bin"],
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

test("S-FRM session data over 65536 bytes is too_large", async (server) => {
  using peer = await RawPeer.open(server);
  await peer.send(frame({ dataSize: 65537 }));
  assert.equal((await peer.reply()).data.code, "too_large");
});

test("S-FRM session data of 65536 bytes is read", async (server) => {
  const data = `{"unknown":"${"x".repeat(65536 - 14)}"}`;
  assert.equal(data.length, 65536);
  assert.equal((await replies(server, frame({ payload: "x", data })))[0]?.data.code, "ok");
});

for (const data of ["{", "[]", "17", "\0\0", '{"name":"a","name":"b"}', '{"__proto__":{}}']) {
  test(`S-FRM-2 session data ${JSON.stringify(data)} is malformed_header`, async (server) => {
    await assertStores(server, 0, async () => {
      const [reply, ...more] = await replies(server, frame({ payload: "", data }));
      assert.equal(reply?.data.code, "malformed_header");
      assert.equal(more.length, 0);
    });
  });
}

test("S-TRF-6 session data shorter than announced is incomplete", async (server) => {
  const [reply] = await replies(server, frame({ data: { name: "x" }, dataSize: 100 }));
  assert.equal(reply?.data.code, "incomplete");
});

test("S-VER-6 bytes after a payload: first ok, then malformed_header and the end", async (server) => {
  await assertStores(server, 1, async () => {
    const all = await replies(
      server,
      frame({ payload: "whole" }),
      "more bytes\n",
      frame({ payload: "never read as a frame" }),
    );
    assert.deepEqual(all.map(({ data }) => data.code), ["ok", "malformed_header"]);
  });
});

for (const version of ["3.0", "1.1", "0", "2", "2.x", ""]) {
  test(`S-VER-1 version ${JSON.stringify(version)} is unsupported_version`, async (server) => {
    const data = await assertFault(
      server,
      "unsupported_version",
      frame({ payload: "", header: { version } }),
    );
    assert.deepEqual(data.supported, ["2.0", "1.0"]);
  });
}

test("S-VER-1 a version that is no text is refused", async (server) => {
  const [reply] = await replies(server, frame({ header: { version: 2.0 } }));
  assert.ok(["unsupported_version", "invalid_field"].includes(reply?.data.code));
});

test("S-VER-2 the reply has the lower minor version", async (server) => {
  const [reply] = await replies(server, frame({ payload: "x", header: { version: "2.7" } }));
  assert.equal(reply?.data.code, "ok");
  assert.equal(reply?.header.version, "2.0");
});

test("S-VER-1 a v1 frame on a v2 connection is protocol_error", async (server) => {
  await assertStores(server, 1, async () => {
    const all = await replies(
      server,
      frame({ payload: "x" }),
      '{"mime_type":"text/plain","size":1}\nx',
    );
    assert.deepEqual(all.map(({ data }) => data.code), ["ok", "protocol_error"]);
  });
});

test("S-VER-1 a v2 frame on a v1 connection ends it, and what came before is kept", async (server) => {
  await assertStores(server, 1, async () => {
    using peer = await RawPeer.open(server);
    await peer.send('{"mime_type":"text/plain","size":1}\nx', frame({ payload: "y" }));
    await peer.halfClose();
    const [first, second, ...more] = (await peer.rest()).trimEnd().split("\n");
    assert.match(first!, /^OK received_/);
    assert.match(second!, /^ERROR /);
    assert.deepEqual(more, []);
  });
});

test("Mutated frames (seeded) neither crash the server nor leave an error uncaught", async (server) => {
  const random = new Random(20_261);
  const seeds = [THREE_FRAMES, utf8('{"mime_type":"text/plain","size":1}\nx')];
  const mutate = (bytes: Uint8Array): Uint8Array => {
    const copy = bytes.slice();
    for (let n = random.int(1, 4); n > 0; n--) {
      const at = random.int(0, copy.length - 1);
      const kind = random.int(0, 3);
      if (kind === 0) copy[at] = random.int(0, 255);
      else if (kind === 1) copy[at] = utf8(random.pick(['"', "{", "}", "9", "-", "\n", ","]))[0]!;
      else if (kind === 2) copy.copyWithin(at, random.int(0, copy.length - 1));
      else return copy.slice(0, at);
    }
    return copy;
  };
  for (let round = 0; round < 60; round++) {
    await Promise.all(Array.from({ length: 10 }, async () => {
      using peer = await RawPeer.open(server);
      await peer.send(mutate(random.pick(seeds))).catch(() => {});
      await peer.halfClose().catch(() => {});
      // Some mutations announce more than follows: what ends them is our end of the connection.
      await peer.rest();
    }));
  }
  await assertAlive(server);
});
