import assert from "node:assert/strict";
import net from "node:net";
import { proxied } from "../helpers/fault_proxy.ts";
import { listFiles, listStored, sha256 } from "../helpers/files.ts";
import { Random } from "../helpers/random.ts";
import { concat, frame } from "../helpers/raw_frame.ts";
import { RawPeer } from "../helpers/raw_peer.ts";
import { assertAlive, assertStores, serving, TIERS, until } from "../helpers/serving.ts";
import { assertStored, resume, session } from "../helpers/sessions.ts";
import { TempDir } from "../helpers/temp.ts";

const LINUX = Deno.build.os === "linux";
const MIB = 1 << 20;

for (const [tier, flags] of TIERS) {
  const test = serving(`faults, tier ${tier}`, {
    flags,
    set: { "stateful.max_sessions": 1000, "server.max_connections": 500 },
  });

  const size = 200_000;
  const random = new Random(100);
  const points = [
    0,
    1,
    size / 2,
    size - 1,
    size,
    ...Array.from({ length: 60 }, () => random.int(0, size)),
  ];
  test("S-TRF-4 an upload cut anywhere resumes from the stated offset, nothing lost", async (server) => {
    const bytes = random.bytes(size);
    for (const [i, point] of points.entries()) {
      const kind = (["half-close", "close", "reset"] as const)[i % 3]!;
      const starter = await session(server);
      const terms = { length: size, sha256: sha256(bytes) };
      const whole = starter.transfer(bytes, terms, { sequence: 1 });
      const header = whole.length - size;
      const { id } = starter;
      starter.close();

      const after = connectBytes(id).length + header + point;
      await using net = await proxied(server, () => ({ up: { faults: [{ after, kind }] } }));
      using cut = await RawPeer.open(net.proxy);
      const attached = await cut.connect({}, id);
      assert.equal(attached.data.code, "session_resumed");
      await cut.send(whole).catch(() => {});
      await net.events.wait((event) => event.type === "fault");
      // A half-close is answered: then everything was read, which else a takeover may forestall.
      if (kind === "half-close") await cut.rest();

      const { peer, upload, reply } = await resume(server, id);
      using _ = peer;
      const at = `cut by ${kind} at ${point}`;
      if (reply.data.next_sequence === 2) {
        // All of it had arrived, and only the reply was lost.
        assert.equal(point, size, at);
        const again = await peer.upload(bytes, terms, { sequence: 1 });
        assert.equal(again.data.replayed, true, at);
        await assertStored(server, again.data, bytes);
        continue;
      }
      const offset: number = upload?.offset ?? 0;
      if (kind === "half-close") assert.equal(offset, point, `${at}: everything received is kept`);
      assert.ok(offset <= point, at);
      const rest = await peer.upload(bytes.subarray(offset), { ...terms, offset });
      await assertStored(server, rest.data, bytes);
    }
  });

  test("1,000 resets at random points leave no handle and no error behind", async (server) => {
    await assertAlive(server);
    const handles = LINUX ? await server.openFiles() : 0;
    const connect = connectBytes(null);
    const stateless = frame({ payload: random.bytes(3000) });
    for (let round = 0; round < 20; round++) {
      await Promise.all(Array.from({ length: 50 }, () => {
        const bytes = random.bits() % 2 ? stateless : concat(connect, stateless);
        return sendAndReset(server.port, bytes.subarray(0, random.int(0, bytes.length)));
      }));
    }
    await assertAlive(server);
    if (LINUX) {
      await until(async () => await server.openFiles() <= handles, "every handle is given back");
    }
    // The shared server's end tells whether an error was left uncaught.
  });

  test("S-TRF-6 a stateless upload that is reset leaves nothing in the folder", async (server) => {
    const before = await listFiles(server.storage);
    for (const end of [0, 1, 500_000]) {
      await sendAndReset(server.port, frame({ payload: new Uint8Array(end), size: 5 * MIB }));
    }
    // Some may not have been begun yet: nothing must be there, and go on not being there.
    let calm = 0;
    await until(async () => {
      calm = (await listFiles(server.storage)).length === before.length ? calm + 1 : 0;
      return calm === 20;
    }, "no partial file is left");
  });

  if (Deno.build.os !== "windows" && tier !== "binary") {
    test("a symlink planted as a session's folder is not followed", async (server) => {
      await using outside = await TempDir.make();
      using peer = await session(server);
      await Deno.symlink(outside.path, `${server.storage}/session_${peer.id}`);
      const { data } = await peer.upload("must stay inside");
      assert.deepEqual(await listFiles(outside.path), [], data.code);
      await assertAlive(server);
    });
  }
}

/** The frame that RawPeer.connect sends. */
function connectBytes(id: string | null): Uint8Array {
  return frame({ action: "connect", mode: "stateful", id, data: {} });
}

/** Sends bytes, then resets the connection. */
function sendAndReset(port: number, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    const socket = net.connect({ port, host: "127.0.0.1" });
    socket.on("error", () => {});
    socket.on("close", () => resolve());
    socket.on("connect", () => socket.write(bytes, () => socket.resetAndDestroy()));
  });
}

const brief = serving("short clocks", {
  set: {
    "server.handshake_timeout": 0.5,
    "server.header_timeout": 0.5,
    "stateless.request_timeout": 0.5,
    "stateful.keepalive": 0.4,
    "server.max_connections": 1000,
  },
});

brief(
  "200 silent connections are closed by the handshake clock, others are served meanwhile",
  async (server) => {
    const silent = await Promise.all(Array.from({ length: 200 }, () => RawPeer.open(server)));
    await assertAlive(server);
    for (const peer of silent) {
      const { data } = await peer.reply();
      assert.equal(data.code, "handshake_timeout");
      assert.equal(data.class, "retry");
      assert.equal(await peer.rest(), "");
      peer.close();
    }
    await assertAlive(server);
  },
);

brief(
  "a header that does not end is closed by the header clock, however it trickles",
  async (server) => {
    using peer = await RawPeer.open(server);
    assert.equal((await peer.stateless("first")).data.code, "ok");
    const start = performance.now();
    let ended = false;
    const trickle = (async () => {
      while (!ended) {
        await peer.send("{").catch(() => ended = true);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    })();
    const { data } = await peer.reply();
    ended = true;
    await trickle;
    assert.equal(data.code, "header_timeout");
    assert.ok(performance.now() - start < 3000);
  },
);

brief("a payload that stops is stalled, and the session keeps what arrived", async (server) => {
  using peer = await session(server);
  const bytes = new Random(6).bytes(100_000);
  await peer.send(peer.transfer(bytes.subarray(0, 40_000), {}, { size: bytes.length }));
  const { data } = await peer.reply();
  assert.equal(data.code, "stalled");
  assert.equal(data.class, "retry");
  assert.equal(data.offset, 40_000);
  await peer.rest();
  const { peer: again, upload } = await resume(server, peer.id);
  using _ = again;
  assert.equal(upload?.offset, 40_000);
  await assertStored(
    server,
    (await again.upload(bytes.subarray(40_000), { offset: 40_000 })).data,
    bytes,
  );
});

brief(
  "a silent session is closed at 1.5 keep-alive times with a notice, and is kept",
  async (server) => {
    using peer = await session(server);
    const start = performance.now();
    const { header, data } = await peer.reply();
    const after = performance.now() - start;
    assert.equal(data.code, "keepalive_timeout");
    assert.equal(header.session.action, "disconnect");
    assert.ok(after >= 550 && after < 3000, `${after} ms`);
    assert.equal(await peer.rest(), "");
    const { peer: again } = await resume(server, peer.id);
    again.close();
  },
);

brief("a long payload without heartbeats is not killed by the keep-alive clock", async (server) => {
  using peer = await session(server);
  const bytes = new Random(7).bytes(100_000);
  const whole = peer.transfer(bytes);
  const step = Math.ceil(whole.length / 10);
  for (let at = 0; at < whole.length; at += step) {
    await peer.send(whole.subarray(at, at + step));
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await assertStored(server, (await peer.reply()).data, bytes);
});

const few = serving("few connections", { set: { "server.max_connections": 5 } });

few(
  "over max_connections a connection is told too_many_connections, then closed",
  async (server) => {
    const peers = await Promise.all(Array.from({ length: 5 }, () => RawPeer.open(server)));
    for (const peer of peers) assert.equal((await peer.stateless("in")).data.code, "ok");
    using late = await RawPeer.open(server);
    const { data } = await late.reply();
    assert.equal(data.code, "too_many_connections");
    assert.equal(data.class, "retry");
    assert.equal(await late.rest(), "");
    for (const peer of peers) peer.close();
    await until(async () => {
      using peer = await RawPeer.open(server);
      return (await peer.stateless("room again")).data.code === "ok";
    }, "there is room when the others have gone");
  },
);

if (LINUX && !Deno.env.get("FXFER_BIN")) {
  /** Runs the server under a limit of the shell. */
  const limited = (limit: string) => ["bash", "-c", `${limit}; exec "$0" "$@"`];

  const poor = serving("ulimit -n 80", {
    wrap: limited("ulimit -n 80"),
    set: { "server.max_connections": 500 },
  });

  poor("the accept loop survives running out of file handles", async (server) => {
    const peers = await Promise.all(Array.from({ length: 100 }, () => RawPeer.open(server)));
    for (const peer of peers) peer.close();
    await until(async () => {
      using peer = await RawPeer.open(server);
      return (await peer.stateless("again").catch(() => undefined))?.data.code === "ok";
    }, "uploads succeed when the handles are back");
    await assertAlive(server);
  });

  poor(
    "a session is told busy while silent connections hold all handles, and they give some back",
    async (server) => {
      using peer = await session(server);
      const silent = await Promise.all(Array.from({ length: 100 }, () => RawPeer.open(server)));
      const codes = new Set<string>();
      const started = performance.now();
      for (let sequence = 1; sequence <= 5; sequence++) {
        await until(async () => {
          const { data: { code } } = await peer.upload(`file ${sequence}`, {}, { sequence });
          codes.add(code);
          return code === "ok";
        }, "a file gets a handle");
      }
      // By the handshake clock alone they would go after 10 s.
      assert.ok(performance.now() - started < 9000, "some have given their handles back");
      codes.delete("busy");
      assert.deepEqual([...codes], ["ok"]);
      for (const each of silent) each.close();
      await assertAlive(server);
    },
  );

  const full = serving("a full disk", {
    // A file that reaches the limit fails like one on a full disk; the signal would kill.
    wrap: limited("trap '' XFSZ; ulimit -f 4096"),
    env: { DENO_COVERAGE_DIR: "" },
  });

  full("a full disk is storage_full without an ok, and others go on", async (server) => {
    using peer = await session(server);
    const bytes = new Random(12).bytes(8 * MIB);
    await assertStores(server, 0, async () => {
      const [{ data }] = await Promise.all([
        peer.reply(),
        peer.send(peer.transfer(bytes)).catch(() => {}),
      ]);
      assert.equal(data.code, "storage_full");
      assert.equal(data.class, "retry");
    });
    await assertAlive(server);
    const [reply] = await Promise.all([
      RawPeer.open(server).then(async (alone) => {
        using _ = alone;
        const [reply] = await Promise.all([
          alone.reply(),
          alone.send(frame({ payload: bytes })).catch(() => {}),
        ]);
        return reply;
      }),
    ]);
    assert.equal(reply.data.code, "storage_full");
    await assertAlive(server);
    assert.ok((await listStored(server.storage)).length >= 2);
  });
}
