/** What every ledger of users does: the suite for implementations. @module */
import assert from "node:assert/strict";
import { RESERVED_MS, type UserLedger } from "../../src/keys/mod.ts";
import { Random } from "../helpers/random.ts";

/** Ledgers that share what they remember; a second one is another process, where there can be one. */
export interface LedgerFixture extends AsyncDisposable {
  readonly ledger: UserLedger;
  readonly other: UserLedger;
}

const NOW = Date.now();
const limits = { bytes: 1000, files: 3 };

/** Declares the suite for one implementation. */
export function ledgerSuite(
  name: string,
  open: () => Promise<LedgerFixture>,
  options: Partial<Deno.TestDefinition> = {},
): void {
  const test = (sentence: string, run: (fixture: LedgerFixture) => Promise<void>) =>
    Deno.test({
      ...options,
      name: `${name} ${sentence}`,
      fn: async () => {
        await using fixture = await open();
        await run(fixture);
      },
    });

  test("S-KEY-3 takes a nonce once, whichever process is asked", async ({ ledger, other }) => {
    const nonce = "n".repeat(22);
    const until = NOW + 60_000;
    assert.equal(await ledger.takeNonce("alice", nonce, until, NOW), true);
    assert.equal(await ledger.takeNonce("alice", nonce, until, NOW), false);
    assert.equal(await other.takeNonce("alice", nonce, until, NOW + 1), false);
    const both = [ledger, other].map((each) => each.takeNonce("alice", "m".repeat(22), until, NOW));
    assert.deepEqual((await Promise.all(both)).sort(), [false, true]);
  });

  test("counts a file before its bytes, and refuses what is over a limit", async ({ ledger, other }) => {
    assert.equal(await ledger.reserve("alice", "a", 600, limits, NOW), true);
    assert.equal(await other.reserve("alice", "b", 401, limits, NOW), false);
    assert.equal(await other.reserve("alice", "b", 400, limits, NOW), true);
    assert.deepEqual(await ledger.usage("alice", NOW), { bytes: 1000, files: 2 });
    assert.equal(await other.reserve("bob", "a", 1000, limits, NOW), true);
    // The same claim again counts once.
    assert.equal(await ledger.reserve("alice", "a", 500, limits, NOW), true);
    assert.deepEqual(await other.usage("alice", NOW), { bytes: 900, files: 2 });
    await ledger.release("alice", "b");
    await ledger.release("alice", "b");
    assert.deepEqual(await ledger.usage("alice", NOW), { bytes: 500, files: 1 });
  });

  test("charges a stored file once, and gives it back", async ({ ledger, other }) => {
    await ledger.reserve("alice", "a", 600, limits, NOW);
    await ledger.charge("alice", "files/a", 550, "a");
    await other.charge("alice", "files/a", 550, "a");
    assert.deepEqual(await ledger.usage("alice", NOW), { bytes: 550, files: 1 });
    await ledger.charge("alice", "files/b", 0);
    await ledger.charge("alice", "files/c", 1);
    assert.equal(await other.reserve("alice", "d", 0, limits, NOW), false, "three files");
    await other.giveBack("alice", "files/a");
    await ledger.giveBack("alice", "files/a");
    assert.deepEqual(await ledger.usage("alice", NOW), { bytes: 1, files: 2 });
    assert.equal(await other.reserve("alice", "d", 999, limits, NOW), true);
  });

  test("forgets a reservation of a process that died, when its time is over", async ({ ledger }) => {
    await ledger.reserve("alice", "a", 1000, limits, NOW);
    assert.equal(await ledger.reserve("alice", "b", 1, limits, NOW + RESERVED_MS - 1), false);
    assert.equal(await ledger.reserve("alice", "b", 1, limits, NOW + RESERVED_MS), true);
  });

  test("is exact under any order of steps of two processes", async ({ ledger, other }) => {
    const random = new Random(7);
    const files = new Map<string, number>();
    const claims = new Map<string, number>();
    const sum = (all: Iterable<number>) => [...all].reduce((a, b) => a + b, 0);
    for (let step = 0; step < 200; step++) {
      const by = random.pick([ledger, other]);
      const name = `f${random.int(0, 5)}`;
      const bytes = random.int(0, 500);
      switch (random.int(0, 3)) {
        case 0: {
          const { [name]: _, ...others } = Object.fromEntries(claims);
          const used = sum(files.values()) + sum(Object.values(others));
          const fits = used + bytes <= 1000 && files.size + Object.keys(others).length + 1 <= 3;
          assert.equal(await by.reserve("eve", name, bytes, limits, NOW), fits, `step ${step}`);
          if (fits) claims.set(name, bytes);
          break;
        }
        case 1:
          if (!claims.has(name)) break;
          await by.charge("eve", name, files.get(name) ?? claims.get(name)!, name);
          files.set(name, files.get(name) ?? claims.get(name)!);
          claims.delete(name);
          break;
        case 2:
          await by.release("eve", name);
          claims.delete(name);
          break;
        case 3:
          await by.giveBack("eve", name);
          files.delete(name);
      }
      assert.deepEqual(await by.usage("eve", NOW), {
        bytes: sum(files.values()) + sum(claims.values()),
        files: files.size + claims.size,
      }, `step ${step}`);
    }
  });
}
