import assert from "node:assert/strict";
import { FaultProxy } from "../helpers/fault_proxy.ts";
import { sha256 } from "../helpers/files.ts";
import { assertFault, replies } from "../helpers/framing.ts";
import { Random } from "../helpers/random.ts";
import { concat, frame, utf8 } from "../helpers/raw_frame.ts";
import { RawPeer, type RawReply } from "../helpers/raw_peer.ts";
import { assertAlive, assertStores, serving } from "../helpers/serving.ts";

const test = serving("");

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
    assert.deepEqual(data.supported, ["2.1", "2.0", "1.0"]);
  });
}

test("S-VER-1 a version that is no text is refused", async (server) => {
  const [reply] = await replies(server, frame({ header: { version: 2.0 } }));
  assert.ok(["unsupported_version", "invalid_field"].includes(reply?.data.code));
});

test("S-VER-2 the reply has the lower minor version", async (server) => {
  for (const [asked, answered] of [["2.0", "2.0"], ["2.1", "2.1"], ["2.7", "2.1"]]) {
    const [reply] = await replies(server, frame({ payload: "x", header: { version: asked } }));
    assert.equal(reply?.data.code, "ok");
    assert.equal(reply?.header.version, answered);
  }
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
