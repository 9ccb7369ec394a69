import assert from "node:assert/strict";
import { pattern, ScriptedPeer, SESSION_ID } from "./scripted_peer.ts";
import { streamOf, watched } from "./helpers.ts";
import { LATE, within } from "../../src/within.ts";
import { sha256 } from "../helpers/files.ts";

/** Small frames, so that few bytes make many. */
const SMALL = { limits: { max_request_size: 1000 } };

Deno.test("connect() asks for a session and keeps to the server's terms (S-CON-1, S-CON-6)", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    const { frame } = await peer.session({
      token: "secret",
      keepalive_s: 7,
      max_inflight: 3,
      limits: { max_request_size: 500, max_upload_size: 9000 },
      challenge: "abc",
    });
    assert.ok(frame.action === "connect");
    assert.equal(frame.header.session.id, null);
    assert.deepEqual(
      { ...frame.data },
      { wantToken: true, keepaliveS: 9, fallback: "stateless" },
    );
    await peer.idle();
  });
  await using it = await watched(peer.port, { keepaliveS: 9 });
  const { client } = it;
  assert.equal(client.mode, "stateful");
  assert.equal(client.sessionId, SESSION_ID);
  assert.equal(client.token, "secret");
  assert.equal(client.terms?.keepaliveS, 7);
  assert.equal(client.terms?.maxInflight, 3);
  assert.equal(client.terms?.limits.maxUploadSize, 9000);
  assert.equal(client.terms?.challenge, "abc");
});

Deno.test("send() puts a file that fits into one frame and reports what the server stored", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session();
    const request = await peer.transfer();
    const { data, header } = request.frame;
    assert.equal(header.session.sequence, 1);
    assert.equal(header.mimeType, "text/plain");
    assert.equal(data.name, "a.txt");
    assert.equal(data.length, 5);
    assert.equal(data.complete, true);
    await peer.stored(request);
    await peer.idle();
  });
  await using it = await watched(peer.port);
  const progress: unknown[] = [];
  const result = await it.client.send(new TextEncoder().encode("hello"), {
    name: "a.txt",
    mimeType: "text/plain",
    onProgress: (p) => progress.push([p.sent, p.acked, p.total]),
  });
  assert.equal(result.file?.path, "session_x/file_1.bin");
  assert.equal(result.confirmed, true);
  assert.equal(result.durability, "process");
  assert.equal(result.sha256, sha256(new TextEncoder().encode("hello")));
  assert.equal(result.attempts, 1);
  assert.deepEqual(progress, [[5, 0, 5], [5, 5, 5]]);
});

Deno.test("send() cuts a large file into frames and announces the end in the last", async () => {
  const bytes = pattern(2500);
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session(SMALL);
    const seen: unknown[] = [];
    for (let n = 1; n <= 3; n++) {
      const request = await peer.transfer();
      const { sequence } = request.frame.header.session;
      const { offset, complete, length } = request.frame.data;
      seen.push([sequence, offset, request.payload.length, complete, length]);
      if (n < 3) await peer.reply(request, { code: "partial" });
      else await peer.stored({ ...request, payload: bytes });
    }
    assert.deepEqual(seen, [
      [1, 0, 1000, false, 2500],
      [2, 1000, 1000, false, 2500],
      [3, 2000, 500, true, 2500],
    ]);
    await peer.idle();
  });
  await using it = await watched(peer.port);
  assert.equal((await it.client.send(bytes)).sha256, sha256(bytes));
});

Deno.test("send() of a stream leaves the length out and marks its last frame", async () => {
  const bytes = pattern(2000);
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session(SMALL);
    for (const complete of [false, true]) {
      const request = await peer.transfer();
      assert.equal(request.frame.data.length, undefined);
      assert.equal(request.frame.data.complete, complete);
      assert.equal(request.payload.length, 1000);
      if (!complete) await peer.reply(request, { code: "partial" });
      else await peer.stored({ ...request, payload: bytes });
    }
    await peer.idle();
  });
  await using it = await watched(peer.port);
  const parts = streamOf(bytes.slice(0, 700), bytes.slice(700, 1900), bytes.slice(1900));
  assert.equal((await it.client.send(parts)).sha256, sha256(bytes));
});

Deno.test("send() pipelines in call order and never beyond max_inflight (S-CON-6)", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session({ max_inflight: 3 });
    const held = [await peer.transfer(), await peer.transfer(), await peer.transfer()];
    // A fourth transfer would come together with the third. That none comes shows only in time.
    assert.equal(await within(50, peer.transfer()), LATE);
    for (const request of held) await peer.stored(request);
    assert.deepEqual(held.map(({ payload }) => payload[0]), [0, 1, 2]);
  }, async (peer) => {
    await peer.resumed(4);
    for (let n = 3; n < 8; n++) {
      const request = await peer.transfer();
      assert.equal(request.payload[0], n);
      await peer.stored(request);
    }
    await peer.idle();
  });
  await using it = await watched(peer.port);
  const sends = Array.from({ length: 8 }, (_, n) => it.client.send(new Uint8Array([n])));
  assert.equal((await Promise.all(sends)).length, 8);
});
