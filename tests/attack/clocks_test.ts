/** A server whose clock stands still or jumps: nothing is let in again, and nobody is shut out (S-KEY-3). @module */
import assert from "node:assert/strict";
import { formatKey, newKey } from "../../src/keys/mod.ts";
import { connect } from "../../src/client/mod.ts";
import type { InProcess } from "../helpers/in_process.ts";
import { shownConnect } from "../helpers/shown_connect.ts";
import { line, withUsers } from "../helpers/users.ts";

const DAY = 24 * 3_600_000;
const YEAR = 365 * DAY;

/** Sets the clock of this process, client and server alike, until disposed. */
function clock() {
  const { now } = Date;
  return {
    to: (time: () => number) => void (Date.now = time),
    right: now,
    [Symbol.dispose]: () => void (Date.now = now),
  };
}

async function ask(server: InProcess, bytes: Uint8Array) {
  using peer = await server.open();
  await peer.send(bytes);
  return (await peer.reply()).data;
}

for (const [words, jump] of [["ahead", YEAR], ["back", -YEAR], ["a minute", 60_000]] as const) {
  Deno.test(`S-KEY-3 the server's clock jumps (${words}) and comes back: old connects stay out, new ones get in`, async () => {
    using set = clock();
    await using users = await withUsers([line("alice")]);
    const { key } = users.lines[0]!;
    const captured = shownConnect(key, { time: set.right() + 1000 });
    assert.equal((await ask(users.server, captured)).code, "ok");
    set.to(() => set.right() + jump);
    assert.equal((await ask(users.server, shownConnect(key))).code, "ok", "in the wrong time");
    const inWrongTime = shownConnect(key);
    assert.equal((await ask(users.server, inWrongTime)).code, "ok");
    set.to(set.right);
    assert.equal(
      (await ask(users.server, shownConnect(key, { time: Date.now() + 12_000 }))).code,
      "ok",
    );
    for (const again of [captured, inWrongTime]) {
      const { code } = await ask(users.server, again);
      assert.ok(["replay_detected", "busy", "clock_skew"].includes(code), code);
    }
  });
}

Deno.test("S-KEY-3 a server that starts with its clock a year ahead serves when the clock is put right", async () => {
  using set = clock();
  set.to(() => set.right() + YEAR);
  await using users = await withUsers([line("alice")]);
  const { key } = users.lines[0]!;
  set.to(set.right);
  // What an earlier process may have seen stays out.
  const early = await ask(users.server, shownConnect(key, { time: Date.now() - 60_000 }));
  assert.equal(early.code, "busy");
  assert.ok(early.retry_after_ms! <= 60_000);
  await using client = await connect(users.options("alice"));
  assert.ok((await client.send(new Uint8Array(10))).confirmed);
});

Deno.test("S-KEY-3 while the clock stands still each connect is taken once, and another user is served", async () => {
  using set = clock();
  await using users = await withUsers([line("alice"), line("bob")]);
  const still = set.right() + 5;
  set.to(() => still);
  const { key } = users.lines[0]!;
  for (let n = 0; n < 100; n++) {
    const bytes = shownConnect(key);
    assert.equal((await ask(users.server, bytes)).code, "ok");
    assert.equal((await ask(users.server, bytes)).code, "replay_detected");
  }
  await using bob = await connect(users.options("bob"));
  assert.ok((await bob.send(new Uint8Array(10))).confirmed);
});

Deno.test("S-KEY-4 10,000 guessed names take no memory and no more time at the end than at the start", async () => {
  await using users = await withUsers([line("alice")]);
  using peer = await users.server.open();
  const guess = async (count: number): Promise<number> => {
    const times: number[] = [];
    for (let n = 0; n < count; n++) {
      const bytes = shownConnect(newKey(`u${crypto.randomUUID().slice(0, 30)}`));
      const begun = performance.now();
      await peer.send(bytes);
      assert.equal((await peer.reply()).data.code, "unauthorized");
      times.push(performance.now() - begun);
    }
    return times.sort((a, b) => a - b)[count >> 1]!;
  };
  // Of this thread alone: others run tests of their own in the same process.
  const held = () => Deno.memoryUsage().heapUsed + Deno.memoryUsage().external;
  await guess(3000); // the first ones are slower
  const before = { ms: await guess(1000), bytes: held() };
  await guess(5000);
  const after = { ms: await guess(1000), bytes: held() };
  const grown = (after.bytes - before.bytes) / 1024 / 1024;
  assert.ok(grown < 48, `${grown} MiB more`);
  assert.ok(after.ms < 3 * before.ms + 1, `${before.ms} ms, then ${after.ms} ms`);
  await using alice = await connect({
    ...users.options("alice"),
    key: formatKey(users.lines[0]!.key),
  });
  assert.ok((await alice.send(new Uint8Array(10))).confirmed);
});
