/** S-CON-9: frames that are sent behind a connect, before its reply is read, byte by byte. */
import assert from "node:assert/strict";
import { Events, type ServerEvent } from "../../src/events.ts";
import { InProcess } from "../helpers/in_process.ts";
import { concat, frame, type FrameParts, utf8 } from "../helpers/raw_frame.ts";

/** A connect, as bytes. */
const connect = (parts: FrameParts = {}) =>
  frame({ action: "connect", mode: "stateful", id: null, data: {}, ...parts });

/** A frame that means the session by the id null. */
const early = (parts: FrameParts) => frame({ mode: "stateful", id: null, ...parts });

const put = (payload: string | Uint8Array, sequence: number, data = {}) =>
  early({ action: "transfer", sequence, payload, data });

Deno.test("S-CON-9 connect, two files, a heartbeat and a disconnect are served in one flight", async () => {
  await using it = await InProcess.start();
  using peer = await it.open();
  await peer.send(concat(
    connect(),
    put("one", 1),
    put("two", 2),
    early({ action: "heartbeat", sequence: 2 }),
    early({ action: "disconnect", sequence: 3 }),
  ));
  const replies = await peer.replies();
  const codes = replies.map(({ data }) => data.code);
  assert.deepEqual(codes, ["session_created", "ok", "ok", "pong", "session_closed"]);
  const [created, ...others] = replies.map(({ header: { session } }) => session);
  assert.notEqual(created.id, null);
  assert.deepEqual(others.map(({ id }) => id), [null, null, null, null], "a reply repeats the id");
  assert.deepEqual(others.map(({ sequence }) => sequence), [1, 2, 2, 3]);
  await it.assertStored(utf8("one"), utf8("two"));
});

Deno.test("S-CON-9 the feature is offered, and its first frame is told with the rule", async () => {
  const events = new Events();
  const told: ServerEvent[] = [];
  events.subscribe((event) => told.push(event), (type) => type === "session.early");
  await using it = await InProcess.start({ events });
  using peer = await it.open();
  await peer.send(concat(connect(), put("one", 1), put("two", 2)));
  const { data } = await peer.reply();
  assert.ok(data.features.includes("early"));
  await peer.reply();
  await peer.reply();
  assert.deepEqual(told.map(({ rule }) => rule), ["S-CON-9"], "once a connection");
});

Deno.test("S-CON-9 a resumed session is meant by null as well, numbered from its next number", async () => {
  await using it = await InProcess.start();
  const first = await it.attached();
  await first.upload("one");
  const { id } = first;
  first.close();
  await it.idle();
  using peer = await it.open();
  await peer.send(concat(connect({ id }), put("two", 2)));
  assert.equal((await peer.reply()).data.code, "session_resumed");
  assert.equal((await peer.reply()).data.code, "ok");
  await it.assertStored(utf8("one"), utf8("two"));
});

Deno.test("S-CON-9 S-SEQ-1 a client that was not sure of the number stores nothing twice and loses nothing", async () => {
  await using it = await InProcess.start();
  const first = await it.attached();
  await first.upload("one");
  await first.upload("two");
  const { id } = first;
  first.close();
  await it.idle();
  for (
    const [sequence, payload, code] of [
      [2, "two", "ok"],
      [2, "other", "sequence_reuse"],
      [4, "four", "sequence_gap"],
    ] as const
  ) {
    using peer = await it.open();
    await peer.send(concat(connect({ id }), put(payload, sequence)));
    assert.equal((await peer.reply()).data.next_sequence, 3);
    const { data } = await peer.reply();
    assert.equal(data.code, code);
    assert.equal(data.replayed, code === "ok" ? true : undefined);
    peer.close();
    await it.idle();
  }
  await it.assertStored(utf8("one"), utf8("two"));
});

Deno.test("S-CON-9 a refused connect refuses each frame behind it with its code, and their payloads are read away", async () => {
  await using it = await InProcess.start();
  using peer = await it.open();
  const payload = new Uint8Array(300_000).fill(7);
  await peer.send(concat(
    connect({ id: crypto.randomUUID() }),
    put(payload, 1),
    put("two", 2),
    early({ action: "disconnect", sequence: 3 }),
  ));
  for (let n = 0; n < 4; n++) {
    const { data, header } = await peer.reply();
    assert.equal(data.code, "session_unknown", `reply ${n}`);
    assert.equal(header.session.action, ["connect", "transfer", "transfer", "disconnect"][n]);
  }
  assert.deepEqual(await it.stored(), []);
  // S-CON-7: the client may try again on this connection; only then frames are served.
  await peer.send(concat(connect(), put("three", 1)));
  assert.equal((await peer.reply()).data.code, "session_created");
  assert.equal((await peer.reply()).data.code, "ok");
  await it.assertStored(utf8("three"));
});

Deno.test("S-CON-9 S-DEG-1 after a fallback each frame is refused with the reason, and stateless ones are served", async () => {
  await using it = await InProcess.start();
  it.flaky.down = true;
  using peer = await it.open();
  await peer.send(concat(
    connect({ data: { fallback: "stateless" } }),
    put("one", 1),
    frame({ payload: "two" }),
  ));
  const { data } = await peer.reply();
  assert.equal(data.degraded, "store_unavailable");
  assert.equal((await peer.reply()).data.code, "store_unavailable");
  assert.equal((await peer.reply()).data.code, "ok");
  await it.assertStored(utf8("two"));
});

Deno.test("S-CON-9 where sessions are switched off, frames behind the connect have that code too", async () => {
  await using it = await InProcess.start({ mode: "stateless" });
  using peer = await it.open();
  await peer.send(concat(connect({ data: { fallback: "stateless" } }), put("one", 1)));
  assert.equal((await peer.reply()).data.degraded, "mode_not_allowed");
  assert.equal((await peer.reply()).data.code, "mode_not_allowed");
  assert.deepEqual(await it.stored(), []);
});

Deno.test("S-CON-7 S-CON-9 a frame with the id null before any connect is not_connected", async () => {
  await using it = await InProcess.start();
  using peer = await it.open();
  await peer.send(put("one", 1));
  assert.equal((await peer.reply()).data.code, "not_connected");
  assert.deepEqual(await it.stored(), []);
});

Deno.test("S-CON-9 S-NOT-1 a connection that is displaced hears of it, and its late early frame does nothing", async () => {
  await using it = await InProcess.start();
  using first = await it.attached();
  using second = await it.attached({}, first.id);
  await first.send(put("one", 1)).catch(() => {});
  const replies = await first.replies();
  assert.deepEqual(replies.map(({ data }) => data.code), ["session_taken_over"]);
  assert.equal((await second.upload("two")).data.code, "ok");
  await it.assertStored(utf8("two"));
});
