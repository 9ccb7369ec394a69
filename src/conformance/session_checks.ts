/** Checks of sessions (S-CON, S-SEQ, S-TRF, S-TAKE, S-DIS). @module */
import { type Check, expect, expectCode, NotOffered, type ServerUnderTest } from "./check.ts";
import { type Answer, frame, type Json, type ProbeClient } from "./probe_client.ts";

const UUID4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Ends a session, if it can still be resumed. */
async function leave(target: ServerUnderTest, id: string | null, token: string): Promise<void> {
  const peer = await target.open();
  const { data } = await peer.connect({ token }, id);
  if (data.code !== "session_resumed") return;
  await peer.ask({ action: "disconnect", mode: "stateful", id, sequence: data.next_sequence });
}

/** A connect and what is sent behind it at once: a file and a disconnect, in the session that it opens. */
async function goAhead(target: ServerUnderTest, { features }: Json, id: string | null) {
  if (!features?.includes("early")) throw new NotOffered("early is not offered");
  const peer = await target.open();
  const connect = frame({ action: "connect", mode: "stateful", sequence: 0, id, data: {} });
  const file = frame({ mode: "stateful", sequence: 1, payload: "early" });
  await peer.send(connect + file + frame({ action: "disconnect", mode: "stateful", sequence: 2 }));
  return [await peer.answer(), await peer.answer(), await peer.answer()] as const;
}

/** Makes a check that runs in a session of its own, and ends it, because a server has room for few. */
const check = (
  rule: string,
  promise: string,
  run: (peer: ProbeClient, created: Answer, target: ServerUnderTest) => Promise<string>,
): Check => ({
  rule,
  promise,
  stateful: true,
  run: async (target) => {
    const peer = await target.open();
    const created = await peer.connect({ want_token: true });
    expectCode(created, "session_created");
    try {
      return await run(peer, created, target);
    } finally {
      await leave(target, peer.id, created.data.token);
    }
  },
});

/** The checks, in the order of the contract. */
export const SESSION_CHECKS: readonly Check[] = [
  check("S-CON-1", "a new session has a UUIDv4 and, if asked, a secret", (peer, { data }) => {
    expect(UUID4.test(peer.id ?? ""), `id ${peer.id}`);
    expect(String(data.token).length >= 43, "no secret of 256 bits");
    return Promise.resolve("both");
  }),
  check("S-CON-6", "the terms are stated", (_, { data }) => {
    const wanted = "keepalive_s session_expiry_s max_inflight limits server challenge";
    const missing = wanted.split(" ").filter((name) => data[name] === undefined);
    expect(missing.length === 0, `without ${missing.join(", ")}`);
    const offered = data.max_unanswered_bytes;
    const isMore = Number.isSafeInteger(offered) && offered >= 8 * 1024 * 1024;
    expect(offered === undefined || isMore, `max_unanswered_bytes ${offered}, under 8 MiB`);
    return Promise.resolve(`max_inflight ${data.max_inflight}, keepalive ${data.keepalive_s} s`);
  }),
  check("S-CON-4", "an id nobody made is unknown", async (_peer, _created, target) => {
    const peer = await target.open();
    return expectCode(await peer.connect({}, crypto.randomUUID()), "session_unknown");
  }),
  check(
    "S-CON-5",
    "a wrong secret is refused, and the session goes on",
    async (peer, _, target) => {
      const thief = await target.open();
      const answer = await thief.connect({ token: "A".repeat(43) }, peer.id);
      const seen = expectCode(answer, "unauthorized");
      return `${seen}, then ${expectCode(await peer.put(1, "x"), "ok")}`;
    },
  ),
  check(
    "S-CON-7",
    "a second connect is refused",
    async (peer) => expectCode(await peer.connect(), "protocol_error"),
  ),
  check("S-CON-7", "a transfer before connect is refused", async (peer, _, target) => {
    const other = await target.open();
    const { id } = peer;
    return expectCode(await other.ask({ mode: "stateful", id, payload: "x" }), "not_connected");
  }),
  check("S-CON-9", "frames behind a connect mean its session", async (_peer, { data }, target) => {
    const [connect, file, end] = await goAhead(target, data, null);
    expectCode(connect, "session_created");
    expect(file.header.session?.id === null, `a reply with the id ${file.header.session?.id}`);
    return `${expectCode(file, "ok")}, ${expectCode(end, "session_closed")}`;
  }),
  check("S-CON-9", "a refused connect refuses those behind it", async (_peer, { data }, target) => {
    const answers = await goAhead(target, data, crypto.randomUUID());
    return answers.map((answer) => expectCode(answer, "session_unknown")).join(", ");
  }),
  check("S-SEQ-1", "the same frame again is answered from memory", async (peer) => {
    const first = await peer.put(1, "x");
    const again = await peer.put(1, "x");
    const seen = expectCode(again, "ok", { replayed: true });
    expect(first.data.file?.path === again.data.file?.path, "another file");
    return seen;
  }),
  check("S-SEQ-1", "another frame under a used number is refused", async (peer) => {
    expectCode(await peer.put(1, "x"), "ok");
    return expectCode(await peer.put(1, "xy"), "sequence_reuse");
  }),
  check(
    "S-SEQ-4",
    "a gap is told, with the number expected",
    async (peer) => expectCode(await peer.put(3, "x"), "sequence_gap", { expected: 1 }),
  ),
  check("S-SEQ-2", "a refused frame uses up no number", async (peer) => {
    expectCode(await peer.put(1, "x", { offset: 5, length: 6 }), "offset_mismatch", { offset: 0 });
    return `offset_mismatch, then ${
      expectCode(await peer.put(1, "x"), "ok")
    } under the same number`;
  }),
  check("S-SEQ-3", "a heartbeat uses up no number", async (peer) => {
    const seen = expectCode(
      await peer.ask({ action: "heartbeat", mode: "stateful", id: peer.id, sequence: 0 }),
      "pong",
    );
    return `${seen}, then ${expectCode(await peer.put(1, "x"), "ok")}`;
  }),
  check(
    "S-TRF-2",
    "more bytes than announced are refused",
    async (peer) => expectCode(await peer.put(1, "xyz", { length: 2 }), "length_mismatch"),
  ),
  check("S-TRF-1", "a file may come in several frames", async (peer) => {
    expectCode(await peer.put(1, "hel", { complete: false }), "partial");
    const answer = await peer.put(2, "lo", { offset: 3, length: 5 });
    const seen = expectCode(answer, "ok");
    expect(answer.data.file?.size === 5, `a file of ${answer.data.file?.size} bytes`);
    return `partial, then ${seen}: 5 bytes`;
  }),
  check("S-TRF-4", "what a cut connection has sent is kept", async (peer, { data }, target) => {
    const { id } = peer;
    const parts = { mode: "stateful", id, sequence: 1, data: { length: 5 } };
    await peer.send(frame({ ...parts, payload: "hel", size: 5 }));
    await peer.halfClose();
    await peer.untilEnd();
    const next = await target.open();
    const back = await next.connect({ token: data.token }, id);
    expectCode(back, "session_resumed", { next_sequence: 1 });
    const offset = back.data.upload?.offset;
    expect(offset === 3, `offset ${offset} of the 3 bytes sent`);
    return `offset 3, then ${expectCode(await next.put(1, "lo", { offset: 3, length: 5 }), "ok")}`;
  }),
  check("S-TAKE-3", "who is taken over is told within 250 ms", async (peer, { data }, target) => {
    const taker = await target.open();
    const startedAt = performance.now();
    const [resumed, notice] = await Promise.all([
      taker.connect({ token: data.token }, peer.id),
      peer.answer().then((answer) => ({ answer, ms: performance.now() - startedAt })),
    ]);
    expectCode(resumed, "session_resumed");
    const seen = expectCode(notice.answer, "session_taken_over");
    // The server has 250 ms; the other 250 ms are for the network.
    expect(notice.ms < 500, `${seen} after ${Math.round(notice.ms)} ms`);
    return `${seen} after ${Math.round(notice.ms)} ms`;
  }),
  check(
    "S-DIS-1",
    "disconnect answers with the totals, and ends the session",
    async (peer, { data }, target) => {
      expectCode(await peer.put(1, "hello"), "ok");
      const { id } = peer;
      const end = await peer.ask({ action: "disconnect", mode: "stateful", id, sequence: 2 });
      expectCode(end, "session_closed");
      const late = await target.open();
      const again = await late.connect({ token: data.token }, id);
      return `session_closed, then ${expectCode(again, "session_expired", { state: "closed" })}`;
    },
  ),
];
