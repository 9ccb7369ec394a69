import assert from "node:assert/strict";
import { sha256, storedSha256 } from "../helpers/files.ts";
import { streamOf, terms, watched } from "./helpers.ts";
import { Live } from "./live.ts";
import { code, pattern, ScriptedPeer } from "./scripted_peer.ts";

/** One session, and requests of at most 20,000 bytes. */
const ONE = { maxRequestSize: 20_000, stateful: { maxSessions: 1 } };

Deno.test("a file that needs a session waits for one; files that fit go on meanwhile", async () => {
  await using live = await Live.start(ONE);
  await using holder = await watched(live.port);
  await using it = await watched(live.port, { backoff: { initialMs: 20, maxMs: 20 } });
  assert.equal(it.client.mode, "stateless");
  const large = [it.client.send(pattern(50_000)), it.client.send(streamOf(pattern(30_000, 2)))];
  const small = await Promise.all([it.client.send(pattern(10)), it.client.send(pattern(20_000))]);
  for (const { file } of small) assert.match(file!.path, /^received_/);
  await it.events.wait((event) => event.type === "retrying" && event.code === "max_sessions");
  assert.match((await it.client.send(pattern(11))).file!.path, /^received_/);
  await holder.client.disconnect();
  for (const [n, bytes] of [pattern(50_000), pattern(30_000, 2)].entries()) {
    const { file } = await large[n]!;
    assert.match(file!.path, /^session_/);
    assert.equal(await storedSha256(live.dir, file!.path), sha256(bytes));
  }
  assert.equal(it.client.mode, "stateful");
  await it.client.disconnect();
});

Deno.test("when the tries for a session are used up, the shortage is the answer", async () => {
  await using live = await Live.start(ONE);
  await using _holder = await watched(live.port);
  await using it = await watched(live.port, { retries: 1, backoff: { initialMs: 1, maxMs: 1 } });
  const error = await it.client.send(pattern(50_000)).catch((error) => error);
  assert.equal(error.code, "max_sessions");
  assert.equal(error.exit, 2);
  // The others do not suffer.
  assert.equal((await it.client.send(pattern(10))).confirmed, true);
  await it.client.disconnect();
});

Deno.test("the wait for a session ends with an abort", async () => {
  await using live = await Live.start(ONE);
  await using _holder = await watched(live.port);
  await using it = await watched(live.port, { backoff: { initialMs: 60_000, maxMs: 60_000 } });
  const abort = new AbortController();
  const sent = it.client.send(pattern(50_000), { signal: abort.signal });
  await it.events.wait((event) => event.type === "retrying");
  abort.abort();
  await assert.rejects(sent, code("interrupted"));
});

Deno.test("while a file waits a session is asked for, with the fallback only if others wait too", async () => {
  const asked: unknown[] = [];
  await using peer = new ScriptedPeer(async (peer) => {
    await terms(peer, { degraded: "busy" });
    await peer.rest();
  }, async (peer) => {
    const { frame } = await peer.request();
    assert.ok(frame.action === "connect");
    asked.push(frame.header.session.mode, frame.data.fallback);
    await peer.reply({ frame }, { code: "max_sessions", retry_after_ms: 1 });
    await peer.finish();
  }, async (peer) => {
    const { frame } = await peer.session();
    assert.ok(frame.action === "connect");
    asked.push(frame.header.session.mode, frame.data.fallback);
    for (let n = 0; n < 2; n++) await peer.stored(await peer.transfer());
    await peer.idle();
  });
  const small: Promise<unknown>[] = [];
  await using it = await watched(peer.port, {
    onEvent: (event) => {
      if (event.type === "retrying" && event.attempt === 2) small.push(it.client.send(pattern(1)));
    },
  });
  await it.client.send(pattern(1001));
  await Promise.all(small);
  assert.deepEqual(asked, ["stateful", undefined, "stateful", "stateless"]);
});

Deno.test("a server that never has sessions refuses a large file at once", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    await terms(peer, { degraded: "mode_not_allowed" });
    await peer.rest();
  });
  await using it = await watched(peer.port);
  await assert.rejects(it.client.send(pattern(1001)), code("too_large"));
  await it.client.disconnect();
});
