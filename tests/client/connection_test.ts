import assert from "node:assert/strict";
import { connect, type SendOptions } from "../../src/client/mod.ts";
import { code, pattern, type PeerConnection, ScriptedPeer, SESSION_ID } from "./scripted_peer.ts";
import { hookedSource, quick, watched } from "./helpers.ts";

Deno.test("session_taken_over is final: the client never reconnects by itself (S-TAKE-5)", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session();
    await peer.transfer();
    await peer.notice({ code: "session_taken_over" });
    await peer.finish();
  });
  await using it = await watched(peer.port);
  const error = await it.client.send(pattern(5)).catch((error) => error);
  assert.equal(error.code, "session_taken_over");
  assert.equal(error.exit, 7);
  await assert.rejects(it.client.send(pattern(5)), code("session_taken_over"));
  assert.equal(peer.connections, 1);
});

Deno.test("server_shutting_down is waited out, then the session goes on (S-DRN-1)", async () => {
  let noticed = 0;
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session();
    await peer.transfer();
    noticed = performance.now();
    await peer.notice({ code: "server_shutting_down", retry_after_ms: 70 });
    await peer.finish();
  }, async (peer) => {
    assert.ok(performance.now() - noticed >= 69);
    await peer.resumed(1);
    await peer.stored(await peer.transfer());
    await peer.idle();
  });
  await using it = await watched(peer.port);
  assert.equal((await it.client.send(pattern(5))).attempts, 2);
  assert.ok(
    it.events.all.some((event) =>
      event.type === "notice" && event.code === "server_shutting_down" && event.retryAfterMs === 70
    ),
  );
});

Deno.test("a frame the server cannot read ends its file, and the others go on (S-VER-6)", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session();
    await peer.transfer();
    await peer.notice({ code: "invalid_field", field: "name" });
    await peer.finish();
  }, async (peer) => {
    await peer.resumed(1);
    await peer.stored(await peer.transfer());
    await peer.idle();
  });
  await using it = await watched(peer.port);
  await assert.rejects(it.client.send(pattern(5)), code("invalid_field"));
  assert.equal((await it.client.send(pattern(6))).confirmed, true);
});

Deno.test("an idle client sends heartbeats at half the keep-alive, with the last sequence (S-SEQ-3)", async () => {
  const times: number[] = [];
  const { promise: enough, resolve } = Promise.withResolvers<void>();
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session({ keepalive_s: 0.1 });
    await peer.stored(await peer.transfer());
    for (let n = 0; n < 3; n++) {
      const beat = await peer.request();
      times.push(performance.now());
      assert.equal(beat.frame.action, "heartbeat");
      assert.equal(beat.frame.header.session.sequence, 1);
      await peer.reply(beat, { code: "pong" });
    }
    resolve();
    await peer.idle();
  });
  await using it = await watched(peer.port);
  const began = performance.now();
  await it.client.send(pattern(5));
  await enough;
  // From the last byte before, since one that is seen late is followed by the next one sooner.
  for (const [n, at] of times.entries()) assert.ok(at - began >= (n + 1) * 50 - 5);
  assert.equal(it.events.all.filter((event) => event.type === "connection_lost").length, 0);
});

Deno.test("heartbeats go on while a slow stream gives nothing", async () => {
  const { promise: beaten, resolve } = Promise.withResolvers<void>();
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session({ keepalive_s: 0.1 });
    for (let n = 0; n < 3; n++) {
      const beat = await peer.request();
      assert.equal(beat.frame.action, "heartbeat");
      assert.equal(beat.frame.header.session.sequence, 0);
      await peer.reply(beat, { code: "pong" });
    }
    resolve();
    await peer.stored(await peer.transfer());
    await peer.idle();
  });
  await using it = await watched(peer.port);
  const slow = new ReadableStream<Uint8Array>({
    async start(controller) {
      controller.enqueue(pattern(10));
      await beaten;
      controller.close();
    },
  });
  assert.equal((await it.client.send(slow)).attempts, 1);
});

Deno.test("a server that is silent for 1.5 keep-alive times counts as lost", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session({ keepalive_s: 0.1 });
    await peer.rest(); // reads, and never answers
  }, async (peer) => {
    await peer.resumed(1, null, { keepalive_s: 30 });
    await peer.idle();
  });
  await using it = await watched(peer.port);
  const started = performance.now();
  await it.events.wait((event) => event.type === "connected" && event.resumed);
  assert.ok(performance.now() - started >= 140);
});

Deno.test("a refusal is read even though writing failed (S-TRF-8)", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session({ limits: { max_request_size: 64 << 20 } });
    const frame = await peer.partOfTransfer(1);
    // The reply goes out, then the socket is closed with bytes unread: a reset.
    await peer.reply({ frame }, { code: "too_large", limit: 1 });
    peer.close();
  }, async (peer) => {
    await peer.resumed(1);
    await peer.idle();
  });
  await using it = await watched(peer.port);
  await assert.rejects(it.client.send(pattern(8 << 20)), code("too_large"));
  await it.events.wait((event) => event.type === "connected" && event.resumed);
});

Deno.test("tries without progress are counted, and then the last code is the answer", async () => {
  const reply = async (peer: PeerConnection) => {
    await peer.reply(await peer.request(), { code: "max_sessions", retry_after_ms: 1 });
    await peer.finish();
  };
  await using peer = new ScriptedPeer(reply, reply, reply);
  const error = await connect(quick(peer.port, { retries: 2 })).catch((error) => error);
  assert.equal(error.code, "max_sessions");
  assert.equal(error.exit, 2);
  assert.equal(error.fields.tries, 3);
  assert.equal(peer.connections, 3);
});

Deno.test("a server that is away is connection_lost", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  await assert.rejects(connect(quick(port, { retries: 1 })), code("connection_lost"));
});

Deno.test("progress starts the count of tries anew", async () => {
  const bytes = pattern(600);
  let id: string | undefined;
  const cut = (sequence: number) => async (peer: PeerConnection) => {
    const offset = (sequence - 1) * 100;
    await peer.resumed(sequence, { offset, upload_id: id }, {
      limits: { max_request_size: 100 },
    });
    await peer.transfer();
  };
  await using peer = new ScriptedPeer(
    async (peer) => {
      await peer.session({ limits: { max_request_size: 100 } });
      id = (await peer.transfer()).frame.data.uploadId;
    },
    cut(2),
    cut(3),
    cut(4),
    cut(5),
    async (peer) => {
      await peer.resumed(6, { offset: 500, upload_id: id }, { limits: { max_request_size: 100 } });
      for (let sequence = 5; sequence <= 6; sequence++) {
        const request = await peer.transfer();
        if (request.frame.header.session.sequence < 6) {
          await peer.reply(request, { code: "partial", replayed: true });
        } else {
          await peer.stored({ ...request, payload: bytes });
        }
      }
      await peer.idle();
    },
  );
  await using it = await watched(peer.port, { retries: 1 });
  const result = await it.client.send(bytes);
  assert.deepEqual(result.resumedFrom, [100, 200, 300, 400, 500]);
  const attempts = it.events.all.flatMap((event) =>
    event.type === "retrying" ? [event.attempt] : []
  );
  assert.deepEqual(attempts, [1, 1, 1, 1, 1]);
});

Deno.test("unauthorized ends connect at once", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.reply(await peer.request(), { code: "unauthorized" });
    await peer.finish();
  });
  const options = quick(peer.port, { sessionId: SESSION_ID, token: "wrong" });
  const error = await connect(options).catch((error) => error);
  assert.equal(error.code, "unauthorized");
  assert.equal(error.exit, 4);
});

Deno.test("abort ends connect while the server says nothing", async () => {
  const abort = new AbortController();
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.request();
    abort.abort(new Error("enough"));
    await peer.rest();
  });
  const error = await connect(quick(peer.port, { signal: abort.signal })).catch((error) => error);
  assert.equal(error.code, "interrupted");
  assert.equal(error.exit, 130);
  assert.equal(error.cause.message, "enough");
});

Deno.test("abort ends the pause between two tries", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  const abort = new AbortController();
  const started = performance.now();
  const options = quick(port, {
    backoff: { initialMs: 60_000, maxMs: 60_000 },
    signal: abort.signal,
    onEvent: (event) => event.type === "retrying" && abort.abort(),
  });
  await assert.rejects(connect(options), code("interrupted"));
  assert.ok(performance.now() - started < 5000);
});

Deno.test("abort in mid-frame ends every send; the session stays to be resumed", async () => {
  const abort = new AbortController();
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session();
    await peer.partOfTransfer(100_000);
    abort.abort();
    await peer.rest().catch(() => {});
  });
  await using it = await watched(peer.port, { signal: abort.signal });
  const sends = [it.client.send(pattern(8 << 20)), it.client.send(pattern(10))];
  for (const send of sends) await assert.rejects(send, code("interrupted"));
  assert.equal(it.client.sessionId, SESSION_ID);
});

Deno.test("a send's own abort in mid-frame costs a connection, and other files go on", async () => {
  const abort = new AbortController();
  let id: string | undefined;
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session();
    id = (await peer.partOfTransfer(100_000)).data.uploadId;
    abort.abort();
    await peer.rest().catch(() => {});
  }, async (peer) => {
    await peer.resumed(1, { sequence: 1, offset: 4096, upload_id: id });
    const cancel = await peer.transfer();
    assert.deepEqual([cancel.frame.data.cancel, cancel.frame.data.uploadId], [true, id]);
    await peer.reply(cancel, { code: "partial" });
    await peer.stored(await peer.transfer());
    await peer.idle();
  });
  await using it = await watched(peer.port);
  const given = it.client.send(pattern(8 << 20), { signal: abort.signal });
  const other = it.client.send(pattern(10));
  await assert.rejects(given, code("interrupted"));
  assert.equal((await other).confirmed, true);
});

Deno.test("an aborted signal rejects send() before anything is sent", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session();
    await peer.idle();
  });
  await using it = await watched(peer.port);
  const signal = AbortSignal.abort();
  await assert.rejects(it.client.send(pattern(1), { signal }), code("interrupted"));
});

Deno.test("close() rejects what is under way and frees everything", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session();
    await peer.rest();
  });
  await using it = await watched(peer.port);
  const send = it.client.send(pattern(10));
  it.client.close();
  it.client.close();
  await assert.rejects(send, code("interrupted"));
  await assert.rejects(it.client.send(pattern(10)), code("interrupted"));
});

Deno.test("what cannot be right is refused before anything is sent", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session();
    await peer.idle();
  });
  await using it = await watched(peer.port);
  const { client } = it;
  await assert.rejects(client.send(pattern(1), { uploadId: "x" }), TypeError);
  await assert.rejects(client.send(pattern(1), { sha256: "ABC" }), TypeError);
  await assert.rejects(client.send(pattern(1), { mimeType: "text" }), TypeError);
  await assert.rejects(client.send(pattern(1), { name: "ä".repeat(128) }), RangeError);
  await assert.rejects(client.send(7 as never), TypeError);
  for (const options of [{ port: 0 }, { port: 1.5 }, { retries: -1 }, { backoff: { maxMs: -1 } }]) {
    await assert.rejects(connect(options), RangeError);
  }
});

Deno.test("whatever fails before a send begins, its source is closed", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session();
    await peer.idle();
  });
  await using it = await watched(peer.port);
  const { client } = it;
  const bad: readonly SendOptions[] = [
    { uploadId: "x" },
    { sha256: "ABC" },
    { mimeType: "text" },
    { name: "a".repeat(256) },
    { signal: AbortSignal.abort() },
  ];
  for (const options of bad) {
    const source = hookedSource(pattern(1), () => {});
    await assert.rejects(client.send(source, options));
    assert.equal(source.closed, 1, JSON.stringify(options));
    let cancelled = false;
    const stream = new ReadableStream({ cancel: () => void (cancelled = true) });
    await assert.rejects(client.send(stream, options));
    assert.ok(cancelled, JSON.stringify(options));
  }
  const misfit = hookedSource(pattern(1), () => {}, { size: -1 });
  await assert.rejects(client.send(misfit), RangeError);
  assert.equal(misfit.closed, 1);
  client.close();
  const late = hookedSource(pattern(1), () => {});
  await assert.rejects(client.send(late), code("interrupted"));
  assert.equal(late.closed, 1);
});

Deno.test("the clock of the system may be set back: pauses and deadlines do not notice", async () => {
  const { promise: again, resolve } = Promise.withResolvers<void>();
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session({ keepalive_s: 0.8 });
    await peer.reply(await peer.transfer(), { code: "storage_full", retry_after_ms: 50 });
    await peer.stored(await peer.transfer());
    assert.equal((await peer.request()).frame.action, "heartbeat");
    await peer.rest(); // silent from here on
  }, async (peer) => {
    await peer.resumed(2);
    resolve();
    await peer.idle();
  });
  const { now } = Date;
  await using it = await watched(peer.port, {
    onEvent: (event) => {
      if (event.type === "refused") Date.now = () => now() - 3_600_000;
    },
  });
  try {
    assert.equal((await it.client.send(pattern(5))).attempts, 2);
    await again;
  } finally {
    Date.now = now;
  }
});
