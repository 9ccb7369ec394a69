import assert from "node:assert/strict";
import { Drain } from "../../src/server/drain.ts";
import { Output } from "../../src/server/output.ts";
import { BufferPools } from "../../src/server/buffers.ts";
import { FRAMES_AT_ONCE, Pace } from "../../src/server/pace.ts";
import { Reader, type Socket } from "../../src/server/reader.ts";
import { expectCode, InProcess } from "../helpers/in_process.ts";
import { concat, frame } from "../helpers/raw_frame.ts";
import { until } from "../helpers/serving.ts";

Deno.test("S-FAIR-1 frames that change nothing come 20,000 at once, and then 5,000 in a second", () => {
  let now = 0;
  const pace = new Pace(() => now);
  let frames = 0;
  const takeAll = () => {
    while (pace.take()) frames += FRAMES_AT_ONCE;
  };
  takeAll();
  assert.equal(frames, 20_000);
  for (frames = 0; now < 3000; now++) takeAll();
  assert.ok(Math.abs(frames - 15_000) <= FRAMES_AT_ONCE, `${frames} in 3 s`);
  now += 60_000;
  frames = 0;
  takeAll();
  assert.equal(frames, 20_000, "no more is saved up");
});

Deno.test("S-FAIR-1 those who wait for the pace go on in their order, and whoever leaves is not called", async () => {
  let now = 0;
  const pace = new Pace(() => now);
  while (pace.take());
  const order: number[] = [];
  const done = Promise.withResolvers<void>();
  const waiting = [0, 1, 2, 3].map((i) => () => {
    order.push(i);
    if (i === 3) done.resolve();
  });
  for (const go of waiting) pace.wait(go);
  pace.leave(waiting[1]!);
  now += 1;
  assert.equal(pace.take(), false, "nobody passes those in the line");
  now += 1000;
  await done.promise;
  assert.deepEqual(order, [0, 2, 3]);
});

Deno.test("S-FAIR-1 S-DRN-1 a stop does not wait for connections that wait for the pace", async () => {
  const run = await InProcess.start({ stateful: { maxSessions: 40 } });
  await using _ = run;
  const hogs = await Promise.all(Array.from({ length: 40 }, () => run.attached()));
  // 40,000 heartbeats, of which 20,000 are answered at once; the others would take 4 s.
  const sending = hogs.map(async (peer) => {
    const one = frame({
      ...{ action: "heartbeat", mode: "stateful", id: peer.id, sequence: peer.sequence },
    });
    await peer.send(concat(...Array(1000).fill(one))).catch(() => {});
  });
  await until(() => run.server.idleFrames >= 20_000, "the pace");
  const start = performance.now();
  // A file does not wait for the pace.
  using other = await run.open();
  expectCode(await other.stateless("x"), "ok");
  const ended = hogs.map(async (peer) => void await peer.rest().catch(() => {}));
  await run.server.shutdown();
  const ms = performance.now() - start;
  await Promise.all([...sending, ...ended]);
  for (const peer of hogs) peer.close();
  assert.ok(run.server.idleFrames < 40_000, `${run.server.idleFrames} frames`);
  assert.ok(ms < 3000, `${ms} ms`);
});

Deno.test("S-FAIR-1 whoever waits for the pace has its replies, each once and in order", async () => {
  await using run = await InProcess.start();
  using peer = await run.attached();
  const { id, sequence } = peer;
  const one = frame({ action: "heartbeat", mode: "stateful", id, sequence });
  const count = 30_000;
  const sending = peer.send(concat(...Array(count).fill(one)));
  for (let i = 0; i < count; i++) expectCode(await peer.reply(), "pong");
  await sending;
});

Deno.test("S-FAIR-2 the buffer of a connection that ended is free again after its last read", async () => {
  const conn = {
    read: () => Promise.resolve(null),
  } as unknown as Socket;
  const reader = new Reader(conn, new Output(conn, new BufferPools()));
  await reader.linger(new Drain());
  assert.equal(reader.busy, false);
});
