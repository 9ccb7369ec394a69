/** S-CON-9 and the end of a session from the client's side: what goes out before anything is answered. */
import assert from "node:assert/strict";
import { earlyTerms } from "../../src/client/early.ts";
import type { ConnectOptions, Terms } from "../../src/client/mod.ts";
import type { ReplyBody } from "../../src/protocol/mod.ts";
import { LATE, within } from "../../src/within.ts";
import { pure } from "../helpers/pure.ts";
import { watched } from "./helpers.ts";
import { code, pattern, ScriptedPeer, SESSION_ID } from "./scripted_peer.ts";

const FEATURES = ["names", "list", "received", "early"];

/** The terms of an earlier time. */
const KNOWN: Terms = {
  keepaliveS: 30,
  sessionExpiryS: 300,
  partialExpiryS: 300,
  maxInflight: 16,
  limits: { maxRequestSize: 10_000_000, maxUploadSize: 0, checkpointBytes: 8_000_000 },
  server: {},
  features: FEATURES,
  mac: false,
};

/** The same terms, as a server states them. */
const STATED: Partial<ReplyBody> = {
  max_inflight: 16,
  features: FEATURES,
  limits: { max_request_size: 10_000_000, max_upload_size: 0, checkpoint_bytes: 8_000_000 },
};

/** No answer has to come for so long before a client counts as one that waits. */
const QUIET_MS = 150;

Deno.test("S-CON-9 connect, file and disconnect go out before anything is answered", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    const connect = await peer.request();
    const file = await peer.transfer();
    const leave = await peer.request();
    const seen = [connect, file, leave].map((
      { frame: { action, header: { session } } },
    ) => [action, session.id, session.sequence]);
    assert.deepEqual(seen, [["connect", null, 0], ["transfer", null, 1], ["disconnect", null, 2]]);
    await peer.reply(connect, { code: "session_created", token: "secret", ...STATED }, SESSION_ID);
    await peer.stored(file);
    await peer.reply(leave, { code: "session_closed", files: 1 });
    await peer.finish();
  });
  await using it = await watched(peer.port, { knownTerms: KNOWN });
  assert.equal(it.client.sessionId, null);
  const sent = it.client.send(pattern(10));
  assert.equal((await it.client.disconnect())?.files, 1);
  assert.equal((await sent).confirmed, true);
  assert.equal(it.client.sessionId, SESSION_ID);
  assert.equal(it.client.token, "secret");
  assert.deepEqual(it.events.all.map(({ type }) => type), ["connected"]);
});

Deno.test("S-CON-9 what follows the answer carries the session's id", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    const connect = await peer.request();
    const first = await peer.transfer();
    await peer.reply(connect, { code: "session_created", ...STATED }, SESSION_ID);
    await peer.stored(first);
    const second = await peer.transfer();
    assert.equal(second.frame.header.session.id, SESSION_ID);
    assert.equal(second.frame.header.session.sequence, 2);
    await peer.stored(second);
    await peer.idle();
  });
  await using it = await watched(peer.port, { knownTerms: KNOWN });
  await it.client.send(pattern(10));
  await it.client.send(pattern(20));
  await it.client.disconnect();
});

Deno.test("S-CON-9 no more than 1 MiB goes out before the answer, and the rest after it", async () => {
  const bytes = pattern(3_000_000);
  await using peer = new ScriptedPeer(async (peer) => {
    const connect = await peer.request();
    let early = 0;
    let ended = false;
    const parts: number[] = [];
    const take = async (request: Awaited<ReturnType<typeof peer.transfer>>) => {
      parts.push(request.payload.length);
      const { complete } = request.frame.data;
      if (complete) await peer.stored({ ...request, payload: bytes });
      else await peer.reply(request, { code: "partial", offset: parts.reduce((a, b) => a + b) });
      ended = complete;
    };
    const waiting = [];
    let next = peer.transfer();
    for (;;) {
      const request = await within(QUIET_MS, next);
      if (request === LATE) break;
      early += request.payload.length;
      waiting.push(request);
      next = peer.transfer();
    }
    assert.ok(early > 256 * 1024 && early < 1024 * 1024 - 1000, `${early} bytes`);
    await peer.reply(connect, { code: "session_created", ...STATED }, SESSION_ID);
    for (const request of waiting) await take(request);
    await take(await next);
    while (!ended) await take(await peer.transfer());
    await peer.idle();
  });
  await using it = await watched(peer.port, { knownTerms: KNOWN });
  assert.equal((await it.client.send(bytes)).file?.size, bytes.length);
  await it.client.disconnect();
});

Deno.test("S-CON-9 a server without the feature answers not_connected, and gets the frames again with the id", async () => {
  await using peer = new ScriptedPeer(
    async (peer) => {
      const connect = await peer.request();
      const file = await peer.transfer();
      const older = { ...STATED, features: ["names", "list", "received"] };
      await peer.reply(connect, { code: "session_created", token: "t", ...older }, SESSION_ID);
      await peer.reply(file, { code: "not_connected" });
      await peer.rest();
    },
    async (peer) => {
      const { frame } = await peer.resumed(1);
      assert.ok(frame.action === "connect");
      assert.equal(frame.header.session.id, SESSION_ID);
      assert.equal(frame.data.token, "t");
      const file = await peer.transfer();
      assert.equal(file.frame.header.session.id, SESSION_ID);
      assert.equal(file.frame.header.session.sequence, 1);
      assert.equal(file.payload.length, 10);
      await peer.stored(file);
      await peer.idle();
    },
  );
  await using it = await watched(peer.port, { knownTerms: KNOWN });
  assert.equal((await it.client.send(pattern(10))).confirmed, true);
  await it.client.disconnect();
});

Deno.test("S-CON-9 S-SEQ-1 terms that have changed: what ran is asked for again without its bytes", async () => {
  const id = crypto.randomUUID();
  await using peer = new ScriptedPeer(
    async (peer) => {
      const connect = await peer.request();
      await peer.transfer();
      const other = { ...STATED, max_inflight: 2 };
      await peer.reply(connect, { code: "session_created", ...other }, SESSION_ID);
      await peer.rest();
    },
    async (peer) => {
      await peer.resumed(2, null, { ...STATED, max_inflight: 2 });
      const again = await peer.transfer();
      assert.equal(again.frame.header.session.sequence, 1);
      assert.equal(again.frame.data.uploadId, id);
      assert.equal(again.payload.length, 0);
      await peer.stored({ ...again, payload: pattern(10) }, { replayed: true });
      await peer.idle();
    },
  );
  await using it = await watched(peer.port, { knownTerms: KNOWN });
  const result = await it.client.send(pattern(10), { uploadId: id });
  assert.equal(result.replayed, true);
  assert.equal(it.client.terms?.maxInflight, 2);
  await it.client.disconnect();
});

Deno.test("S-CON-9 S-DEG-1 a server without a session to give gets the file in a frame of its own", async () => {
  const degraded = { mode: "stateless", degraded: "max_sessions", ...STATED };
  await using peer = new ScriptedPeer(
    async (peer) => {
      const connect = await peer.request();
      const file = await peer.transfer();
      await peer.reply(connect, { code: "ok", ...degraded });
      await peer.reply(file, { code: "max_sessions" });
      await peer.rest();
    },
    async (peer) => {
      await peer.reply(await peer.request(), { code: "ok", ...degraded });
      const file = await peer.transfer();
      assert.equal(file.frame.header.session.mode, "stateless");
      await peer.stored(file);
      await peer.rest();
    },
  );
  await using it = await watched(peer.port, { knownTerms: KNOWN });
  assert.equal((await it.client.send(pattern(10))).confirmed, true);
  assert.equal(it.client.mode, "stateless");
});

Deno.test("S-CON-9 what refuses the connect rejects what was sent, and connect() did not wait for it", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    const connect = await peer.request();
    const file = await peer.transfer();
    await peer.reply(connect, { code: "unauthorized" });
    await peer.reply(file, { code: "unauthorized" });
    await peer.rest();
  });
  await using it = await watched(peer.port, { knownTerms: KNOWN });
  await assert.rejects(it.client.send(pattern(10)), code("unauthorized"));
});

Deno.test("S-CON-9 a connect that is refused for a while is made again, and its frames wait then", async () => {
  await using peer = new ScriptedPeer(
    async (peer) => {
      const connect = await peer.request();
      const file = await peer.transfer();
      await peer.reply(connect, { code: "busy" });
      await peer.reply(file, { code: "busy" });
      await peer.rest();
    },
    async (peer) => {
      const connect = await peer.request();
      assert.equal(await within(QUIET_MS, peer.request()), LATE, "it waits");
      await peer.reply(connect, { code: "unauthorized" });
    },
  );
  await using it = await watched(peer.port, { knownTerms: KNOWN });
  await assert.rejects(it.client.send(pattern(10)), code("unauthorized"));
});

Deno.test("a connection lost before the answer loses nothing", async () => {
  await using peer = new ScriptedPeer(
    async (peer) => {
      await peer.request();
      await peer.transfer();
    },
    async (peer) => {
      const connect = await peer.session(STATED);
      assert.equal(connect.frame.header.session.id, null);
      await peer.stored(await peer.transfer());
      await peer.idle();
    },
  );
  await using it = await watched(peer.port, { knownTerms: KNOWN });
  assert.equal((await it.client.send(pattern(10))).confirmed, true);
  await it.client.disconnect();
});

Deno.test("without a session a question goes out with the connect", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    const connect = await peer.request();
    const list = await peer.request();
    assert.equal(list.frame.action, "list");
    await peer.reply(connect, { code: "ok", ...STATED });
    await peer.reply(list, { code: "ok", files: [], next: null });
    await peer.rest();
  });
  await using it = await watched(peer.port, { mode: "stateless", knownTerms: KNOWN });
  assert.deepEqual(await Array.fromAsync(it.client.list()), []);
});

pure("S-CON-9 S-KEY-4 a client with a key, an earlier session or version 1 in mind waits", () => {
  const waits: Partial<ConnectOptions>[] = [
    { key: `fxfer_anna_${"A".repeat(43)}` },
    { sessionId: SESSION_ID },
    { allowV1: true },
    { knownTerms: { ...KNOWN, mac: true } },
    { knownTerms: { ...KNOWN, features: ["names", "received"] } },
  ];
  assert.notEqual(earlyTerms({ knownTerms: KNOWN }), undefined);
  assert.equal(earlyTerms({}), undefined);
  for (const options of waits) {
    assert.equal(earlyTerms({ knownTerms: KNOWN, ...options }), undefined, Object.keys(options)[0]);
  }
});

/** A client whose session has a file, and whose connection was lost while nothing was under way. */
async function lostAtRest(port: number) {
  const it = await watched(port, { backoff: { initialMs: 200, maxMs: 200 } });
  await it.client.send(pattern(10));
  await it.events.wait(({ type }) => type === "retrying", "the pause before the next try");
  return it;
}

/** What a server says of the session that it resumes. */
const resumed = (next_sequence: number) => (
  { code: "session_resumed", next_sequence, upload: null, ...STATED } as const
);

Deno.test("S-CON-9 in a session whose next number is sure, frames go out with the connect that resumes it", async () => {
  await using peer = new ScriptedPeer(
    async (peer) => {
      await peer.session({ token: "t", ...STATED });
      await peer.stored(await peer.transfer());
    },
    async (peer) => {
      const connect = await peer.request();
      const file = await peer.transfer();
      assert.equal(connect.frame.header.session.id, SESSION_ID);
      const { id, sequence } = file.frame.header.session;
      assert.deepEqual([id, sequence], [null, 2]);
      await peer.reply(connect, resumed(2), SESSION_ID);
      await peer.stored(file);
      await peer.idle();
    },
  );
  await using it = await lostAtRest(peer.port);
  const result = await it.client.send(pattern(20));
  assert.deepEqual([result.confirmed, result.attempts], [true, 1]);
  assert.deepEqual([it.client.sessionId, it.client.token], [SESSION_ID, "t"]);
  await it.client.disconnect();
});

Deno.test("S-CON-9 a number that was not right after all: the frames go out again, under the right one", async () => {
  await using peer = new ScriptedPeer(
    async (peer) => {
      await peer.session({ token: "t", ...STATED });
      await peer.stored(await peer.transfer());
    },
    async (peer) => {
      const connect = await peer.request();
      const file = await peer.transfer();
      await peer.reply(connect, resumed(5), SESSION_ID);
      await peer.reply(file, { code: "sequence_reuse" });
      await peer.rest();
    },
    async (peer) => {
      const connect = await peer.resumed(5, null, STATED);
      assert.ok(connect.frame.action === "connect");
      assert.equal(connect.frame.data.token, "t");
      const file = await peer.transfer();
      const { id, sequence } = file.frame.header.session;
      assert.deepEqual([id, sequence, file.payload.length], [SESSION_ID, 5, 20]);
      await peer.stored(file);
      await peer.idle();
    },
  );
  await using it = await lostAtRest(peer.port);
  assert.equal((await it.client.send(pattern(20))).confirmed, true);
  await it.client.disconnect();
});

Deno.test("S-DIS-1 the disconnect goes out behind the last file, whose answer it does not wait for", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session();
    const [one, two] = [await peer.transfer(), await peer.transfer()];
    const leave = await peer.request();
    assert.equal(leave.frame.action, "disconnect");
    assert.equal(leave.frame.header.session.sequence, 3);
    await peer.stored(one);
    await peer.stored(two);
    await peer.reply(leave, { code: "session_closed", files: 2 });
    await peer.finish();
  });
  await using it = await watched(peer.port);
  const sent = [it.client.send(pattern(10)), it.client.send(pattern(20, 2))];
  assert.equal((await it.client.disconnect())?.files, 2);
  assert.equal((await Promise.all(sent)).length, 2);
});

Deno.test("S-SEQ-2 S-DIS-1 if the last file is refused so is the disconnect, and both go out again", async () => {
  await using peer = new ScriptedPeer(async (peer) => {
    await peer.session();
    const file = await peer.transfer();
    const leave = await peer.request();
    await peer.reply(file, { code: "busy" });
    await peer.reply(leave, { code: "sequence_gap", expected: 1 });
    const again = await peer.transfer();
    assert.equal(again.frame.header.session.sequence, 1);
    const last = await peer.request();
    assert.equal(last.frame.header.session.sequence, 2);
    await peer.stored(again);
    await peer.reply(last, { code: "session_closed", files: 1 });
    await peer.finish();
  });
  await using it = await watched(peer.port);
  const sent = it.client.send(pattern(10));
  assert.equal((await it.client.disconnect())?.files, 1);
  assert.equal((await sent).confirmed, true);
});

Deno.test("S-NOT-1 a notice that comes while a disconnect is out is not taken for its answer", async () => {
  await using peer = new ScriptedPeer(
    async (peer) => {
      await peer.session();
      await peer.transfer();
      await peer.request();
      await peer.notice({ code: "session_expired", notice: true });
    },
    async (peer) => {
      await peer.resumed(1);
      await peer.stored(await peer.transfer());
      await peer.idle();
    },
  );
  await using it = await watched(peer.port);
  const sent = it.client.send(pattern(10));
  await it.client.disconnect();
  assert.equal((await sent).confirmed, true);
  assert.ok(it.events.all.some(({ type }) => type === "notice"));
});

Deno.test("S-SEQ-2 S-DIS-3 a file that used its number up and was not stored is sent in another session", async () => {
  await using peer = new ScriptedPeer(
    async (peer) => {
      await peer.session();
      const sent = [await peer.transfer(), await peer.request()];
      await peer.reply(sent[0]!, { code: "busy" });
      await peer.reply(sent[1]!, { code: "sequence_gap", expected: 1 });
      const again = [await peer.transfer(), await peer.request()];
      await peer.reply(again[0]!, { code: "checksum_mismatch" });
      await peer.reply(again[1]!, { code: "session_closed", files: 0 });
      await peer.finish();
    },
    async (peer) => {
      const connect = await peer.request();
      await peer.reply(connect, { code: "session_expired", state: "closed" }, SESSION_ID);
      await peer.rest();
    },
    async (peer) => {
      await peer.session({}, crypto.randomUUID());
      await peer.stored(await peer.transfer());
      await peer.idle();
    },
  );
  await using it = await watched(peer.port);
  const sent = it.client.send(pattern(10));
  await it.client.disconnect();
  assert.equal((await sent).confirmed, true);
});

Deno.test("S-DIS-3 S-TRF-9 a file whose answer was lost with that to the disconnect is asked for in a new session", async () => {
  await using peer = new ScriptedPeer(
    async (peer) => {
      await peer.session();
      await peer.transfer();
      await peer.request();
    },
    async (peer) => {
      const connect = await peer.request();
      assert.equal(connect.frame.header.session.id, SESSION_ID);
      await peer.reply(connect, { code: "session_expired", state: "closed" }, SESSION_ID);
      await peer.rest();
    },
    async (peer) => {
      await peer.session({}, crypto.randomUUID());
      await peer.stored(await peer.transfer(), { replayed: true });
      await peer.idle();
    },
  );
  await using it = await watched(peer.port);
  const sent = it.client.send(pattern(10));
  await it.client.disconnect();
  assert.equal((await sent).replayed, true);
});
