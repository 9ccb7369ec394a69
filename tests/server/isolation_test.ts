import assert from "node:assert/strict";
import type { Request, RequestHandler } from "../../src/handler/mod.ts";
import { createLogger, type LogEvent } from "../../src/log.ts";
import { Server } from "../../src/server/mod.ts";
import { FaultProxy } from "../helpers/fault_proxy.ts";
import { expectCode, InProcess } from "../helpers/in_process.ts";
import { Random } from "../helpers/random.ts";
import { concat, frame } from "../helpers/raw_frame.ts";
import { RawPeer } from "../helpers/raw_peer.ts";

Deno.test("an error nobody foresaw is internal_error, is logged with its cause, and stays where it is", async () => {
  const events: LogEvent[] = [];
  const handler: RequestHandler = {
    handle({ payload }: Request) {
      if (payload.size === 13) throw new RangeError("secret detail");
      return payload.size === 14 ? Promise.reject("not even an error") : { body: { code: "pong" } };
    },
    closed: () => Promise.reject(new TypeError("at the end, too")),
  };
  const clocks = { handshakeMs: 1000, headerMs: 1000, stallMs: 1000, minRate: 0 };
  await using server = new Server(
    Deno.listen({ hostname: "127.0.0.1", port: 0 }),
    handler,
    { maxConnections: 9, drainTimeoutMs: 100, keepaliveMs: 9000, v1Ack: "eof", clocks },
    createLogger((event) => events.push(event)),
  );
  const to = { port: server.addr.port };
  using other = await RawPeer.open(to);
  using peer = await RawPeer.open(to);
  for (const size of [13, 14]) {
    const { data } = await peer.stateless(new Uint8Array(size));
    assert.deepEqual([data.code, data.message], ["internal_error", "the server failed"]);
  }
  expectCode(await peer.stateless("x"), "pong");
  expectCode(await other.stateless("x"), "pong");
  peer.close();
  other.close();
  await server.shutdown();
  const errors = events.filter(({ level }) => level === "error");
  assert.deepEqual(errors.map(({ event }) => event), [
    "request.failed",
    "request.failed",
    "connection.failed",
    "connection.failed",
  ]);
  assert.match(String(errors[0]!.fields.cause), /secret detail/);
});

Deno.test("1,000 resets at random points leave no connection, no handle and no error behind", async () => {
  await using run = await InProcess.start();
  const random = new Random(1000);
  const stateless = frame({ payload: random.bytes(3000) });
  await using proxy = await FaultProxy.listen({
    target: { hostname: "127.0.0.1", port: run.port },
    plan: () => ({
      [random.pick(["up", "down"])]: {
        faults: [{ after: random.int(0, 1500), kind: random.pick(["reset", "close"]) }],
      },
    }),
  });
  const one = async () => {
    using peer = await RawPeer.open(proxy);
    try {
      if (random.int(0, 1) === 0) {
        await peer.send(concat(stateless, stateless));
        for (let i = 0; i < 2; i++) await peer.reply();
      } else {
        await peer.connect();
        await peer.upload(stateless, { length: stateless.length });
        await peer.disconnect();
      }
    } catch {
      // As planned.
    }
  };
  for (let done = 0; done < 1000; done += 20) {
    await Promise.all(Array.from({ length: 20 }, one));
    // The sessions left behind must not use up max_sessions.
    run.shiftMs += 400_000;
  }
  await run.idle();
  using peer = await run.attached();
  expectCode(await peer.upload("alive"), "ok");
});

Deno.test("a client that pipelines and never reads costs bounded memory, and others do not wait", async () => {
  await using run = await InProcess.start({ clocks: { stallMs: 1000 } });
  using hog = await run.open();
  const one = frame({ action: "heartbeat" });
  const flood = new Uint8Array(one.length * 400_000);
  for (let at = 0; at < flood.length; at += one.length) flood.set(one, at);
  const before = held();
  const flooding = hog.send(flood).then(() => "sent", () => "refused");
  using peer = await run.open();
  for (let i = 0; i < 20; i++) {
    const start = performance.now();
    expectCode(await peer.stateless("quick"), "ok");
    assert.ok(performance.now() - start < 2000, "others go on");
  }
  const grown = held() - before;
  assert.ok(grown < 64 * 1024 * 1024, `${grown} bytes more`);
  // S-CLK: a reply that cannot be sent is a stall, too.
  await run.log.wait(({ event, fields }) =>
    event === "connection.closed" && fields.code === "stalled"
  );
  hog.close();
  assert.equal(await flooding, "refused");
});

Deno.test("100 connections at once are served, each with files of its own", async () => {
  await using run = await InProcess.start();
  const random = new Random(100);
  const files = Array.from({ length: 100 }, () => random.bytes(random.int(0, 80_000)));
  await Promise.all(files.map(async (file) => {
    using peer = await run.open();
    for (let i = 0; i < 2; i++) expectCode(await peer.stateless(file), "ok");
  }));
  await run.assertStored(...files, ...files);
});

/** What this file's code holds in memory; that of other files may run beside it, in the same process. */
function held(): number {
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}
