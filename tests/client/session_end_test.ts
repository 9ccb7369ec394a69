import assert from "node:assert/strict";
import { code, pattern, ScriptedPeer, SESSION_ID } from "./scripted_peer.ts";
import { watched } from "./helpers.ts";
import { sha256 } from "../helpers/files.ts";

/** Small frames, so that few bytes make many. */
const SMALL = { limits: { max_request_size: 1000 } };

Deno.test("disconnect() waits for the files, ends the session and returns its totals (S-DIS-1)", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session();
    await peer.stored(await peer.transfer());
    const request = await peer.request();
    assert.equal(request.frame.action, "disconnect");
    assert.equal(request.frame.header.session.sequence, 2);
    await peer.reply(request, {
      code: "session_closed",
      files: 1,
      bytes: 3,
      messages: 2,
      duration_ms: 9,
    });
    // S-DIS-2: the client closes its half, then reads to our end.
    assert.equal((await peer.rest()).length, 0);
  });
  await using it = await watched(peer.port);
  const sent = it.client.send(pattern(3));
  assert.deepEqual(await it.client.disconnect(), {
    files: 1,
    bytes: 3,
    messages: 2,
    durationMs: 9,
  });
  assert.equal((await sent).confirmed, true);
  await assert.rejects(it.client.send(pattern(1)), code("interrupted"));
});

Deno.test("disconnect() is repeated after a cut, and a closed session counts as closed", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session();
    await peer.request();
  }, async (peer) => {
    await peer.reply(await peer.request(), { code: "session_expired", state: "closed" });
  });
  await using it = await watched(peer.port);
  assert.equal(await it.client.disconnect(), undefined);
});

Deno.test("S-DIS-3 after a lost reply to disconnect, the connect that is refused says the totals", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session();
    await peer.request();
  }, async (peer) => {
    const totals = { files: 2, bytes: 7, messages: 3 };
    const body = { code: "session_expired", state: "closed", ...totals } as const;
    await peer.reply(await peer.request(), body);
  });
  await using it = await watched(peer.port);
  const totals = { files: 2, bytes: 7, messages: 3, durationMs: 0 };
  assert.deepEqual(await it.client.disconnect(), totals);
});

Deno.test("disconnect() gives up when its tries are used up", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session();
    for (let n = 0; n < 2; n++) {
      await peer.reply(await peer.request(), { code: "store_unavailable", retry_after_ms: 1 });
    }
    await peer.rest().catch(() => {});
  });
  await using it = await watched(peer.port, { retries: 1 });
  await assert.rejects(it.client.disconnect(), code("store_unavailable"));
});

Deno.test("a session of before goes on: token, offset, and the bytes below it are hashed", async () => {
  const bytes = pattern(5000);
  const uploadId = crypto.randomUUID();
  await using peer = new ScriptedPeer(async (peer) => {
    const upload = { sequence: 7, offset: 4000, length: 5000, upload_id: uploadId };
    const { frame } = await peer.resumed(7, upload);
    assert.ok(frame.action === "connect" && frame.data.token === "secret");
    assert.equal(frame.header.session.id, SESSION_ID);
    const request = await peer.transfer();
    assert.equal(request.frame.header.session.sequence, 7);
    assert.deepEqual(request.payload, bytes.subarray(4000));
    await peer.stored({ ...request, payload: bytes });
    await peer.idle();
  });
  await using it = await watched(peer.port, { sessionId: SESSION_ID, token: "secret" });
  const result = await it.client.send(new Blob([bytes]), { uploadId });
  assert.deepEqual(result.resumedFrom, [4000]);
  assert.equal(result.sha256, sha256(bytes));
});

Deno.test("a file that an earlier run left open is dropped before another is sent", async () => {
  const left = crypto.randomUUID();
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.resumed(7, { sequence: 7, offset: 4000, length: 5000, upload_id: left });
    const cancel = await peer.transfer();
    const { data, header } = cancel.frame;
    assert.deepEqual([data.cancel, data.uploadId, header.session.sequence], [true, left, 7]);
    await peer.reply(cancel, { code: "partial" });
    const next = await peer.transfer();
    assert.equal(next.frame.header.session.sequence, 8);
    await peer.stored(next);
    await peer.idle();
  });
  await using it = await watched(peer.port, { sessionId: SESSION_ID });
  await it.client.send(pattern(5));
});

Deno.test("a stored upload id answers at its first frame, and the digest is still checked (S-TRF-9)", async () => {
  const bytes = pattern(2500);
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session({ ...SMALL, max_inflight: 1 });
    const first = await peer.transfer();
    await peer.stored({ ...first, payload: bytes }, { replayed: true });
    await peer.idle();
  });
  await using it = await watched(peer.port);
  const result = await it.client.send(bytes, { sha256: sha256(bytes) });
  assert.equal(result.replayed, true);
  assert.equal(result.sha256, sha256(bytes));
});
