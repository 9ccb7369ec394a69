import assert from "node:assert/strict";
import { code, pattern, type PeerConnection, ScriptedPeer, SESSION_ID } from "./scripted_peer.ts";
import { streamOf, watched } from "./helpers.ts";
import { sha256 } from "../helpers/files.ts";

/** Small frames, so that few bytes make many. */
const SMALL = { limits: { max_request_size: 1000 } };

type Transfer = Awaited<ReturnType<PeerConnection["transfer"]>>;

/** Acknowledges the first frame of a file and leaves in the second; gives the file's upload id. */
async function cutAfterOne(peer: PeerConnection): Promise<string | undefined> {
  await peer.session(SMALL);
  const first = await peer.transfer();
  await peer.reply(first, { code: "partial" });
  await peer.transfer();
  return first.frame.data.uploadId;
}

/** Acknowledges a frame that ends at 2000 and stores the file with the next, its last. */
async function takeRest(peer: PeerConnection, frame: Transfer, bytes: Uint8Array): Promise<void> {
  await peer.reply(frame, { code: "partial" });
  const last = await peer.transfer();
  assert.deepEqual(last.payload, bytes.subarray(2000));
  await peer.stored({ ...last, payload: bytes });
  await peer.idle();
}

Deno.test("a lost reply is asked for again with an empty frame at the same end (S-SEQ-1)", async () => {
  const bytes = pattern(300);
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session();
    await peer.transfer(); // stored, but the reply is lost
  }, async (peer) => {
    const { frame: connect } = await peer.resumed(2);
    assert.equal(connect.header.session.id, SESSION_ID);
    const request = await peer.transfer();
    const { frame, payload } = request;
    assert.equal(frame.header.session.sequence, 1);
    assert.deepEqual([frame.data.offset, payload.length, frame.data.length], [300, 0, 300]);
    await peer.stored({ frame, payload: bytes }, { replayed: true });
    const next = await peer.transfer();
    assert.equal(next.frame.header.session.sequence, 2);
    await peer.stored(next);
    await peer.idle();
  });
  await using it = await watched(peer.port);
  const result = await it.client.send(bytes);
  assert.equal(result.replayed, true);
  assert.equal(result.sha256, sha256(bytes));
  assert.equal((await it.client.send(new Uint8Array(1))).replayed, false);
});

Deno.test("a frame that was cut goes on from the server's offset to its old end (S-CON-2)", async () => {
  const bytes = pattern(2500);
  let uploadId: string | undefined;
  await using peer = new ScriptedPeer(async (peer) => {
    uploadId = await cutAfterOne(peer);
  }, async (peer) => {
    const upload = { sequence: 2, offset: 1234, length: 2500, upload_id: uploadId };
    await peer.resumed(2, upload, SMALL);
    const second = await peer.transfer();
    assert.equal(second.frame.header.session.sequence, 2);
    assert.equal(second.frame.data.offset, 1234);
    assert.deepEqual(second.payload, bytes.subarray(1234, 2000));
    await takeRest(peer, second, bytes);
  });
  await using it = await watched(peer.port);
  const result = await it.client.send(bytes);
  assert.deepEqual(result.resumedFrom, [1234]);
  assert.equal(result.attempts, 2);
  assert.equal(result.sha256, sha256(bytes));
});

Deno.test("a stream's unanswered frames are sent again from memory", async () => {
  const bytes = pattern(3000);
  let uploadId: string | undefined;
  await using peer = new ScriptedPeer(async (peer) => {
    uploadId = await cutAfterOne(peer);
  }, async (peer) => {
    await peer.resumed(2, { sequence: 2, offset: 1500, length: null, upload_id: uploadId }, SMALL);
    const second = await peer.transfer();
    assert.deepEqual(second.payload, bytes.subarray(1500, 2000));
    await takeRest(peer, second, bytes);
  });
  await using it = await watched(peer.port);
  const result = await it.client.send(streamOf(bytes));
  assert.equal(result.sha256, sha256(bytes));
});

Deno.test("offset_mismatch moves the frame to the right offset (S-TRF-1)", async () => {
  const bytes = pattern(100);
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session();
    const first = await peer.transfer();
    const upload_id = first.frame.data.uploadId!;
    await peer.reply(first, { code: "offset_mismatch", offset: 40, upload_id });
    const second = await peer.transfer();
    assert.equal(second.frame.header.session.sequence, 1);
    assert.deepEqual(second.payload, bytes.subarray(40));
    await peer.stored({ ...second, payload: bytes });
    await peer.idle();
  });
  await using it = await watched(peer.port);
  assert.equal((await it.client.send(bytes)).attempts, 2);
});

Deno.test("offset_mismatch that names another file drops that one first", async () => {
  const other = crypto.randomUUID();
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session();
    const first = await peer.transfer();
    await peer.reply(first, { code: "offset_mismatch", offset: 40, upload_id: other });
    const cancel = await peer.transfer();
    assert.deepEqual([cancel.frame.data.cancel, cancel.frame.data.uploadId], [true, other]);
    await peer.reply(cancel, { code: "partial" });
    const second = await peer.transfer();
    assert.equal(second.frame.header.session.sequence, 2);
    assert.equal(second.frame.data.offset, 0);
    await peer.stored(second);
    await peer.idle();
  });
  await using it = await watched(peer.port);
  await it.client.send(pattern(100));
});

Deno.test("sequence_gap takes up the expected number, for all that were refused with it", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session({ next_sequence: 1 });
    const frames = [await peer.transfer(), await peer.transfer(), await peer.transfer()];
    await peer.reply(frames[0]!, { code: "too_large" });
    for (const late of frames.slice(1)) {
      await peer.reply(late, { code: "sequence_gap", expected: 1 });
    }
    for (const sequence of [1, 2]) {
      const request = await peer.transfer();
      assert.equal(request.frame.header.session.sequence, sequence);
      assert.equal(request.payload[0], sequence);
      await peer.stored(request);
    }
    await peer.idle();
  });
  await using it = await watched(peer.port);
  const sends = [0, 1, 2].map((n) => it.client.send(new Uint8Array([n])));
  await assert.rejects(sends[0]!, code("too_large"));
  for (const send of sends.slice(1)) assert.equal((await send).confirmed, true);
});

Deno.test("a retry code is obeyed: the same frame, not before retry_after_ms", async () => {
  let refusedAt = 0;
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session();
    const first = await peer.transfer();
    refusedAt = performance.now();
    await peer.reply(first, { code: "storage_full", retry_after_ms: 60 });
    const second = await peer.transfer();
    assert.ok(performance.now() - refusedAt >= 59);
    assert.equal(second.frame.header.session.sequence, 1);
    assert.equal(second.frame.data.uploadId, first.frame.data.uploadId);
    assert.deepEqual(second.payload, first.payload);
    await peer.stored(second);
    await peer.idle();
  });
  await using it = await watched(peer.port);
  assert.equal((await it.client.send(pattern(10))).attempts, 2);
  const refused = it.events.all.find((event) => event.type === "refused");
  assert.ok(refused?.type === "refused" && refused.code === "storage_full");
});

Deno.test("a retry code repeated without end uses the file's tries up, and only that file's", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session();
    for (let n = 0; n < 3; n++) {
      await peer.reply(await peer.transfer(), { code: "storage_full", retry_after_ms: 0 });
    }
    await peer.stored(await peer.transfer());
    await peer.idle();
  });
  await using it = await watched(peer.port, { retries: 2 });
  await assert.rejects(it.client.send(pattern(10)), code("storage_full"));
  assert.equal((await it.client.send(pattern(11))).confirmed, true);
});

Deno.test("a fatal code ends its own file and no other", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session();
    await peer.reply(await peer.transfer(), { code: "quota_exceeded", limit: 5 });
    const gap = await peer.transfer();
    const { sequence } = gap.frame.header.session;
    if (sequence === 1) return await peer.stored(gap);
    await peer.reply(gap, { code: "sequence_gap", expected: 1 });
    await peer.stored(await peer.transfer());
    await peer.idle();
  });
  await using it = await watched(peer.port);
  await assert.rejects(it.client.send(pattern(10)), (error: { fields?: { limit?: number } }) => {
    assert.equal(error.fields?.limit, 5);
    return code("quota_exceeded")(error);
  });
  assert.equal((await it.client.send(pattern(11))).confirmed, true);
});

Deno.test("checksum_mismatch is final, whoever notices it (S-TRF-5)", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session();
    await peer.reply(await peer.transfer(), { code: "checksum_mismatch" });
    await peer.stored({ ...await peer.transfer(), payload: pattern(10, 99) });
    await peer.idle();
  });
  await using it = await watched(peer.port);
  await assert.rejects(it.client.send(pattern(10)), code("checksum_mismatch"));
  await assert.rejects(it.client.send(pattern(10)), code("checksum_mismatch"));
});

Deno.test("replay_too_old starts over under the same upload id (S-TRF-9)", async () => {
  const bytes = pattern(50);
  let id: string | undefined;
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session();
    id = (await peer.transfer()).frame.data.uploadId;
  }, async (peer) => {
    await peer.resumed(2);
    await peer.reply(await peer.transfer(), { code: "replay_too_old", expected: 2 });
    const again = await peer.transfer();
    assert.equal(again.frame.header.session.sequence, 2);
    assert.equal(again.frame.data.uploadId, id);
    assert.equal(again.frame.data.sha256, sha256(bytes));
    await peer.stored(again, { replayed: true });
    await peer.idle();
  });
  await using it = await watched(peer.port);
  assert.equal((await it.client.send(bytes)).replayed, true);
});

for (const lost of ["session_expired", "session_unknown"] as const) {
  Deno.test(`${lost} makes a new session and starts over under the same upload id`, async () => {
    const bytes = pattern(2500);
    let id: string | undefined;
    await using peer = new ScriptedPeer(async (peer) => {
      await peer.session({ ...SMALL, token: "old" });
      const first = await peer.transfer();
      id = first.frame.data.uploadId;
      await peer.reply(first, { code: "partial" });
      await peer.transfer();
    }, async (peer) => {
      const connect = await peer.request();
      assert.ok(connect.frame.action === "connect" && connect.frame.data.token === "old");
      await peer.reply(connect, { code: lost });
    }, async (peer) => {
      const { frame } = await peer.session({ ...SMALL, token: "new" }, crypto.randomUUID());
      assert.ok(frame.action === "connect" && frame.data.token === undefined);
      for (const sequence of [1, 2, 3]) {
        const request = await peer.transfer();
        assert.equal(request.frame.header.session.sequence, sequence);
        assert.equal(request.frame.data.uploadId, id);
        assert.equal(request.frame.data.offset, (sequence - 1) * 1000);
        if (sequence < 3) await peer.reply(request, { code: "partial" });
        else await peer.stored({ ...request, payload: bytes });
      }
      await peer.idle();
    });
    await using it = await watched(peer.port);
    assert.equal((await it.client.send(bytes)).confirmed, true);
    assert.equal(it.client.token, "new");
    assert.notEqual(it.client.sessionId, SESSION_ID);
    assert.ok(it.events.all.some((event) => event.type === "session_lost" && event.code === lost));
  });
}
