import assert from "node:assert/strict";
import { FxferError } from "../../src/errors.ts";
import { type Arrival, ProxyGate } from "../../src/server/proxy_gate.ts";
import { expectCode, InProcess, type InProcessOptions } from "../helpers/in_process.ts";
import { proxyFrom, proxyLine, proxyV2 } from "../helpers/proxy_header.ts";
import { concat, frame, utf8 } from "../helpers/raw_frame.ts";
import type { RawPeer } from "../helpers/raw_peer.ts";

const PROXY = { versions: "any", allow: ["127.0.0.1"] } as const;

const start = (options: InProcessOptions = {}) => InProcess.start({ proxy: PROXY, ...options });

/** A connection that a proxy makes for the client at this address. */
async function from(server: InProcess, address: string, header = proxyFrom): Promise<RawPeer> {
  const peer = await server.open();
  await peer.send(header(address));
  return peer;
}

Deno.test("PROXY: the client's address is the one the proxy names, for logs, files and sessions", async () => {
  await using server = await start();
  for (
    const [address, header] of [["203.0.113.5", proxyFrom], ["203.0.113.6", proxyLine]] as const
  ) {
    using peer = await from(server, address, header);
    const { id, data } = await peer.connect().then(({ header, data }) => ({
      ...header.session,
      data,
    }));
    assert.equal(data.code, "session_created");
    assert.equal((await server.flaky.load(id))?.clientAddress, address);
    await server.log.wait(({ fields }) => fields.address === address);
  }
  await server.idle();
});

Deno.test("PROXY: the client's first frame may come in the same segment", async () => {
  await using server = await start();
  for (const size of [5, 5000, 300_000]) {
    using peer = await server.open();
    const payload = new Uint8Array(size).fill(size);
    await peer.send(concat(proxyFrom("203.0.113.5"), frame({ payload }), frame({ payload: "x" })));
    assert.equal((await peer.reply()).data.file.size, size);
    assert.equal((await peer.reply()).data.file.size, 1);
  }
  await server.idle();
});

Deno.test("PROXY: a session without token is bound to the client's address, not the proxy's (S-CON-5)", async () => {
  await using server = await start();
  using first = await from(server, "203.0.113.5");
  const id = (await first.connect()).header.session.id;
  using stranger = await from(server, "203.0.113.6");
  expectCode(await stranger.connect({}, id), "unauthorized");
  using again = await from(server, "203.0.113.5");
  expectCode(await again.connect({}, id), "session_resumed");
});

Deno.test("PROXY: LOCAL and UNKNOWN keep the connection's own address", async () => {
  await using server = await start();
  const local = proxyV2({ command: 0x20, family: 0, addresses: [] });
  for (const header of [local, utf8("PROXY UNKNOWN\r\n")]) {
    using peer = await server.open();
    await peer.send(header);
    const { header: { session } } = await peer.connect();
    assert.equal((await server.flaky.load(session.id))?.clientAddress, "127.0.0.1");
  }
});

Deno.test("PROXY: without a header an allowed address is refused with protocol_error", async () => {
  await using server = await start();
  for (const bytes of [frame({ payload: "x" }), utf8("PROXY TCP4 here there 1 2\r\n")]) {
    using peer = await server.open();
    await peer.send(bytes);
    const { header, data } = await peer.reply();
    assert.deepEqual([data.code, data.class], ["protocol_error", "fatal"]);
    assert.equal(header.session.action, "disconnect");
    assert.equal(await peer.rest(), "");
  }
  assert.deepEqual(await server.stored(), []);
});

Deno.test("PROXY: only the versions configured are taken", async () => {
  await using server = await start({ proxy: { versions: "v2", allow: ["127.0.0.0/8"] } });
  using old = await from(server, "203.0.113.5", proxyLine);
  expectCode(await old.reply(), "protocol_error");
  using peer = await from(server, "203.0.113.5");
  expectCode(await peer.stateless("x"), "ok");
});

Deno.test("PROXY: from an address that is not allowed a header is refused, and plain clients are served", async () => {
  await using server = await start({ proxy: { versions: "any", allow: ["192.0.2.0/24", "::1"] } });
  for (const header of [proxyFrom, proxyLine]) {
    using peer = await from(server, "203.0.113.5", header);
    assert.equal((await peer.reply()).data.code, "malformed_header");
    assert.equal(await peer.rest(), "");
  }
  using plain = await server.open();
  expectCode(await plain.stateless("x"), "ok");
});

Deno.test("PROXY: switched off, a header is no header", async () => {
  await using server = await InProcess.start();
  using peer = await from(server, "203.0.113.5", proxyLine);
  assert.equal((await peer.reply()).data.code, "malformed_header");
});

Deno.test("PROXY: rates are counted for the client's address, connections for each socket", async () => {
  await using server = await start({
    rate: { connectionsPerSecond: 1, sessionsPerMinute: 100 },
    maxConnections: 4,
  });
  using first = await from(server, "203.0.113.5");
  expectCode(await first.stateless("x"), "ok");
  using other = await from(server, "203.0.113.6");
  expectCode(await other.stateless("x"), "ok");
  using again = await from(server, "203.0.113.5");
  const refused = expectCode(await again.reply(), "rate_limited");
  assert.ok(refused.retry_after_ms > 0);
  assert.equal(await again.rest(), "");
  // Two are open; two more that have not said whose they are fill the server.
  using _silent = await server.open();
  using _quiet = await server.open();
  using last = await server.open();
  expectCode(await last.reply(), "too_many_connections");
});

Deno.test("PROXY: a connection that ends before its header is a health check: no error, no refusal", async () => {
  await using server = await start();
  (await server.open()).close();
  using half = await server.open();
  await half.send("PROXY TC");
  await half.halfClose();
  assert.equal(await half.rest(), "");
  await server.idle();
  const told = server.log.all.filter(({ level }) => level !== "debug");
  assert.deepEqual(told.map(({ event }) => event), ["server.listening"]);
});

Deno.test("PROXY: a stop tells those who have not said whose they are (S-DRN-1)", async () => {
  await using server = await start();
  using waiting = await server.open();
  await waiting.send("PROXY TC");
  using served = await from(server, "203.0.113.5");
  expectCode(await served.stateless("x"), "ok");
  const stopped = server.server.shutdown();
  assert.equal(server.server.stopping, true);
  expectCode(await waiting.reply(), "server_shutting_down");
  expectCode(await served.reply(), "server_shutting_down");
  waiting.close();
  served.close();
  await stopped;
});

/** The gate on a socket of its own. */
async function read(gate: ProxyGate, send: (peer: Deno.TcpConn) => Promise<unknown>): Promise<
  Arrival | undefined
> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [peer, conn] = await Promise.all([
    Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port }),
    listener.accept(),
  ]);
  try {
    const reading = gate.read(conn, new AbortController().signal);
    await Promise.all([send(peer), reading.catch(() => {})]);
    return await reading;
  } finally {
    peer.close();
    conn.close();
  }
}

Deno.test("PROXY: a header that is not whole in time is handshake_timeout, however busily it trickles", async () => {
  const gate = new ProxyGate(PROXY, 150);
  const trickle = async (peer: Deno.TcpConn) => {
    for (const byte of proxyLine("203.0.113.5").subarray(0, 20)) {
      await peer.write(new Uint8Array([byte]));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  const start = performance.now();
  await assert.rejects(
    read(gate, trickle),
    (error) => error instanceof FxferError && error.code === "handshake_timeout",
  );
  assert.ok(performance.now() - start < 1500);
});

Deno.test("PROXY: a header in pieces is read, with the bytes after it", async () => {
  const gate = new ProxyGate(PROXY);
  const header = proxyFrom("203.0.113.5");
  const arrival = await read(gate, async (peer) => {
    peer.setNoDelay();
    await peer.write(header.subarray(0, 10));
    await new Promise((resolve) => setTimeout(resolve, 20));
    await peer.write(concat(header.subarray(10), "rest"));
  });
  assert.equal(arrival?.address, "203.0.113.5");
  assert.equal(new TextDecoder().decode(arrival?.bytes), "rest");
});

Deno.test("PROXY: an entry of the allow-list that is no address is a RangeError", () => {
  for (const entry of ["proxy.example", "10.0.0.0/33", ""]) {
    assert.throws(() => new ProxyGate({ versions: "any", allow: [entry] }), RangeError);
  }
});
