/** Using up what a server has, from one address and from 200 (S-KEY-3, S-FAIR-2). @module */
import assert from "node:assert/strict";
import { connect } from "../../src/client/mod.ts";
import { MemoryLedger, newKey } from "../../src/keys/mod.ts";
import { proxyFrom } from "../helpers/proxy_header.ts";
import { shownConnect } from "../helpers/shown_connect.ts";
import { line, withUsers } from "../helpers/users.ts";

const ADDRESSES = Array.from({ length: 200 }, (_, n) => `10.0.${n >> 7}.${1 + (n & 127)}`);

/** A server behind a balancer of this machine, which names the address of each client. */
const behindBalancer = {
  proxy: { versions: "v2", allow: ["127.0.0.1"] },
  maxConnections: 500,
} as const;

for (const from of [[ADDRESSES[0]!], ADDRESSES]) {
  const where = from.length === 1 ? "one address" : `${from.length} addresses`;

  Deno.test(`a user has no more sessions than its limit, from ${where}`, async () => {
    await using users = await withUsers([line("alice", { limits: { sessions: 3 } }), line("bob")], {
      ...behindBalancer,
      stateful: { maxSessions: 20 },
    });
    const codes: string[] = [];
    const peers = new DisposableStack();
    using _closed = peers;
    for (let n = 0; n < 200; n++) {
      const peer = peers.use(await users.server.open());
      await peer.send(proxyFrom(from[n % from.length]!));
      await peer.send(shownConnect(users.lines[0]!.key, { mode: "stateful" }));
      codes.push((await peer.reply()).data.code);
    }
    assert.equal(codes.filter((code) => code === "session_created").length, 3);
    assert.equal(codes.filter((code) => code === "max_sessions").length, 197);
    using other = await users.server.open();
    await other.send(
      proxyFrom("10.9.9.9"),
      shownConnect(users.lines[1]!.key, { mode: "stateful" }),
    );
    assert.equal((await other.reply()).data.code, "session_created");
  });

  Deno.test(`a user has no more connections than its limit, from ${where}`, async () => {
    await using users = await withUsers([
      line("alice", { limits: { connections: 5 } }),
      line("bob"),
    ], {
      ...behindBalancer,
    });
    const peers = new DisposableStack();
    using _closed = peers;
    let served = 0;
    for (let n = 0; n < 200; n++) {
      const peer = peers.use(await users.server.open());
      await peer.send(proxyFrom(from[n % from.length]!), shownConnect(users.lines[0]!.key));
      const { data } = await peer.reply();
      if (data.code === "ok") served++;
      else assert.equal(data.code, "too_many_connections");
    }
    assert.equal(served, 5);
    using other = await users.server.open();
    await other.send(proxyFrom("10.9.9.9"), shownConnect(users.lines[1]!.key));
    assert.equal((await other.reply()).data.code, "ok");
  });

  Deno.test(`who has no key makes nothing, however often and from ${where}`, async () => {
    await using users = await withUsers([line("alice")], behindBalancer);
    for (let n = 0; n < 400; n++) {
      using peer = await users.server.open();
      await peer.send(proxyFrom(from[n % from.length]!));
      const { data } = n % 2 === 0
        ? await peer.connect()
        : (await peer.send(shownConnect(newKey(`u${n}`), { mode: "stateful" })),
          await peer.reply());
      assert.equal(data.code, "unauthorized");
    }
    await users.server.assertStored();
    using alice = await users.server.open();
    await alice.send(proxyFrom("10.9.9.9"), shownConnect(users.lines[0]!.key));
    assert.equal((await alice.reply()).data.code, "ok");
  });
}

Deno.test("S-KEY-3 wrong keys take no room in the register of nonces", async () => {
  let taken = 0;
  const ledger = new class extends MemoryLedger {
    override takeNonce(...args: Parameters<MemoryLedger["takeNonce"]>): boolean {
      taken++;
      return super.takeNonce(...args);
    }
  }(0);
  await using users = await withUsers([line("alice")], { security: { ledger } });
  using peer = await users.server.open();
  for (let n = 0; n < 500; n++) {
    const key = n % 2 === 0 ? newKey("alice") : newKey("nobody");
    await peer.send(shownConnect(key));
    assert.equal((await peer.reply()).data.code, "unauthorized");
    await peer.send(shownConnect(users.lines[0]!.key, { time: Date.now() - 400_000 }));
    assert.equal((await peer.reply()).data.code, "clock_skew");
  }
  assert.equal(taken, 0);
});

Deno.test("S-KEY-3 a user who fills the register is told busy, and others are served", async () => {
  const ledger = new MemoryLedger(0);
  const now = Date.now();
  for (let n = 0; n < 100_000; n++) {
    ledger.takeNonce("alice", n.toString(36).padStart(22, "0"), now + 300_000, now);
  }
  await using users = await withUsers([line("alice"), line("bob")], { security: { ledger } });
  using peer = await users.server.open();
  await peer.send(shownConnect(users.lines[0]!.key));
  const { data } = await peer.reply();
  assert.equal(data.code, "busy");
  assert.ok(data.retry_after_ms > 0);
  await using bob = await connect(users.options("bob"));
  assert.ok((await bob.send(new Uint8Array(10))).confirmed);
});

Deno.test("S-KEY-3 a clock that stands still is told by how much it is off", async () => {
  await using users = await withUsers([line("alice")]);
  const [{ key }] = users.lines as [typeof users.lines[0]];
  const frozen = Date.now() - 299_000;
  const ask = async (time: number) => {
    using peer = await users.server.open();
    await peer.send(shownConnect(key, { time }));
    return (await peer.reply()).data;
  };
  // The register of this server began after that time.
  assert.equal((await ask(frozen)).code, "busy");
  const late = await ask(frozen - 2000);
  assert.equal(late.code, "clock_skew");
  assert.ok(Math.abs(late.server_time - Date.now()) < 5000);
  assert.equal((await ask(Date.now())).code, "ok");
});
