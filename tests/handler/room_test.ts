import assert from "node:assert/strict";
import { createSession, detach } from "../../src/session/mod.ts";
import { MemorySessionStore, SqliteSessionStore } from "../../src/store/mod.ts";
import { expectCode, InProcess, type InProcessOptions } from "../helpers/in_process.ts";
import { proxyFrom } from "../helpers/proxy_header.ts";
import type { RawPeer } from "../helpers/raw_peer.ts";
import { TempDir } from "../helpers/temp.ts";

const ADDRESS = "203.0.113.5";

const PROXY = { versions: "any", allow: ["127.0.0.1"] } as const;

/** A server whose clients come from any address they like. */
const start = (maxSessions: number, options: InProcessOptions = {}) =>
  InProcess.start({ proxy: PROXY, stateful: { maxSessions }, ...options });

async function from(run: InProcess, address: string): Promise<RawPeer> {
  const peer = await run.open();
  const v6 = address.includes(":");
  await peer.send(v6 ? `PROXY TCP6 ${address} ::1 1000 2000\r\n` : proxyFrom(address));
  return peer;
}

/** A session of this address that nobody is attached to; with a file begun if asked for. */
async function detached(run: InProcess, address: string, begun = false): Promise<string> {
  const before = run.server.connections;
  const peer = await from(run, address);
  expectCode(await peer.connect(), "session_created");
  if (begun) expectCode(await peer.upload("part", { complete: false }), "partial");
  peer.close();
  await run.idle(before);
  run.shiftMs += 10; // the next one is detached later
  return peer.id!;
}

const states = (run: InProcess, ...ids: string[]) =>
  Promise.all(ids.map(async (id) => (await run.record(id)).state));

Deno.test("at max_sessions the oldest detached session goes, of the address that has the most", async () => {
  await using run = await start(5);
  const few = await detached(run, "203.0.113.5");
  const begun = await detached(run, "203.0.113.6", true);
  const first = await detached(run, "203.0.113.6");
  const second = await detached(run, "203.0.113.6");
  using attached = await from(run, "203.0.113.6");
  expectCode(await attached.connect(), "session_created");

  using a = await from(run, "203.0.113.7");
  expectCode(await a.connect(), "session_created");
  assert.deepEqual(await states(run, few, begun, first, second), [
    "detached",
    "detached",
    "expired",
    "detached",
  ]);
  using b = await from(run, "203.0.113.8");
  expectCode(await b.connect(), "session_created");
  assert.deepEqual(await states(run, few, begun, second), ["detached", "detached", "expired"]);
  // Then the one with a file; and the attached one never.
  using c = await from(run, "203.0.113.9");
  expectCode(await c.connect(), "session_created");
  assert.deepEqual(await states(run, few, begun), ["detached", "expired"]);
  assert.deepEqual(Array.from(Deno.readDirSync(`${run.folder}/.incoming`)), []);
  using d = await from(run, "203.0.113.6");
  expectCode(await d.connect(), "max_sessions"); // its own holds as many as the others
  expectCode(await attached.heartbeat(), "pong");

  using back = await from(run, "203.0.113.6");
  const { state } = expectCode(await back.connect({}, begun), "session_expired");
  assert.equal(state, "expired");
});

Deno.test("one address may have all sessions, and makes room for itself", async () => {
  await using run = await start(2);
  const old = await detached(run, "2001:db8:1:2::1");
  const young = await detached(run, "2001:db8:1:2::2");
  using peer = await from(run, "2001:db8:1:2::3");
  expectCode(await peer.connect(), "session_created");
  assert.deepEqual(await states(run, old, young), ["expired", "detached"]);
});

Deno.test("per_address.sessions caps one address, in IPv6 one /64, and no other", async () => {
  await using run = await start(10, { perAddress: { sessions: 1 } });
  using one = await from(run, "2001:db8:1:2::1");
  expectCode(await one.connect(), "session_created");
  using two = await from(run, "2001:db8:1:2:3::1");
  const { retry_after_ms } = expectCode(await two.connect(), "max_sessions");
  assert.ok(retry_after_ms > 0);
  using other = await from(run, "2001:db8:1:3::1");
  expectCode(await other.connect(), "session_created");
  expectCode(await one.disconnect(), "session_closed");
  expectCode(await two.connect(), "session_created");
});

for (const [name, open] of [["memory", undefined], ["sqlite", SqliteSessionStore.open]] as const) {
  Deno.test(`${name}: a newcomer gets a place at once where the store has many more sessions`, async () => {
    await using dir = await TempDir.make();
    await using store = await open?.(dir.join("sessions.db")) ?? new MemorySessionStore();
    for (let i = 0; i < 300; i++) {
      const terms = { now: Date.now() - 1000 + i, clientAddress: "203.0.113.1", instance: "gone" };
      const made = { ...terms, keepaliveMs: 30_000, expiryMs: 300_000, tokenHash: null };
      const record = createSession({ ...made, id: crypto.randomUUID() });
      await store.save(record);
      await store.save(detach(record, terms.now));
    }
    await using run = await start(50, { store });
    using first = await from(run, "203.0.113.2");
    expectCode(await first.connect(), "session_created");
    assert.equal((await store.stats()).live, 50);

    const others = await Promise.all(Array.from({ length: 20 }, async (_, i) => {
      const peer = await from(run, `203.0.113.${10 + i}`);
      expectCode(await peer.connect(), "session_created");
      return peer;
    }));
    assert.equal((await store.stats()).live, 50);
    for (const other of others) other.close();
  });
}

Deno.test("a file that was begun goes for its own address when a session without one would be over", async () => {
  await using run = await start(2);
  const [old, young] = [await detached(run, ADDRESS, true), await detached(run, ADDRESS, true)];
  using peer = await from(run, ADDRESS);
  expectCode(await peer.connect(), "max_sessions");
  run.shiftMs += 300_000;
  expectCode(await peer.connect(), "session_created");
  assert.deepEqual(await states(run, old, young), ["expired", "detached"]);
});
