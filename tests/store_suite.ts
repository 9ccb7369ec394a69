/**
 * The conformance suite of session stores: what the contract in src/store/types.ts promises, as
 * tests. Every implementation runs all of it; what one cannot do is a declared gap, which shows as a
 * skipped test with its reason.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  close,
  detach,
  execute,
  openUpload,
  renewLease,
  type SessionRecord,
} from "../src/session/mod.ts";
import type { LogEvent } from "../src/log.ts";
import type { SessionStore } from "../src/store/mod.ts";
import { unavailable } from "./helpers/errors.ts";
import { sample, sampleId, sampleRun, sampleUpload, T0 } from "./session/samples.ts";

/** A fresh, empty store; disposing the fixture removes all it left. */
export interface StoreFixture extends AsyncDisposable {
  readonly store: SessionStore;
  /** Opens the same data once more, as another process would; missing where that cannot be. */
  open?(): Promise<SessionStore>;
  /** Changes the text of a kept record behind the store's back. */
  damage?(id: string, change: (json: string) => string): Promise<void>;
  /** What the store has told of damaged records. */
  readonly told?: readonly LogEvent[];
}

/** What an implementation may declare not to do. */
export type StoreGap = "shared" | "persistent" | "damage" | "check";

/** Options of {@linkcode storeSuite}. */
export interface StoreSuiteOptions {
  /** The gaps with the reason of each. */
  readonly gaps?: Partial<Record<StoreGap, string>>;
}

type Case = (store: SessionStore, fixture: StoreFixture) => Promise<void>;

/** Runs every case of the contract against stores made by `factory`. */
export function storeSuite(
  name: string,
  factory: () => Promise<StoreFixture>,
  options: StoreSuiteOptions = {},
): void {
  const test = (title: string, run: Case, needs?: StoreGap): void => {
    const gap = needs && options.gaps?.[needs];
    Deno.test({
      name: `${name} ${title}${gap === undefined ? "" : ` [gap: ${gap}]`}`,
      ignore: gap !== undefined,
      fn: async () => {
        await using fixture = await factory();
        await using store = fixture.store;
        await run(store, fixture);
      },
    });
  };

  test("load() gives undefined for what was never saved", async (store) => {
    for (const id of [sampleId(1), "", "__proto__", "constructor", "'; --", "../x", "*", "%"]) {
      assert.equal(await store.load(id), undefined);
    }
  });

  test("load() gives an equal record to what was saved, every field of it", async (store) => {
    const record = full();
    await put(store, record);
    assert.deepEqual(await store.load(record.id), record);
    const plain = sample({ id: sampleId(2) });
    assert.ok(await store.save(plain));
    const loaded = await store.load(plain.id);
    assert.deepEqual(loaded, plain);
    const open = openUpload(plain, sampleUpload(), T0);
    assert.ok(await store.save(open));
    assert.ok(!("uploadId" in (await store.load(plain.id))!.upload!), "absent stays absent");
  });

  test("save() takes a new record at version 1 only", async (store) => {
    const record = sample();
    for (const version of [0, 2, 7]) {
      assert.equal(await store.save({ ...record, version }), false);
      assert.equal(await store.load(record.id), undefined);
    }
    assert.equal(await store.save(record), true);
  });

  test("save() takes the next version and refuses any other, which changes nothing", async (store) => {
    const first = sample();
    const second = renewLease(first, T0 + 1);
    assert.ok(await store.save(first));
    assert.ok(await store.save(second));
    for (const version of [1, 2, 4, 5]) {
      assert.equal(await store.save({ ...second, version, lastActivityAt: 0 }), false);
    }
    assert.deepEqual(await store.load(first.id), second);
  });

  test("save() lets exactly one of many racing writers win", async (store) => {
    const first = sample();
    assert.ok(await store.save(first));
    const writers = Array.from({ length: 20 }, (_, i) => renewLease(first, T0 + i));
    const won = await Promise.all(writers.map((record) => store.save(record)));
    assert.equal(won.filter(Boolean).length, 1);
    assert.deepEqual(await store.load(first.id), writers[won.indexOf(true)]);
  });

  test("save() lets exactly one of many racing creators win", async (store) => {
    const creators = Array.from({ length: 20 }, (_, i) => sample({ now: T0 + i }));
    const won = await Promise.all(creators.map((record) => store.save(record)));
    assert.equal(won.filter(Boolean).length, 1);
    assert.deepEqual(await store.load(sampleId(1)), creators[won.indexOf(true)]);
    assert.deepEqual(await store.stats(), { live: 1, ended: 0 });
  });

  test("save() loses no change of writers that load again after false", async (store) => {
    assert.ok(await store.save(sample()));
    await contend(store, store);
    const { version, messageCount } = (await store.load(sampleId(1)))!;
    assert.deepEqual({ version, messageCount }, { version: 101, messageCount: 100 });
  });

  test("save() lets no more new records in than maxLive, of all that come at once", async (store) => {
    const come = (from: number, count: number, maxLive: number) =>
      Promise.all(Array.from({ length: count }, (_, n) => {
        return store.save(sample({ id: sampleId(from + n) }), maxLive);
      }));
    const first = await come(0, 60, 5);
    assert.equal(first.filter(Boolean).length, 5);
    assert.deepEqual(await store.stats(), { live: 5, ended: 0 });
    const inside = (await ids(store)).toSorted();
    assert.equal(inside.length, 5, "those refused left nothing");
    // A limit is for new records, and a session that ended makes room for one more.
    const record = (await store.load(inside[0]!))!;
    assert.ok(await store.save(renewLease(record, T0), 1));
    assert.ok(await store.save(close(renewLease(record, T0), T0)));
    assert.equal((await come(100, 20, 5)).filter(Boolean).length, 1);
    assert.deepEqual(await come(200, 1, 0), [false]);
    assert.deepEqual(await come(300, 1, 6), [true]);
    assert.deepEqual(await store.stats(), { live: 6, ended: 1 });
  });

  test("save() keeps maxLive against another process, too", async (store, fixture) => {
    await using other = await fixture.open!();
    const saved = await Promise.all(Array.from({ length: 40 }, (_, n) => {
      return (n % 2 === 0 ? store : other).save(sample({ id: sampleId(n) }), 7);
    }));
    assert.equal(saved.filter(Boolean).length, 7);
    assert.deepEqual(await other.stats(), { live: 7, ended: 0 });
  }, "shared");

  test("delete() forgets a record and does not mind an absent one", async (store) => {
    const record = sample();
    await store.delete(record.id);
    assert.ok(await store.save(record));
    await store.delete(record.id);
    await store.delete(record.id);
    assert.equal(await store.load(record.id), undefined);
    assert.deepEqual(await ids(store), []);
  });

  test("save() refuses a change made from a record that was deleted since", async (store) => {
    const record = sample();
    assert.ok(await store.save(record));
    await store.delete(record.id);
    assert.equal(await store.save(renewLease(record, T0)), false);
    assert.equal(await store.load(record.id), undefined);
  });

  test("keeps tombstones: they load, are listed, and count as ended", async (store) => {
    const record = sample();
    const ended = close(record, T0 + 5);
    assert.ok(await store.save(record));
    assert.ok(await store.save(ended));
    assert.deepEqual(await store.load(record.id), ended);
    assert.deepEqual(await ids(store), [record.id]);
    assert.deepEqual(await store.stats(), { live: 0, ended: 1 });
  });

  test("stats() follows creation, detach, end, refusal and deletion", async (store) => {
    const counts: string[] = [];
    const note = async () => {
      const { live, ended } = await store.stats();
      counts.push(`${live}+${ended}`);
    };
    await note();
    const records = [1, 2, 3].map((n) => sample({ id: sampleId(n) }));
    for (const record of records) await store.save(record);
    await note();
    await store.save(detach(records[0]!, T0));
    await note();
    await store.save(close(records[0]!, T0)); // Refused: made from version 1.
    await note();
    await store.save(close(records[1]!, T0));
    await note();
    await store.delete(records[1]!.id);
    await note();
    await store.delete(records[2]!.id);
    await note();
    assert.deepEqual(counts, ["0+0", "3+0", "3+0", "3+0", "2+1", "2+0", "1+0"]);
  });

  test("list() of the live ones may leave tombstones out, and nothing else", async (store) => {
    for (let n = 0; n < 10; n++) {
      const record = sample({ id: sampleId(n) });
      assert.ok(await store.save(record));
      if (n % 2 === 0) assert.ok(await store.save(close(record, T0)));
    }
    const found = await Array.fromAsync(store.list("live"));
    const live = found.filter(({ endedAt }) => endedAt === null).map(({ id }) => id);
    assert.deepEqual(live.toSorted(), [1, 3, 5, 7, 9].map(sampleId));
    assert.equal((await ids(store)).length, 10);
  });

  test("list() gives every record once", async (store) => {
    const wanted = Array.from({ length: 250 }, (_, n) => sampleId(n));
    for (const id of wanted) assert.ok(await store.save(sample({ id })));
    assert.deepEqual((await ids(store)).sort(), wanted);
  });

  test("list() gives whole records under change, and those that stay exactly once", async (store) => {
    for (let n = 0; n < 100; n++) await store.save(sample({ id: sampleId(n) }));
    const seen: string[] = [];
    for await (const record of store.list()) {
      assert.equal(record.clientAddress, "192.0.2.7");
      seen.push(record.id);
      const n = parseInt(record.id.slice(-4), 16);
      // Every kind of change, at records behind and ahead of the walk.
      if (n < 50) {
        await store.delete(sampleId(50 + n));
        await store.save(renewLease((await store.load(sampleId(49 - n)))!, T0));
        if (n < 10) await store.save(sample({ id: sampleId(1000 + n) }));
      }
    }
    const kept = seen.filter((id) => id < sampleId(50));
    assert.equal(kept.length, 50, "what was there all the time");
    assert.equal(new Set(kept).size, 50, "once");
  });

  test("list() can be left early and the store goes on", async (store) => {
    for (let n = 0; n < 20; n++) await store.save(sample({ id: sampleId(n) }));
    for await (const record of store.list()) {
      await store.delete(record.id);
      break;
    }
    assert.equal((await ids(store)).length, 19);
    assert.ok(await store.save(sample({ id: sampleId(99) })));
  });

  test("keeps the replies of a ring that grows, turns over, shrinks and is emptied", async (store) => {
    let record = sample();
    const save = async (next: SessionRecord) => {
      assert.ok(await store.save(next));
      record = next;
      assert.deepEqual(await store.load(record.id), record);
    };
    await save(record);
    const run = (maxInflight: number) => execute(record, sampleRun(next(record), { maxInflight }));
    for (let i = 0; i < 7; i++) await save(run(4));
    await save(renewLease(record, T0)); // the same ring once more
    for (let i = 0; i < 2; i++) await save(run(4));
    await save(run(2));
    await save(run(16));
    await save({ ...renewLease(record, T0), ring: [] });
    await save(renewLease(record, T0));
    for (let i = 0; i < 3; i++) await save(run(4));
    await save({ ...renewLease(record, T0), ring: record.ring.slice(1) });
    await save({ ...renewLease(record, T0), ring: [...record.ring].map((kept) => ({ ...kept })) });
  });

  test("keeps the replies of a long ring, and none of a save that was refused", async (store) => {
    let record = sample();
    assert.ok(await store.save(record));
    for (let i = 1; i <= 120; i++) {
      const run = (fingerprint: string) =>
        execute(record, sampleRun(i, { maxInflight: 40, fingerprint }));
      const [saved, late] = i % 7 === 0 ? [run("first"), run("late")] : [run("first"), undefined];
      assert.ok(await store.save(saved));
      if (late !== undefined) assert.equal(await store.save(late), false);
      // Mostly the saved record goes on, now and then the one that the store gives back.
      const kept = (await store.load(record.id))!;
      assert.deepEqual([...kept.ring], [...saved.ring]);
      assert.ok(saved.ring.slice().every(({ fingerprint }) => fingerprint === "first"));
      record = i % 50 === 0 ? kept : saved;
    }
    assert.equal(record.ring.length, 40);
  });

  test(
    "keeps the replies of a ring whose holder changes from save to save",
    async (store, fixture) => {
      await using other = await fixture.open!();
      assert.ok(await store.save(sample()));
      for (let i = 1; i <= 12; i++) {
        const [holder, former] = i % 2 === 0 ? [store, other] : [other, store];
        const loaded = (await holder.load(sampleId(1)))!;
        const stale = (await former.load(sampleId(1)))!;
        const saved = execute(loaded, sampleRun(i));
        assert.ok(await holder.save(saved));
        assert.equal(
          await former.save(execute(stale, sampleRun(i, { fingerprint: "late" }))),
          false,
        );
        if (i % 3 === 0) assert.ok(await holder.save(renewLease(saved, T0)));
        const kept = (await former.load(sampleId(1)))!.ring;
        assert.deepEqual(kept, saved.ring);
      }
    },
    "shared",
  );

  test("keeps a record of 1 MB and more", async (store) => {
    let record = sample();
    for (let i = 1; i <= 16; i++) {
      const reply = { code: "ok", text: "x".repeat(65_000 + i) };
      record = execute(record, sampleRun(i, { reply, maxInflight: 16 }));
    }
    await put(store, record);
    assert.deepEqual(await store.load(record.id), record);
  });

  test("keeps any text a peer can send, and the largest numbers", async (store) => {
    const names = [
      "žluťoučký 🐎",
      "a\u0000b",
      "\u202eexe.txt",
      "\ud800",
      "'\"\\\n\r\u001b[31m",
      "",
    ];
    let n = 0;
    for (const name of names) {
      const upload = sampleUpload({ name, offset: Number.MAX_SAFE_INTEGER });
      const record = openUpload(sample({ id: sampleId(n++) }), upload, T0);
      await put(store, record);
      assert.deepEqual(await store.load(record.id), record);
    }
  });

  for (const [what, change] of Object.entries(DAMAGES)) {
    test(
      `list() sets a record aside that ${what}, tells it once, and goes on`,
      async (store, at) => {
        for (let n = 0; n < 6; n++) assert.ok(await store.save(sample({ id: sampleId(n) })));
        const kept = execute(sample({ id: sampleId(2) }), sampleRun(1));
        assert.ok(await store.save(kept));
        await at.damage!(sampleId(2), change);
        await assert.rejects(store.load(sampleId(2)), unavailable, "the store does not guess");
        const others = [0, 1, 3, 4, 5].map(sampleId);
        for (let walk = 0; walk < 3; walk++) {
          assert.deepEqual((await ids(store)).toSorted(), others);
        }
        assert.deepEqual(await store.stats(), { live: 5, ended: 0 });
        assert.equal(await store.load(sampleId(2)), undefined);
        assert.equal(
          await store.save(execute(kept, sampleRun(2))),
          false,
          "it has no past any more",
        );
        const [line, ...more] = at.told!;
        assert.deepEqual([line!.event, line!.level, more.length], ["store.damaged", "warn", 0]);
        assert.deepEqual([line!.fields.session, line!.fields.count], [sampleId(2).slice(0, 8), 1]);
      },
      "damage",
    );
  }

  test("list() leaves a damaged record to a holder who saves it in time", async (store, at) => {
    const record = sample();
    assert.ok(await store.save(record));
    await at.damage!(record.id, (json) => json.slice(0, -20));
    const next = renewLease(record, T0 + 1);
    assert.ok(await store.save(next));
    assert.deepEqual(await ids(store), [record.id]);
    assert.deepEqual(await store.load(record.id), next);
    assert.deepEqual(at.told, []);
  }, "damage");

  test("check() proves that a session can be saved, and leaves nothing behind", async (store) => {
    assert.ok(await store.save(sample()));
    for (let i = 0; i < 3; i++) await store.check!();
    assert.deepEqual(await store.stats(), { live: 1, ended: 0 });
    assert.deepEqual(await ids(store), [sampleId(1)]);
    await store[Symbol.asyncDispose]();
    await assert.rejects(store.check!(), TypeError);
  }, "check");

  test("refuses every call after dispose, and takes a second dispose", async (store) => {
    await store.save(sample());
    await store[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
    await assert.rejects(store.load(sampleId(1)), TypeError);
    await assert.rejects(store.save(sample()), TypeError);
    await assert.rejects(store.delete(sampleId(1)), TypeError);
    await assert.rejects(store.stats(), TypeError);
    await assert.rejects(ids(store), TypeError);
  });

  test("compares and sets against another process on the same data", async (store, fixture) => {
    await using other = await fixture.open!();
    const record = sample();
    assert.ok(await store.save(record));
    assert.deepEqual(await other.load(record.id), record);
    assert.equal(await other.save(record), false);
    assert.ok(await other.save(renewLease(record, T0 + 1)));
    assert.equal(await store.save(renewLease(record, T0 + 2)), false);
    await store.delete(record.id);
    assert.ok(await other.save(record));
    await contend(store, other);
    assert.equal((await store.load(record.id))!.messageCount, 100);
    await other.save(close((await other.load(record.id))!, T0));
    assert.deepEqual(await store.stats(), { live: 0, ended: 1 });
  }, "shared");

  test("says whether its records outlive it, and they do", async (store, fixture) => {
    assert.equal(store.persistent, true);
    const record = full();
    await put(store, record);
    await store[Symbol.asyncDispose]();
    await using again = await fixture.open!();
    assert.deepEqual(await again.load(record.id), record);
    assert.deepEqual(await again.stats(), { live: 1, ended: 0 });
  }, "persistent");
}

/** What can become of the text of a record. */
const DAMAGES: Readonly<Record<string, (json: string) => string>> = {
  "ends in the middle": (json) => json.slice(0, 100),
  "is empty": () => "",
  "has a control character in it": (json) => `${json.slice(0, 40)}\u0001${json.slice(41)}`,
  "is JSON of another kind": () => "[1,2,3]",
  "lacks a field": (json) => json.replace('"leaseUntil"', '"leaseUntin"'),
  "has a number that is none": (json) => json.replace(/"epoch":\d+/, '"epoch":"1"'),
  "has a state that nobody knows": (json) => json.replace(/"state":"\w+"/, '"state":"active!"'),
  "has the id of another session": (json) => json.replace(sampleId(2), sampleId(3)),
  "has another version than it was saved with": (json) =>
    json.replace(/^(.*)"version":\d+/, (_, before) => `${before}"version": 1`),
};

function next(record: SessionRecord): number {
  return record.lastSequence + 1;
}

/** Saves a record that has come to its version without the store. */
async function put(store: SessionStore, record: SessionRecord): Promise<void> {
  for (let version = 1; version <= record.version; version++) {
    assert.ok(await store.save({ ...record, version }));
  }
}

/** A record with something in every field. */
function full(): SessionRecord {
  const record = sample({ tokenHash: "ab".repeat(32) });
  return {
    ...openUpload(execute(record, sampleRun(1)), sampleUpload({ uploadId: "u", length: 9 }), T0),
    takeovers: [T0, T0 + 1],
    detachedAt: T0 + 2,
    intent: {
      sequence: 2,
      fingerprint: "f2",
      temporaryPath: "t",
      finalPath: "f",
      size: 9,
      sha256: "ab",
      mimeType: "image/png",
    },
  };
}

/** Ten writers on two handles, each of which gets ten changes in. */
async function contend(one: SessionStore, two: SessionStore): Promise<void> {
  await Promise.all(Array.from({ length: 10 }, async (_, writer) => {
    const store = writer % 2 === 0 ? one : two;
    for (let done = 0; done < 10;) {
      const now = (await store.load(sampleId(1)))!;
      const { version, messageCount } = now;
      const next = { ...now, version: version + 1, messageCount: messageCount + 1 };
      if (await store.save(next)) done++;
    }
  }));
}

async function ids(store: SessionStore): Promise<string[]> {
  return (await Array.fromAsync(store.list())).map((record) => record.id);
}
