import assert from "node:assert/strict";
import { BufferPools, ReadBuffers, SMALL_BUFFER_BYTES } from "../../src/server/buffers.ts";
import { Drain } from "../../src/server/drain.ts";
import { Output } from "../../src/server/output.ts";
import { type Placed, Places, type Readiness } from "../../src/server/places.ts";
import { expectCode, InProcess, type InProcessOptions } from "../helpers/in_process.ts";
import { proxyFrom } from "../helpers/proxy_header.ts";
import { concat, frame } from "../helpers/raw_frame.ts";
import type { RawPeer } from "../helpers/raw_peer.ts";
import { until } from "../helpers/serving.ts";

const MIB = 1 << 20;

/** A server that counts the frames it serves between two turns of the event loop. */
async function counting(): Promise<{ run: InProcess; most: () => number; stop: () => void }> {
  let [frames, most, over] = [0, 0, false];
  const run = await InProcess.start({
    handler: (builtIn) => ({
      handle(request, context) {
        frames++;
        return builtIn.handle(request, context);
      },
      closed: (context) => builtIn.closed?.(context),
    }),
  });
  (function turn() {
    most = Math.max(most, frames);
    frames = 0;
    if (!over) setImmediate(turn);
  })();
  return { run, most: () => most, stop: () => over = true };
}

Deno.test("S-FAIR-1 of pipelined frames at most 32 are served before the event loop goes round", async () => {
  const { run, most, stop } = await counting();
  await using _ = run;
  using peer = await run.attached();
  const { id, sequence } = peer;
  const one = frame({ action: "heartbeat", mode: "stateful", id, sequence });
  await peer.send(concat(...Array(2000).fill(one)));
  for (let i = 0; i < 2000; i++) expectCode(await peer.reply(), "pong");
  stop();
  assert.ok(most() > 0 && most() <= 32, `${most()} frames`);
});

Deno.test("S-FAIR-1 refused frames with a byte of payload get no longer turns", async () => {
  const { run, most, stop } = await counting();
  await using _ = run;
  using peer = await run.open();
  const id = crypto.randomUUID();
  const one = frame({ action: "transfer", mode: "stateful", id, sequence: 1, payload: "x" });
  await peer.send(concat(...Array(1000).fill(one)));
  for (let i = 0; i < 1000; i++) expectCode(await peer.reply(), "not_connected");
  stop();
  assert.ok(most() > 0 && most() <= 32, `${most()} frames`);
});

Deno.test("S-FAIR-1 heads without payload are read into a small buffer, however many are waiting", () => {
  const pools = new BufferPools();
  const buffers = new ReadBuffers(pools);
  assert.equal(buffers.forHead(0, true).length, SMALL_BUFFER_BYTES);
  assert.ok(
    buffers.forHead(1024, true).length > SMALL_BUFFER_BYTES,
    "small files come many at a time",
  );
  assert.equal(buffers.forHead(0, true).length, SMALL_BUFFER_BYTES);
  // A thousand connections that pipeline tiny files do not get a large buffer each.
  const all = Array.from({ length: 1000 }, () => new ReadBuffers(pools));
  const large = all.filter((each) => each.forHead(1, true).length > SMALL_BUFFER_BYTES);
  assert.ok(large.length <= 128, `${large.length} large buffers`);
});

Deno.test("S-FAIR-2 a thousand payloads that stand still do not keep a large buffer each", () => {
  const pools = new BufferPools();
  const all = Array.from({ length: 1000 }, () => new ReadBuffers(pools));
  let [bytes, gathering] = [0, 0];
  for (const [i, each] of all.entries()) {
    if (each.canGather(100_000)) gathering++;
    bytes += each.forPayload(i % 2 === 0 ? 5 * MIB : 100_000).length;
  }
  assert.ok(bytes <= 40 * MIB, `${bytes / MIB} MiB`);
  assert.ok(gathering < 300, `${gathering} may gather a whole file`);
});

Deno.test("S-FAIR-1 replies of several frames leave in one write, in their order", async () => {
  const written: string[] = [];
  const conn = {
    write(bytes: Uint8Array) {
      written.push(new TextDecoder().decode(bytes));
      return Promise.resolve(bytes.length);
    },
  } as unknown as Deno.Conn;
  const output = new Output(conn, new BufferPools());
  const replies = Array.from({ length: 500 }, (_, i) => `reply ${i} ${"x".repeat(i)}\n`);
  for (const count of [1, 2, 20, 500]) {
    for (const text of replies.slice(0, count)) output.add(new TextEncoder().encode(text));
    await output.flush();
    assert.equal(written.pop(), replies.slice(0, count).join(""));
    assert.equal(written.length, 0);
    assert.equal(output.flush(), undefined);
  }
});

Deno.test("S-FAIR-1 those that wait to be read away wait in line, and an interrupted one not for long", async () => {
  const drain = new Drain();
  drain.took(40 * MIB); // more than half a second
  const order: number[] = [];
  const start = performance.now();
  const waits = Array.from({ length: 200 }, async (_, i) => {
    await drain.ready(() => i === 199);
    order.push(i);
    if (i === 199) assert.ok(performance.now() - start < 400, "no longer than to the next look");
    else drain.took(65_536);
  });
  await Promise.all(waits);
  assert.equal(order[0], 199);
  assert.deepEqual(order.slice(1), Array.from({ length: 199 }, (_, i) => i));
});

Deno.test("connections that end in resets do not use up the buffers", async () => {
  await using run = await InProcess.start({ maxConnections: 10 });
  for (let i = 0; i < 50; i++) {
    using peer = await run.open();
    expectCode(await peer.stateless(new Uint8Array(20_000)), "ok");
    await peer.send(frame({ size: 100_000 }), new Uint8Array(1000));
    peer.close(); // what the server answers meets a closed socket: a reset
  }
  await run.idle();
  using alive = await run.attached();
  expectCode(await alive.upload("alive"), "ok");
});

Deno.test("S-FAIR-1 a server reads 64 MiB away in a second, all connections together", () => {
  let now = 0;
  const drain = new Drain(() => now);
  now = 10_000;
  while (now < 15_000) {
    if (drain.waitMs === 0) drain.took(65_536);
    else now += drain.waitMs;
  }
  const mib = drain.bytes / MIB;
  assert.ok(mib > 5 * 64 && mib < 5 * 64 + 8, `${mib} MiB in 5 s`);
});

Deno.test("S-FAIR-1 beyond the first hundred 1 MiB of a connection is read away", () => {
  const drain = new Drain();
  const first = Array.from({ length: 100 }, () => drain.begin());
  assert.ok(first.every((bytes) => bytes === 64 * MIB));
  assert.equal(drain.begin(), MIB);
  drain.end();
  drain.end();
  assert.equal(drain.begin(), 64 * MIB);
});

Deno.test("S-FAIR-1 what refused connections send is read away in sum no faster than that", async () => {
  await using run = await InProcess.start({ maxConnections: 1 });
  using _only = await run.attached();
  let sent = 0;
  const chunk = new Uint8Array(MIB);
  const start = performance.now();
  await Promise.all(Array.from({ length: 8 }, async () => {
    using peer = await run.open();
    try {
      for (let i = 0; i < 64; i++) {
        await peer.send(chunk);
        sent += chunk.length;
      }
    } catch {
      // The server had read enough.
    }
  }));
  const seconds = (performance.now() - start) / 1000;
  // The kernel holds some MiB of each connection that the server never reads.
  assert.ok(sent <= (64 * (seconds + 0.2) + 8 * 10) * MIB, `${sent / MIB} MiB in ${seconds} s`);
});

/** Connections as a table: address, rank, idle since. */
const placed = (clientAddress: string, rank?: Readiness, since = 0): Placed => ({
  clientAddress,
  idle: () => rank === undefined ? undefined : { rank, since },
});

Deno.test("the idlest connection of the address that holds the most gives up its place", () => {
  const places = new Places<Placed>();
  const [a1, a2, a3] = [placed("10.0.0.1", 1, 5), placed("10.0.0.1", 1, 3), placed("10.0.0.1")];
  const [b1, b2] = [placed("10.0.0.2", 0, 1), placed("10.0.0.2", 1, 1)];
  for (const each of [a1, a2, a3, b1, b2]) places.add(each);
  assert.equal(places.yields("10.0.0.3", 9), a2, "of the most, the longest idle");
  const fresh = placed("10.0.0.1", 0, 8);
  places.add(fresh);
  assert.equal(places.yields("10.0.0.3", 9), fresh, "first one that has sent no header");
  assert.equal(places.yields("10.0.0.2", 9), fresh);
  assert.equal(places.yields("10.0.0.1", 9), undefined, "an address does not displace itself");
  for (const each of [fresh, a1, a2]) assert.equal(places.delete(each), true);
  assert.equal(places.delete(a1), false);
  assert.equal(places.yields("10.0.0.3", 9), b1);
  places.delete(b1);
  places.delete(b2);
  assert.equal(places.yields("10.0.0.3", 9), undefined, "a busy one never goes");
});

Deno.test("without a file handle those go that have been silent for a second, of the address with the most first", () => {
  const places = new Places<Placed>();
  const few = placed("10.0.0.2", 0, 1);
  const many = Array.from({ length: 10 }, (_, n) => placed("10.0.0.1", 0, 100 + n));
  for (const each of [few, ...many, placed("10.0.0.1", 1, 0), placed("10.0.0.1")]) places.add(each);
  assert.deepEqual(places.silent(1001), []);
  assert.deepEqual(places.silent(1102), [...many.slice(0, 2), few]);
  assert.deepEqual(places.silent(5000), many.slice(0, 8));
});

Deno.test("an IPv6 address counts with its /64, an IPv4 one for itself", () => {
  const places = new Places<Placed>();
  for (const tail of [":1", ":2", "ffff:1:2:3"]) places.add(placed(`2001:db8:1:2:${tail}`, 1));
  assert.equal(places.held("2001:0db8:1:2:9::"), 3);
  assert.equal(places.held("2001:db8:1:3::1"), 0);
  places.add(placed("::ffff:10.0.0.1", 1));
  assert.equal(places.held("10.0.0.1"), 1);
  assert.equal(places.held("10.0.0.2"), 0);
});

const PROXY = { versions: "any", allow: ["127.0.0.1"] } as const;

/** A server whose clients come from any address they like. */
const start = (options: InProcessOptions) => InProcess.start({ proxy: PROXY, ...options });

async function from(run: InProcess, address: string): Promise<RawPeer> {
  const peer = await run.open();
  await peer.send(proxyFrom(address));
  return peer;
}

Deno.test("at max_connections a newcomer gets a place of the address that holds the most", async () => {
  await using run = await start({ maxConnections: 4 });
  const peers: RawPeer[] = [];
  for (let i = 0; i < 4; i++) {
    const peer = await from(run, "203.0.113.5"); // one address may hold all
    expectCode(await peer.stateless(`${i}`), "ok");
    peers.push(peer);
  }
  // The idlest is inside a payload, and so is not displaced.
  const half = new Uint8Array(200_000);
  await peers[0]!.send(frame({ size: 400_000 }), half);
  await run.receiving();
  using newcomer = await from(run, "203.0.113.6");
  expectCode(await newcomer.stateless("new"), "ok");
  const notice = await peers[1]!.reply();
  assert.ok(expectCode(notice, "busy").retry_after_ms > 0);
  assert.equal(notice.header.session.action, "disconnect");
  assert.equal(await peers[1]!.rest(), "");
  assert.equal(run.server.connections, 4);
  // The address that holds the most finds no place for one more of its own.
  using more = await from(run, "203.0.113.5");
  expectCode(await more.reply(), "too_many_connections");
  await peers[0]!.send(half);
  expectCode(await peers[0]!.reply(), "ok");
  for (const peer of peers) peer.close();
});

Deno.test("one that has sent no header goes before one that has", async () => {
  await using run = await start({ maxConnections: 2 });
  using idle = await from(run, "203.0.113.5");
  expectCode(await idle.stateless("x"), "ok");
  using silent = await from(run, "203.0.113.5");
  await until(
    () => run.log.all.filter((e) => e.event === "connection.opened").length === 2,
    "open",
  );
  using newcomer = await from(run, "203.0.113.6");
  expectCode(await newcomer.stateless("new"), "ok");
  expectCode(await silent.reply(), "busy");
  expectCode(await idle.stateless("still here"), "ok");
});

Deno.test("per_address.connections caps one address, and no other", async () => {
  await using run = await start({ perAddress: { connections: 1 } });
  using one = await from(run, "203.0.113.5");
  expectCode(await one.stateless("x"), "ok");
  using two = await from(run, "203.0.113.5");
  expectCode(await two.reply(), "too_many_connections");
  using other = await from(run, "203.0.113.6");
  expectCode(await other.stateless("x"), "ok");
});

Deno.test("S-DRN-1 a connection accepted in the turn in which a stop begins gets the notice", async () => {
  const listen = Deno.listen;
  let accepted = () => {};
  // The server hears of the connection, and is stopped before it looks at it.
  Deno.listen = ((options: Deno.TcpListenOptions) => {
    const listener = listen(options);
    const accept = listener.accept.bind(listener);
    listener.accept = async () => {
      const conn = await accept();
      accepted();
      return conn;
    };
    return listener;
  }) as typeof Deno.listen;
  try {
    await using run = await InProcess.start();
    let stopped: Promise<void> | undefined;
    accepted = () => stopped = run.server.shutdown();
    using peer = await run.open();
    expectCode(await peer.reply(), "server_shutting_down");
    peer.close();
    await stopped;
  } finally {
    Deno.listen = listen;
  }
});

Deno.test("S-FAIR-2 while 20 pipeline and never read, a fresh upload takes less than a second", async () => {
  await using run = await InProcess.start({ stateful: { maxSessions: 20 } });
  const hogs = await Promise.all(Array.from({ length: 20 }, () => run.attached()));
  let over = false;
  const pushing = hogs.map(async (peer) => {
    const { id, sequence } = peer;
    const one = frame({ action: "heartbeat", mode: "stateful", id, sequence });
    const many = concat(...Array(100).fill(one));
    while (!over) await peer.send(many).catch(() => over = true);
  });
  let slowest = 0;
  for (let i = 0; i < 20; i++) {
    const start = performance.now();
    using peer = await run.open();
    expectCode(await peer.stateless("fresh"), "ok");
    slowest = Math.max(slowest, performance.now() - start);
  }
  over = true;
  for (const peer of hogs) peer.close();
  await Promise.all(pushing);
  assert.ok(slowest < 1000, `${slowest} ms`);
});
