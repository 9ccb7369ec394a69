import assert from "node:assert/strict";
import { code, pattern, type PeerConnection, ScriptedPeer } from "./scripted_peer.ts";
import { streamOf, watched } from "./helpers.ts";
import { concat, utf8 } from "../helpers/raw_frame.ts";
import { sha256 } from "../helpers/files.ts";

/** An older server: answers what it takes for a header, as it always did. */
async function oldServer(peer: PeerConnection): Promise<void> {
  await peer.send(utf8("OK\n"));
  await peer.rest().catch(() => {});
}

Deno.test("a version 1 server is an error unless it is allowed (S-VER-5)", async () => {
  await using peer = new ScriptedPeer(oldServer);
  await assert.rejects(watched(peer.port), code("unsupported_version"));
});

Deno.test("allowV1: each file goes over its own connection, unconfirmed (S-VER-5)", async () => {
  const bytes = pattern(70_000);
  const take = (size: number, type: string, answer: string) => async (peer: PeerConnection) => {
    const got = await peer.rest(); // to the end: only then does an older server answer (S-VER-3)
    const header = utf8(`{"mime_type":"${type}","size":${size}}\n`);
    assert.deepEqual(got, concat(header, bytes.subarray(0, size)));
    if (answer !== "") await peer.send(utf8(answer));
  };
  await using peer = new ScriptedPeer(
    oldServer,
    take(70_000, "image/png", "OK received_1.png\n"),
    take(5, "application/octet-stream", ""),
    take(6, "application/octet-stream", "ERROR too large\n"),
    take(7, "application/octet-stream", ""),
  );
  await using it = await watched(peer.port, { allowV1: true });
  assert.equal(it.client.mode, "v1");
  const progress: number[] = [];
  const result = await it.client.send(new Blob([bytes]), {
    mimeType: "image/png",
    onProgress: ({ acked }) => progress.push(acked),
  });
  assert.deepEqual(result, {
    file: undefined,
    confirmed: false,
    existing: false,
    replayed: false,
    sha256: sha256(bytes),
    attempts: 1,
    resumedFrom: [],
  });
  assert.equal(progress.at(-1), 70_000);
  assert.equal((await it.client.send(bytes.subarray(0, 5))).confirmed, false);
  await assert.rejects(it.client.send(bytes.subarray(0, 6)), (error: { fields?: unknown }) => {
    assert.deepEqual(error.fields, { text: "too large" });
    return code("internal_error")(error);
  });
  const stream = streamOf(bytes.subarray(0, 3), bytes.subarray(3, 7));
  assert.equal((await it.client.send(stream)).sha256, sha256(bytes.subarray(0, 7)));
  assert.equal(await it.client.disconnect(), undefined);
});

Deno.test("allowV1: silence for 2 s is a version 1 server too (S-VER-5)", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.rest().catch(() => {});
  });
  const started = performance.now();
  await using it = await watched(peer.port, { allowV1: true });
  assert.equal(it.client.mode, "v1");
  assert.ok(performance.now() - started >= 1990);
});

Deno.test("allowV1: an abort in mid-file rejects it and frees the connection", async () => {
  const abort = new AbortController();
  await using peer = new ScriptedPeer(oldServer, async (peer) => {
    await peer.partOfTransfer(0).catch(() => {});
    abort.abort();
    await peer.rest().catch(() => {});
  });
  await using it = await watched(peer.port, { allowV1: true, signal: abort.signal });
  await assert.rejects(it.client.send(pattern(30 << 20)), code("interrupted"));
});

Deno.test("mode v1: nothing is asked first, and one connection a file is all that the server sees (S-VER-5)", async () => {
  const take = (text: string) => async (peer: PeerConnection) => {
    const got = new TextDecoder().decode(await peer.rest());
    assert.equal(got, `{"mime_type":"application/octet-stream","size":${text.length}}\n${text}`);
    await peer.send(utf8("OK received_1.bin\n"));
  };
  await using peer = new ScriptedPeer(take("one"), take("three"));
  await using it = await watched(peer.port, { mode: "v1" });
  assert.equal(it.client.mode, "v1");
  for (const text of ["one", "three"]) {
    assert.equal((await it.client.send(utf8(text))).confirmed, false);
  }
  await assert.rejects(Array.fromAsync(it.client.list()), code("unsupported_feature"));
  await assert.rejects(it.client.stored({ name: "one" }), code("unsupported_feature"));
  await it.client.disconnect();
  assert.equal(peer.connections, 2);
  const tls = watched(peer.port, { mode: "v1", tls: {} });
  await assert.rejects(tls, RangeError, "S-TLS-3: there is no way down");
});
