import assert from "node:assert/strict";
import { code, pattern, ScriptedPeer } from "./scripted_peer.ts";
import { streamOf, terms, watched } from "./helpers.ts";
import { sha256 } from "../helpers/files.ts";

Deno.test("stateless: one request a file, with an upload id, and no session", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    const { frame: { header } } = await terms(peer);
    assert.equal(header.session.mode, "stateless");
    const request = await peer.transfer();
    assert.equal(request.frame.header.session.id, null);
    assert.equal(request.frame.header.session.mode, "stateless");
    assert.match(request.frame.data.uploadId ?? "", /^[0-9a-f-]{36}$/);
    await peer.stored(request);
    assert.equal((await peer.rest()).length, 0); // closes its half first (S-DIS-2)
  });
  await using it = await watched(peer.port, { mode: "stateless" });
  assert.equal(it.client.mode, "stateless");
  assert.equal(it.client.sessionId, null);
  assert.equal((await it.client.send(pattern(500))).confirmed, true);
  assert.equal(await it.client.disconnect(), undefined);
});

Deno.test("stateless: a lost request is sent again as a whole, under the same upload id (S-TRF-9)", async () => {
  const bytes = pattern(500);
  let id: string | undefined;
  await using peer = new ScriptedPeer(async (peer) => {
    await terms(peer);
    id = (await peer.transfer()).frame.data.uploadId;
  }, async (peer) => {
    await terms(peer);
    const request = await peer.transfer();
    assert.equal(request.frame.data.uploadId, id);
    assert.equal(request.frame.data.offset, 0);
    assert.equal(request.frame.data.sha256, sha256(bytes));
    assert.deepEqual(request.payload, bytes);
    await peer.stored(request, { replayed: true });
    await peer.rest();
  });
  await using it = await watched(peer.port, { mode: "stateless" });
  const result = await it.client.send(bytes);
  assert.deepEqual([result.replayed, result.attempts], [true, 2]);
  await it.client.disconnect();
});

Deno.test("stateless: an idle connection may end, and the next file makes a new one", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    await terms(peer);
    await peer.stored(await peer.transfer());
    await peer.notice({ code: "keepalive_timeout" });
    await peer.finish();
  }, async (peer) => {
    await terms(peer);
    await peer.stored(await peer.transfer());
    await peer.rest();
  });
  await using it = await watched(peer.port, { mode: "stateless", retries: 0 });
  await it.client.send(pattern(5));
  await it.events.wait((event) => event.type === "connection_lost");
  assert.equal(peer.connections, 1);
  await it.client.send(pattern(6));
  await it.client.disconnect();
});

Deno.test("stateless: a file over max_request_size is refused with advice, whoever notices", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    await terms(peer);
    await peer.reply(await peer.transfer(), { code: "too_large", limit: 10 });
    await peer.rest();
  });
  await using it = await watched(peer.port, { mode: "stateless" });
  const advice = (error: Error) => {
    assert.match(error.message, /use stateful mode/);
    return code("too_large")(error);
  };
  await assert.rejects(it.client.send(pattern(1001)), advice);
  await assert.rejects(it.client.send(streamOf(pattern(600), pattern(401))), advice);
  await assert.rejects(it.client.send(pattern(1000)), advice);
  await it.client.disconnect();
});

Deno.test("stateless: a stream within max_request_size is one request", async () => {
  const bytes = pattern(1000);
  await using peer = new ScriptedPeer(async (peer) => {
    await terms(peer);
    const request = await peer.transfer();
    assert.deepEqual(request.payload, bytes);
    await peer.stored(request);
    await peer.rest();
  });
  await using it = await watched(peer.port, { mode: "stateless" });
  const sent = await it.client.send(streamOf(bytes.slice(0, 400), bytes.slice(400)));
  assert.equal(sent.sha256, sha256(bytes));
  await it.client.disconnect();
});

Deno.test("stateless: a retry code holds the file back and sends it again", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    await terms(peer);
    const [a, b] = [await peer.transfer(), await peer.transfer()];
    await peer.reply(a, { code: "busy", retry_after_ms: 5 });
    await peer.stored(b);
    const again = await peer.transfer();
    assert.deepEqual(again.payload, a.payload);
    await peer.stored(again);
    await peer.rest();
  });
  await using it = await watched(peer.port, { mode: "stateless" });
  const results = await Promise.all([it.client.send(pattern(5)), it.client.send(pattern(6))]);
  assert.deepEqual(results.map((result) => result.attempts), [2, 1]);
  await it.client.disconnect();
});

Deno.test("auto: without a session to be had, files go stateless and it is told (S-DEG-1)", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    const { frame } = await terms(peer, { degraded: "store_unavailable" });
    assert.ok(frame.action === "connect" && frame.data.fallback === "stateless");
    assert.equal(frame.header.session.mode, "stateful");
    await peer.stored(await peer.transfer());
    await peer.rest();
  });
  await using it = await watched(peer.port);
  assert.equal(it.client.mode, "stateless");
  assert.deepEqual(it.events.all[0], { type: "degraded", reason: "store_unavailable" });
  await it.client.send(pattern(5));
  await it.client.disconnect();
});

Deno.test("stateful: no fallback is asked for, and none is taken", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    const connect = await peer.request();
    assert.ok(connect.frame.action === "connect" && connect.frame.data.fallback === undefined);
    await peer.reply(connect, { code: "mode_not_allowed" });
    await peer.finish();
  });
  await assert.rejects(watched(peer.port, { mode: "stateful" }), code("mode_not_allowed"));
});
