import assert from "node:assert/strict";
import { listFiles, listStored, readManifest, sha256 } from "../helpers/files.ts";
import { FaultProxy } from "../helpers/fault_proxy.ts";
import { Random } from "../helpers/random.ts";
import { utf8 } from "../helpers/raw_frame.ts";
import { RawPeer } from "../helpers/raw_peer.ts";
import { assertAlive, assertStores, serving, TIERS, until } from "../helpers/serving.ts";
import { assertStored, resume, session } from "../helpers/sessions.ts";

const MIB = 1 << 20;
const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

for (const [tier, flags] of TIERS) {
  const test = serving(`stateful, tier ${tier}`, {
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
    assert.equal(data.max_inflight, 16);
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
    assert.deepEqual(data.server.versions, ["2.0", "1.0"]);
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

  test("a file is named session_<id>/file_<sequence>_<timestamp>.<ext>", async (server) => {
    using peer = await session(server);
    const { header, data } = await peer.upload("hello", { name: "a.txt" }, { mime: "text/plain" });
    await assertStored(server, data, utf8("hello"));
    assert.equal(header.session.sequence, 1);
    assert.equal(header.session.id, peer.id);
    assert.match(data.file.path, new RegExp(`^session_${peer.id}/file_1_[0-9A-Za-z_.-]+\\.txt$`));
    const manifest = await readManifest(server.storage);
    assert.ok(
      manifest.some(({ path, sha256 }) => path === data.file.path && sha256 === data.file.sha256),
    );
  });

  test("files of 0 bytes and of max_request_size are stored", async (server) => {
    using peer = await session(server);
    await assertStored(server, (await peer.upload("")).data, new Uint8Array());
    const large = new Random(1).bytes(10 * MIB);
    await assertStored(server, (await peer.upload(large)).data, large);
    assert.equal((await peer.upload("", { length: 0 })).data.code, "ok");
  });

  test("40 pipelined transfers get 40 replies in order", async (server) => {
    await assertStores(server, 40, async () => {
      const random = new Random(41);
      using peer = await session(server);
      const payloads = Array.from({ length: 40 }, () => random.bytes(random.int(0, 100_000)));
      const sent = peer.send(...payloads.map((payload) => peer.transfer(payload)));
      for (const [i, payload] of payloads.entries()) {
        const { header, data } = await peer.reply();
        assert.equal(header.session.sequence, i + 1);
        await assertStored(server, data, payload);
      }
      await sent;
    });
  });

  test("a file larger than max_request_size comes in several frames", async (server) => {
    await assertStores(server, 1, async () => {
      using peer = await session(server);
      const bytes = new Random(25).bytes(25 * MIB);
      for (let offset = 0; offset < 20 * MIB; offset += 10 * MIB) {
        const { data } = await peer.upload(bytes.subarray(offset, offset + 10 * MIB), {
          offset,
          length: bytes.length,
          complete: false,
        });
        assert.equal(data.code, "partial");
        assert.equal(data.offset, offset + 10 * MIB);
      }
      const { data } = await peer.upload(bytes.subarray(20 * MIB), {
        offset: 20 * MIB,
        length: bytes.length,
        sha256: sha256(bytes),
      });
      await assertStored(server, data, bytes);
      assert.match(data.file.path, /\/file_[13]_/);
    });
  });

  test("a file of unknown length comes in frames without length", async (server) => {
    using peer = await session(server);
    for (const [offset, text] of [[0, "from "], [5, "stdin "]] as const) {
      const { data } = await peer.upload(text, { offset, complete: false });
      assert.equal(data.code, "partial");
    }
    const { data } = await peer.upload("at last", { offset: 11, complete: true });
    await assertStored(server, data, utf8("from stdin at last"));
  });

  test("S-TRF-1 S-SEQ-2 a wrong offset is refused with the right one and consumes nothing", async (server) => {
    using peer = await session(server);
    await peer.upload("abcde", { complete: false, length: 10 });
    for (const offset of [0, 4, 6]) {
      const { data } = await peer.upload("x", { offset, length: 10, complete: false }, {
        sequence: 2,
      });
      assert.equal(data.code, "offset_mismatch");
      assert.equal(data.class, "resync");
      assert.equal(data.offset, 5);
    }
    const { data } = await peer.upload("fghij", { offset: 5, length: 10 }, { sequence: 2 });
    await assertStored(server, data, utf8("abcdefghij"));
  });

  test("S-TRF-2 a length that changes or is exceeded is length_mismatch, before the payload", async (server) => {
    using peer = await session(server);
    assert.equal((await peer.upload("abc", { length: 2 })).data.code, "length_mismatch");
    await peer.upload("abcde", { length: 10, complete: false }, { sequence: 1 });
    const parts = { sequence: 2 };
    const changed = await peer.upload("fghij", { offset: 5, length: 11, complete: false }, parts);
    assert.equal(changed.data.code, "length_mismatch");
    const over = await peer.upload("fghijk", { offset: 5, length: 10, complete: false }, parts);
    assert.equal(over.data.code, "length_mismatch");
    await assertStored(
      server,
      (await peer.upload("fghij", { offset: 5, length: 10 }, parts)).data,
      utf8("abcdefghij"),
    );
  });

  test("S-TRF-5 a wrong sha256 publishes nothing, for one frame and for several", async (server) => {
    await assertStores(server, 0, async () => {
      using peer = await session(server);
      const wrong = sha256(utf8("other"));
      assert.equal((await peer.upload("bytes", { sha256: wrong })).data.code, "checksum_mismatch");
      await peer.upload("by", { complete: false });
      const { data } = await peer.upload("tes", { offset: 2, sha256: wrong });
      assert.equal(data.code, "checksum_mismatch");
    });
  });

  test("S-TRF-8 a refused payload is read away and the session goes on", async (server) => {
    using peer = await session(server);
    const [{ data }] = await Promise.all([
      peer.reply(),
      peer.send(peer.transfer(new Uint8Array(32 * MIB))),
    ]);
    assert.equal(data.code, "too_large");
    assert.equal((await peer.upload("same number", {}, { sequence: 1 })).data.code, "ok");
  });

  test("cancel drops the partial file", async (server) => {
    await assertStores(server, 1, async () => {
      using peer = await session(server);
      await peer.upload("abcde", { complete: false, length: 10 });
      const { data } = await peer.upload("", { cancel: true });
      assert.equal(data.class, "success");
      await assertStored(server, (await peer.upload("new")).data, utf8("new"));
    });
  });

  test("S-CON-2 S-TRF-4 a cut upload resumes on a new connection at the stated offset", async (server) => {
    await assertStores(server, 1, async () => {
      const bytes = new Random(8).bytes(6 * MIB);
      const uploadId = crypto.randomUUID();
      const terms = { length: bytes.length, upload_id: uploadId, sha256: sha256(bytes) };
      const first = await session(server);
      await first.send(first.transfer(bytes.subarray(0, 4 * MIB), terms, { size: 6 * MIB }));
      first.close();

      using second = await RawPeer.open(server);
      const { data } = await second.connect({}, first.id);
      assert.equal(data.code, "session_resumed");
      assert.equal(data.next_sequence, 1);
      assert.equal(data.upload.sequence, 1);
      assert.equal(data.upload.length, bytes.length);
      assert.equal(data.upload.upload_id, uploadId);
      const { offset } = data.upload;
      assert.ok(offset <= 4 * MIB, "no more than was sent");
      const done = await second.upload(bytes.subarray(offset), { ...terms, offset });
      await assertStored(server, done.data, bytes);
    });
  });

  test("S-TRF-4 everything that arrived before an orderly end is kept", async (server) => {
    const bytes = new Random(9).bytes(3 * MIB);
    using first = await session(server);
    await first.send(first.transfer(bytes.subarray(0, 1_234_567), {}, { size: bytes.length }));
    await first.halfClose();
    const [incomplete, ...more] = await first.replies();
    assert.equal(incomplete?.data.code, "incomplete");
    assert.equal(incomplete?.data.offset, 1_234_567);
    assert.deepEqual(more, []);

    const { peer, upload } = await resume(server, first.id);
    using second = peer;
    assert.equal(upload?.offset, 1_234_567);
    const done = await second.upload(bytes.subarray(1_234_567), { offset: 1_234_567 });
    await assertStored(server, done.data, bytes);
  });

  test("S-TRF-4 a reported offset never goes down over many cuts", async (server) => {
    const random = new Random(77);
    const bytes = random.bytes(2 * MIB);
    const first = await session(server);
    const { id } = first;
    first.close();
    for (let offset = 0, cuts = 0;; cuts++) {
      const { peer, upload } = await resume(server, id);
      using _ = peer;
      assert.ok((upload?.offset ?? 0) >= offset, "the offset went down");
      offset = upload?.offset ?? 0;
      if (cuts === 20) {
        await assertStored(
          server,
          (await peer.upload(bytes.subarray(offset), { offset })).data,
          bytes,
        );
        break;
      }
      const end = Math.min(bytes.length - 1, offset + random.int(0, 100_000));
      await peer.send(
        peer.transfer(bytes.subarray(offset, end), { offset }, { size: bytes.length - offset }),
      );
      await peer.halfClose();
      assert.equal((await peer.reply()).data.offset, end);
      offset = end;
    }
  });

  test("S-CON-2 a resumed session without a partial file says upload: null", async (server) => {
    const first = await session(server);
    await first.upload("whole");
    first.close();
    const { peer, upload, reply } = await resume(server, first.id);
    using _ = peer;
    assert.equal(upload, null);
    assert.equal(reply.data.next_sequence, 2);
    assert.equal((await peer.upload("goes on")).data.code, "ok");
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

  test("S-SEQ-3 heartbeat answers pong and consumes nothing", async (server) => {
    using peer = await session(server);
    assert.equal((await peer.heartbeat()).data.code, "pong");
    assert.equal((await peer.upload("one")).data.code, "ok");
    const { header, data } = await peer.heartbeat();
    assert.equal(data.code, "pong");
    assert.equal(header.session.sequence, 1);
    assert.equal((await peer.upload("two")).header.session.sequence, 2);
  });

  test("S-DIS-1 disconnect states the totals, and the session is closed", async (server) => {
    using peer = await session(server);
    await peer.upload("12345");
    await peer.upload("678");
    const { data } = await peer.disconnect();
    assert.equal(data.code, "session_closed");
    assert.equal(data.files, 2);
    assert.equal(data.bytes, 8);
    assert.equal(await peer.rest(), "", "S-DIS-2: then the server closes");
    using late = await RawPeer.open(server);
    const again = await late.connect({}, peer.id);
    assert.equal(again.data.code, "session_expired");
    assert.equal(again.data.state, "closed");
  });

  test("S-TRF-9 an upload_id is answered with its first result after the session is lost too", async (server) => {
    await assertStores(server, 1, async () => {
      const terms = { upload_id: crypto.randomUUID(), sha256: sha256(utf8("once")) };
      using peer = await session(server);
      const first = await peer.upload("once", terms);
      using other = await session(server);
      const again = await other.upload("once", terms);
      assert.equal(again.data.code, "ok");
      assert.equal(again.data.replayed, true);
      assert.deepEqual(again.data.file, first.data.file);
      // And after a fallback: the same upload as a stateless one.
      using alone = await RawPeer.open(server);
      const third = await alone.stateless("once", terms);
      assert.equal(third.data.replayed, true);
      assert.deepEqual(third.data.file, first.data.file);
    });
  });

  test("stateless frames are served beside sessions", async (server) => {
    using peer = await session(server);
    const { data } = await peer.stateless("beside");
    assert.equal(data.code, "ok");
    assert.match(data.file.path, /^received_/);
    assert.equal((await peer.upload("inside")).data.code, "ok");
  });

  test("the manifest lists every file that stands under a final name", async (server) => {
    const listed = (await readManifest(server.storage)).map(({ path }) => path).sort();
    if (tier === "W") {
      // In tier W a partial file has its final name already; its mode tells it apart.
      const stored = await listStored(server.storage);
      for (const path of stored.filter((path) => !listed.includes(path))) {
        assert.equal((await Deno.stat(`${server.storage}/${path}`)).mode! & 0o777, 0o200, path);
      }
    } else {
      assert.deepEqual(await listStored(server.storage), listed);
    }
    await assertAlive(server);
  });
}

const brief = serving("short expiry", { set: { "stateful.session_timeout": 0.3 } });

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
