import assert from "node:assert/strict";
import { listFiles } from "../helpers/files.ts";
import { FaultProxy } from "../helpers/fault_proxy.ts";
import { RawPeer } from "../helpers/raw_peer.ts";
import { serving, TIERS, until } from "../helpers/serving.ts";
import { resume, session } from "../helpers/sessions.ts";

const MIB = 1 << 20;
const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

for (const [tier, flags] of TIERS) {
  const test = serving(`connect, tier ${tier}`, {
    flags,
    set: { "stateful.max_sessions": 1000 },
  });

  test("S-CON-1 connect without an id makes a session under a UUIDv4", async (server) => {
    using peer = await RawPeer.open(server);
    const { header, data } = await peer.connect();
    assert.equal(data.code, "session_created");
    assert.equal(data.class, "success");
    assert.match(header.session.id, UUID_V4);
    assert.equal(header.session.mode, "stateful");
    assert.equal(header.session.action, "connect");
    assert.equal(data.token, undefined, "no secret unless it is asked for");
  });

  test("S-CON-6 the reply to connect states the server's terms", async (server) => {
    using peer = await RawPeer.open(server);
    const { data } = await peer.connect();
    assert.equal(data.keepalive_s, 30);
    assert.equal(data.session_expiry_s, 300);
    assert.equal(data.max_inflight, 256);
    assert.deepEqual(Object.keys(data.limits).sort(), [
      "checkpoint_bytes",
      "max_header",
      "max_request_size",
      "max_session_data",
      "max_upload_size",
    ]);
    assert.equal(data.limits.max_header, 16384);
    assert.equal(data.limits.max_request_size, 10 * MIB);
    assert.equal(data.server.tier, tier === "binary" ? "RW" : tier);
    assert.equal(data.server.durability, "process");
    assert.deepEqual(data.server.versions, ["2.1", "2.0", "1.0"]);
    assert.equal(typeof data.server.instance, "string");
    assert.match(data.challenge, /^[A-Za-z0-9_-]{43}$/, "32 bytes in base64url");
  });

  test("S-CON-6 a client may ask for a shorter keep-alive and expiry, not for longer ones", async (server) => {
    using peer = await RawPeer.open(server);
    const less = await peer.connect({ keepalive_s: 5, session_expiry_s: 60 });
    assert.deepEqual([less.data.keepalive_s, less.data.session_expiry_s], [5, 60]);
    using other = await RawPeer.open(server);
    const more = await other.connect({ keepalive_s: 5000, session_expiry_s: 60_000 });
    assert.deepEqual([more.data.keepalive_s, more.data.session_expiry_s], [30, 300]);
  });

  test("S-CON-7 a second connect on a connection is protocol_error", async (server) => {
    using peer = await session(server);
    const { data } = await peer.connect({}, peer.id);
    assert.equal(data.code, "protocol_error");
    assert.equal(await peer.rest(), "", "S-VER-6: and the connection ends");
  });

  test("a frame that names another session than the attached one is refused", async (server) => {
    using one = await session(server);
    using two = await session(server);
    const { data } = await one.upload("x", undefined, { id: two.id });
    assert.equal(data.class === "success", false, data.code);
  });

  test("S-CON-1 S-CON-5 a session with a token is re-attached with it alone", async (server) => {
    using holder = await RawPeer.open(server);
    const { token } = (await holder.connect({ want_token: true })).data;
    assert.match(token, /^[A-Za-z0-9_-]{43}$/, "256 bits in base64url");
    for (const data of [{}, { token: "wrong" }, { token: token.slice(0, -1) + "?" }]) {
      using stranger = await RawPeer.open(server);
      const reply = await stranger.connect(data, holder.id);
      assert.equal(reply.data.code, "unauthorized");
      assert.equal(reply.data.class, "fatal");
    }
    // S-TAKE-1: the attached connection was not disturbed.
    assert.equal((await holder.upload("undisturbed")).data.code, "ok");
    holder.close();
    const { peer } = await resume(server, holder.id, { token });
    peer.close();
    assert.ok(!server.output().includes(token), "a secret is never logged");
    assert.ok(!server.output().includes(holder.id!), "a session id is logged in short");
  });

  if (Deno.build.os === "linux") {
    test("S-CON-5 without a token another address is unauthorized", async (server) => {
      using holder = await session(server);
      await using proxy = await FaultProxy.listen({
        target: { hostname: "127.0.0.1", port: server.port, localAddress: "127.0.0.2" },
      });
      using stranger = await RawPeer.open(proxy);
      assert.equal((await stranger.connect({}, holder.id)).data.code, "unauthorized");
      assert.equal((await holder.heartbeat()).data.code, "pong");
    });
  }

  test("S-CON-3 clean closes the old session and makes one under a new id", async (server) => {
    const first = await session(server);
    await first.upload("abc", { complete: false });
    first.close();
    using second = await RawPeer.open(server);
    const { header, data } = await second.connect({ clean: true }, first.id);
    assert.equal(data.code, "session_created");
    assert.notEqual(header.session.id, first.id);
    using third = await RawPeer.open(server);
    const gone = await third.connect({}, first.id);
    assert.equal(gone.data.code, "session_expired");
    assert.equal(gone.data.state, "closed");
    await until(
      async () => !(await listFiles(server.storage)).some((path) => path.includes(first.id!)),
      "the partial file of the old session is removed",
    );
  });

  const IDS: Readonly<Record<string, unknown>> = {
    "a random UUIDv4": crypto.randomUUID(),
    "a path": "../../etc/passwd",
    "300 characters": "a".repeat(300),
    "an upper-case UUID": "6F9619FF-8B86-4D01-B42D-00CF4FC964FF",
    "a v1 UUID": "c232ab00-9414-11ec-b3c8-9f6bdeced846",
    "a number": 17,
    "an empty text": "",
  };
  for (const [what, id] of Object.entries(IDS)) {
    test(`S-CON-4 connect with ${what} as id is refused and makes nothing`, async (server) => {
      const before = await listFiles(server.cwd);
      using peer = await RawPeer.open(server);
      const { data } = await peer.connect({}, id as string);
      assert.match(data.code, /^(session_unknown|invalid_field)$/);
      assert.deepEqual(await listFiles(server.cwd), before);
    });
  }
}
