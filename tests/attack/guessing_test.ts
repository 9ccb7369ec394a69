/** Guessing: what the time of a refusal tells, and what the text of one tells (S-KEY-4). @module */
import assert from "node:assert/strict";
import { newKey } from "../../src/keys/mod.ts";
import { Random } from "../helpers/random.ts";
import { shownConnect } from "../helpers/shown_connect.ts";
import { line, withUsers } from "../helpers/users.ts";

const TRIES = 1000;

/**
 * How far two samples are from one distribution: the rank-sum statistic (Mann and Whitney) in standard
 * deviations. Ranks do not care how long the longest pauses of a busy machine are.
 */
function rankSumZ(one: readonly number[], other: readonly number[]): number {
  const all = [
    ...one.map((value) => ({ value, mine: true })),
    ...other.map((value) => ({ value, mine: false })),
  ]
    .sort((a, b) => a.value - b.value);
  let sum = 0;
  for (let at = 0; at < all.length;) {
    let end = at;
    while (end < all.length && all[end]!.value === all[at]!.value) end++;
    for (let i = at; i < end; i++) if (all[i]!.mine) sum += (at + end + 1) / 2;
    at = end;
  }
  const [n, m] = [one.length, other.length];
  const mean = n * (n + m + 1) / 2;
  return (sum - mean) / Math.sqrt(n * m * (n + m + 1) / 12);
}

Deno.test("the statistic sees a difference of a twentieth, and none where there is none", () => {
  const random = new Random(1);
  const sample = (shift: number) =>
    Array.from({ length: TRIES }, () => shift + random.int(0, 1000) / 1000 * random.int(0, 3));
  assert.ok(Math.abs(rankSumZ(sample(0), sample(0))) < 4);
  assert.ok(Math.abs(rankSumZ(sample(0), sample(0.15))) > 4);
});

Deno.test("S-KEY-4 the time of a refusal does not tell a known name from an unknown one", async () => {
  const old = { secret: newKey("carol").secret, until: Date.now() + 60_000 };
  await using users = await withUsers([line("alice"), line("bob"), line("carol", { old })]);
  const random = new Random(2);
  const names = { known: ["alice", "carol"], unknown: ["olivia", "peggy"] } as const;
  const measure = async (tries: number) => {
    using peer = await users.server.open();
    const times = { known: [] as number[], unknown: [] as number[] };
    while (times.known.length < tries || times.unknown.length < tries) {
      // In random order, so that what the machine does besides hits both alike.
      const kind = random.pick(["known", "unknown"] as const);
      const bytes = shownConnect(newKey(random.pick(names[kind])));
      const begun = performance.now();
      await peer.send(bytes);
      const { data } = await peer.reply();
      times[kind].push(performance.now() - begun);
      assert.equal(data.code, "unauthorized");
    }
    return Math.abs(rankSumZ(times.known, times.unknown));
  };
  await measure(300); // the first ones are slower, whoever they name
  // One in 15,000 honest runs is beyond 4; three in a row are not.
  let z = Infinity;
  for (let run = 0; run < 3 && z > 4; run++) z = await measure(TRIES);
  assert.ok(z <= 4, `${z} standard deviations apart`);
});

Deno.test("S-KEY-4 refusals of every wrong key are the same to the byte", async () => {
  const expired = line("dave", { until: Date.now() - 1000 });
  await using users = await withUsers([line("alice"), expired]);
  const told = new Set<string>();
  for (const key of [newKey("alice"), newKey("nobody"), expired.key]) {
    using peer = await users.server.open();
    await peer.send(shownConnect(key));
    told.add(JSON.stringify(await peer.reply()));
  }
  const [one, ...others] = told;
  assert.match(one!, /"unauthorized"/);
  assert.deepEqual(others, []);
});

Deno.test("S-CON-5 the id of a user's session is worth nothing without the key", async () => {
  await using users = await withUsers([line("alice"), line("bob")]);
  const [alice, bob] = users.lines;
  using owner = await users.server.open();
  await owner.send(shownConnect(alice!.key, { mode: "stateful" }));
  const { header: { session: { id } } } = await owner.reply();
  for (const id of [crypto.randomUUID(), "known"]) assert.ok(id);
  using thief = await users.server.open();
  await thief.send(shownConnect(bob!.key, { mode: "stateful", id }));
  assert.equal((await thief.reply()).data.code, "unauthorized");
  using stranger = await users.server.open();
  assert.equal((await stranger.connect({}, id)).data.code, "unauthorized");
});
