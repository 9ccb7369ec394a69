import assert from "node:assert/strict";
import { listFiles } from "../helpers/files.ts";
import { RawPeer } from "../helpers/raw_peer.ts";
import { assertStores, serving, until } from "../helpers/serving.ts";
import { session } from "../helpers/sessions.ts";

const MIB = 1 << 20;

const brief = serving("short expiry", {
  set: { "stateful.session_timeout": 0.3, "stateful.partial_timeout": 0.3 },
});

brief(
  "S-CLK-1 a session detached past its expiry is session_expired, its partial file removed",
  async (server) => {
    const peer = await session(server);
    await peer.upload("abc", { complete: false });
    peer.close();
    await new Promise((resolve) => setTimeout(resolve, 600));
    using late = await RawPeer.open(server);
    const { data } = await late.connect({}, peer.id);
    assert.equal(data.code, "session_expired");
    assert.equal(data.state, "expired");
    await until(
      async () => !(await listFiles(server.storage)).some((path) => path.includes(peer.id!)),
      "the partial file is removed",
    );
  },
);

brief("expiry runs from detach only: an attached session does not expire", async (server) => {
  using peer = await session(server);
  await new Promise((resolve) => setTimeout(resolve, 700));
  assert.equal((await peer.upload("still attached")).data.code, "ok");
});

const small = serving("limits", {
  set: {
    "stateful.max_sessions": 1,
    "stateful.max_upload_size": 100,
    "limits.session_quota": 250,
  },
});

small(
  "S-DEG-1 over max_sessions connect is refused, or falls back if the client asked",
  async (server) => {
    using only = await session(server);
    using other = await RawPeer.open(server);
    const refused = await other.connect();
    assert.equal(refused.data.code, "max_sessions");
    assert.equal(refused.data.class, "retry");
    assert.ok(refused.data.retry_after_ms > 0);
    const { header, data } = await other.connect({ fallback: "stateless" });
    assert.equal(data.code, "ok");
    assert.equal(header.session.mode, "stateless");
    assert.equal(header.session.id, null);
    assert.equal(data.degraded, "max_sessions");
    assert.equal((await other.stateless("served all the same")).data.code, "ok");
    await only.disconnect();
    using next = await session(server);
    await next.disconnect();
  },
);

small(
  "S-TRF-2 over max_upload_size or the quota nothing is read, and the sequence stays",
  async (server) => {
    using peer = await session(server);
    const large = await peer.upload("x", { length: 101, complete: false });
    assert.equal(large.data.code, "too_large");
    const text = "x".repeat(100);
    await peer.upload(text, {}, { sequence: 1 });
    await peer.upload(text, {}, { sequence: 2 });
    const { data } = await peer.upload(text, {}, { sequence: 3 });
    assert.equal(data.code, "quota_exceeded");
    assert.equal(data.class, "fatal");
    assert.equal((await peer.upload("room", {}, { sequence: 3 })).data.code, "ok");
    await peer.disconnect(4);
  },
);

const budget = serving("budget", { set: { "storage.budget": 10 * MIB } });

budget(
  "S-TRF-3 of three uploads that declare 60 % of what is free, one is admitted",
  async (server) => {
    const size = 6 * MIB;
    const peers = await Promise.all([1, 2, 3].map(() => session(server)));
    // Declared, but not sent: admission is by what is declared.
    for (const peer of peers) await peer.send(peer.transfer("", { length: size }, { size }));
    const waiting = peers.map((peer) =>
      peer.reply(1000).then(({ data }) => data.code, () => "admitted")
    );
    const codes = await Promise.all(waiting);
    assert.deepEqual(codes.sort(), ["admitted", "storage_full", "storage_full"]);
    for (const peer of peers) peer.close();
  },
);

const onlyStateless = serving("mode stateless", { args: ["--mode", "stateless"] });

onlyStateless("connect is mode_not_allowed, or falls back if the client asked", async (server) => {
  using peer = await RawPeer.open(server);
  assert.equal((await peer.connect()).data.code, "mode_not_allowed");
  using other = await RawPeer.open(server);
  const { header, data } = await other.connect({ fallback: "stateless" });
  assert.equal(data.code, "ok");
  assert.equal(data.degraded, "mode_not_allowed");
  assert.equal(header.session.mode, "stateless");
  assert.equal((await other.stateless("served")).data.code, "ok");
});

const onlyStateful = serving("mode stateful", { args: ["--mode", "stateful"] });

onlyStateful("a stateless transfer is mode_not_allowed, a session is served", async (server) => {
  await assertStores(server, 1, async () => {
    using peer = await RawPeer.open(server);
    assert.equal((await peer.stateless("alone")).data.code, "mode_not_allowed");
    using other = await session(server);
    assert.equal((await other.upload("in a session")).data.code, "ok");
  });
});

const rated = serving("rate limits", {
  set: { "limits.rate.sessions_per_minute": 3, "limits.rate": "on" },
});

rated(
  "session creations of one address are limited, and stateless uploads are not",
  async (server) => {
    const peers = await Promise.all([1, 2, 3].map(() => session(server)));
    using late = await RawPeer.open(server);
    const { data } = await late.connect();
    assert.equal(data.code, "rate_limited");
    assert.equal(data.class, "retry");
    assert.ok(data.retry_after_ms > 0);
    assert.equal((await late.stateless("not limited")).data.code, "ok");
    for (const peer of peers) peer.close();
  },
);
