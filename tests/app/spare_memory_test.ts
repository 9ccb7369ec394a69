import assert from "node:assert/strict";
import { spareMemory } from "../../src/app/mod.ts";
import { until } from "../helpers/serving.ts";

const MIB = 2 ** 20;

/** Fills the heap with 64 MiB of garbage that was in use for a while, as the state of connections is. */
function fill(): number {
  const kept: unknown[] = [];
  for (let i = 0; i < 400_000; i++) kept.push({ i, list: [i, i, i, i] });
  kept.length = 0;
  return Deno.memoryUsage().heapTotal;
}

const quiet = { connections: 1, traffic: { received: 0, sent: 0 } };

Deno.test("what a program has left on the heap before it serves is collected at once", async () => {
  if (Deno.version.deno.startsWith("2.6.")) return; // that Deno collects for nobody
  const full = fill();
  using _memory = await spareMemory({ ...quiet, idleFrames: 0 });
  assert.ok(Deno.memoryUsage().heapTotal < full - 12 * MIB);
});

Deno.test("S-FAIR-2 after many frames that changed nothing, a heap that has grown becomes small again", async () => {
  if (Deno.version.deno.startsWith("2.6.")) return;
  let idleFrames = 0;
  using _memory = await spareMemory({
    ...quiet,
    get idleFrames() {
      return idleFrames += 10_000;
    },
  });
  const full = fill();
  await until(() => Deno.memoryUsage().heapTotal < full - 12 * MIB, "a smaller heap");
});

Deno.test("S-FAIR-2 many connections that send next to nothing have the same effect", async () => {
  if (Deno.version.deno.startsWith("2.6.")) return;
  using _memory = await spareMemory({ ...quiet, connections: 500, idleFrames: 0 });
  const full = fill();
  await until(() => Deno.memoryUsage().heapTotal < full - 12 * MIB, "a smaller heap");
});

Deno.test("the heap of a server that stores files is left alone, however many connections it has", async () => {
  let looks = 0;
  let received = 0;
  using _memory = await spareMemory({
    connections: 500,
    idleFrames: 0,
    get traffic() {
      looks++;
      return { received: received += 10 * MIB, sent: 0 };
    },
  });
  const full = fill();
  const begun = performance.now();
  await until(() => looks >= 6, "some looks");
  // V8 may collect of its own accord, but it does not give the space for new objects back meanwhile.
  assert.ok(Deno.memoryUsage().heapTotal > full - 40 * MIB, `${performance.now() - begun} ms`);
});

Deno.test("the heap of a server that has had nothing to do for a while becomes small again", async () => {
  if (Deno.version.deno.startsWith("2.6.")) return;
  let isBusy = true;
  let looks = 0;
  let sent = 0;
  const server = {
    connections: 1,
    idleFrames: 0,
    get traffic() {
      looks++;
      return { received: 0, sent: sent += isBusy ? MIB : 0 };
    },
  };
  using _memory = await spareMemory(server, 500);
  const full = fill();
  await until(() => looks >= 8, "some looks");
  assert.ok(Deno.memoryUsage().heapTotal > full - 40 * MIB);
  isBusy = false;
  await until(() => Deno.memoryUsage().heapTotal < full - 12 * MIB, "a smaller heap");
});
