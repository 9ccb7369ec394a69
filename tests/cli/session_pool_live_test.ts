/** Sessions of one command that have files under way when it ends (src/cli/send/session_pool.ts). */
import assert from "node:assert/strict";
import { SessionPool } from "../../src/cli/send/session_pool.ts";
import { connect } from "../../src/client/mod.ts";
import { Live } from "../client/live.ts";
import { until } from "../helpers/serving.ts";

const small = { label: "a", path: "a", mimeType: "text/plain", size: 5 };

Deno.test("a session is closed behind its files, however long these take", async () => {
  await using live = await Live.start();
  const client = await connect({ port: live.port });
  const pool = new SessionPool(client, { port: live.port }, true);
  const { maxInflight } = client.terms!;
  // A lap of files whose results come at one time, after longer than a connect took, leaves room for others.
  for (let n = 0; n < maxInflight; n++) pool.begun(pool.first);
  pool.grow(0, () => Infinity);
  await new Promise((resolve) => setTimeout(resolve, 20));
  for (let n = 0; n < maxInflight; n++) pool.ended(pool.first);
  pool.begun(pool.first);
  pool.grow(0, () => Infinity);
  await until(() => pool.mostUnderWay === 4 * maxInflight, "other sessions are open");
  const other = pool.sessionFor(small);
  assert.notEqual(other, pool.first);
  const { promise: read, resolve: goOn } = Promise.withResolvers<void>();
  const sending = other.client.send({
    size: 5,
    read: (into) => read.then(() => (into.fill(1, 0, 5), 5)),
  });
  const { setTimeout: after } = globalThis;
  globalThis.setTimeout = ((run: () => void, ms: number) => after(run, ms / 50)) as typeof after;
  try {
    const closing = pool.closeOthers(sending);
    await new Promise((resolve) => after(resolve, 300));
    goOn();
    assert.equal((await sending).file?.size, 5);
    await closing;
  } finally {
    globalThis.setTimeout = after;
  }
  await client.disconnect();
});
