/** S-SEQ-6 with a real server that is far away. */
import assert from "node:assert/strict";
import { Road } from "../../src/lab/road.ts";
import { listStored, sha256 } from "../helpers/files.ts";
import { Random } from "../helpers/random.ts";
import { watched } from "./helpers.ts";
import { Live } from "./live.ts";

const MIB = 1024 * 1024;

/** The most bytes that were unanswered while 48 MiB went to a server 200 ms away, in frames of 1 MiB. */
async function underWay(offered: number): Promise<number> {
  await using live = await Live.start({
    maxRequestSize: MIB,
    stateful: { maxUnansweredBytes: offered },
  });
  await using road = new Road({ to: () => live.port, delayMs: 100 });
  await using it = await watched(road.port);
  assert.equal(it.client.terms?.maxUnansweredBytes, offered);
  const bytes = new Random(1).bytes(48 * MIB);
  let most = 0;
  const result = await it.client.send(bytes, {
    onProgress: ({ sent, acked }) => most = Math.max(most, sent - acked),
  });
  assert.equal(result.sha256, sha256(bytes));
  assert.equal((await listStored(live.dir)).length, 1);
  return most;
}

Deno.test("S-SEQ-6 more than 8 MiB and a frame are under way to a far server that offers it", async () => {
  const most = await underWay(32 * MIB);
  assert.ok(most > 12 * MIB && most <= 33 * MIB, `${most / MIB} MiB`);
});

Deno.test("S-SEQ-6 no more than 8 MiB and a frame are under way where no more is offered", async () => {
  assert.equal(await underWay(8 * MIB), 9 * MIB);
});

Deno.test("S-CON-2 a connection that is lost with much under way goes on where the server has the file", async () => {
  await using live = await Live.start({ maxRequestSize: MIB });
  await using road = new Road({ to: () => live.port, delayMs: 100 });
  await using it = await watched(road.port);
  const bytes = new Random(2).bytes(48 * MIB);
  let cutAt = 0;
  const result = await it.client.send(bytes, {
    onProgress({ sent, acked }) {
      if (cutAt > 0 || acked === 0 || sent - acked < 12 * MIB) return;
      cutAt = acked;
      road.cut();
    },
  });
  assert.equal(result.sha256, sha256(bytes));
  assert.equal(result.attempts, 2);
  const [offset] = result.resumedFrom;
  assert.ok(cutAt > 0 && offset! >= cutAt, `resumed from ${offset}, answered up to ${cutAt}`);
  assert.equal((await listStored(live.dir)).length, 1);
});
