import assert from "node:assert/strict";
import { type Code, FxferError } from "../../src/errors.ts";
import { close, execute, renewLease, type SessionRecord } from "../../src/session/mod.ts";
import {
  createSharedSessions,
  MemorySessionStore,
  type SessionStore,
  type SharedSessions,
  SharedSessionStore,
} from "../../src/store/mod.ts";
import { reserveHeap } from "../../src/store/shared_heap.ts";
import { unavailable } from "../helpers/errors.ts";
import { Random } from "../helpers/random.ts";
import { sample, sampleId, sampleRun, T0 } from "../session/samples.ts";
import { storeSuite } from "../store_suite.ts";
import type { Answer, Ask } from "./shared_thread.ts";

const gaps = {
  damage: "records are bytes in memory, which nobody else can change",
  check: "nothing but full memory keeps a session from being saved",
};

/** The store of another thread. */
class Remote implements AsyncDisposable {
  readonly kind = "memory";
  readonly persistent = true;
  readonly #thread = new Worker(import.meta.resolve("./shared_thread.ts"), { type: "module" });
  readonly #calls = new Map<number, (answer: Answer) => void>();
  #asked = 0;

  static async open(memory: SharedSessions): Promise<Remote> {
    const remote = new Remote();
    remote.#thread.onmessage = ({ data }: MessageEvent<Answer>) => {
      remote.#calls.get(data.call)!(data);
      remote.#calls.delete(data.call);
    };
    await remote.ask("open", [], memory);
    return remote;
  }

  async ask(method: string, args: readonly unknown[], memory?: SharedSessions): Promise<unknown> {
    const { promise, resolve } = Promise.withResolvers<Answer>();
    const call = ++this.#asked;
    this.#calls.set(call, resolve);
    const ask: Ask = { call, method, args, ...(memory && { memory }) };
    this.#thread.postMessage(ask);
    const { value, error } = await promise;
    if (error === undefined) return value;
    if (error.code !== undefined) throw new FxferError(error.code as Code, error.message);
    throw error.name === "TypeError" ? new TypeError(error.message) : new Error(error.message);
  }

  /** The methods of the store, each of them asked over there. */
  get store(): SessionStore {
    const call = <T>(method: string) => (...args: readonly unknown[]) =>
      this.ask(method, args) as Promise<T>;
    return {
      kind: "memory",
      persistent: true,
      load: call("load"),
      save: call("save"),
      delete: call("delete"),
      stats: call("stats"),
      list: async function* (this: Remote, scope = "all") {
        yield* await this.ask("list", [scope]) as SessionRecord[];
      }.bind(this),
      [Symbol.asyncDispose]: async () => {},
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#thread.terminate();
    return Promise.resolve();
  }
}

storeSuite("SharedSessionStore", () => {
  const memory = createSharedSessions();
  const open = () => Promise.resolve(new SharedSessionStore(memory, { persistent: true }));
  return Promise.resolve({
    store: new SharedSessionStore(memory, { persistent: true }),
    open,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
}, { gaps });

storeSuite("SharedSessionStore, with another thread,", async () => {
  const memory = createSharedSessions();
  await using opened = new AsyncDisposableStack();
  const remote = opened.use(await Remote.open(memory));
  return Object.assign(opened.move(), {
    store: new SharedSessionStore(memory, { persistent: true }),
    open: () => Promise.resolve(remote.store),
  });
}, { gaps });

Deno.test("SharedSessionStore loses no change of three threads that write the same sessions", async () => {
  const memory = createSharedSessions();
  await using opened = new AsyncDisposableStack();
  const threads: Remote[] = [];
  for (let n = 0; n < 3; n++) threads.push(opened.use(await Remote.open(memory)));
  await Promise.all(threads.map((thread) => thread.ask("work", [20, 100])));
  await using store = new SharedSessionStore(memory);
  const records = await Array.fromAsync(store.list());
  assert.equal(records.length, 20);
  for (const { id, version, lastSequence, ring } of records) {
    assert.deepEqual([version, lastSequence], [300, 299], "300 saves, and the first one made it");
    const last = [296, 297, 298, 299].map((sequence) => ({
      sequence,
      fingerprint: `f${sequence}`,
      reply: { code: "ok", by: id },
    }));
    assert.deepEqual(ring, last);
  }
});

Deno.test("SharedSessionStore holds what a store of objects holds, whatever is done", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = new Random(seed);
    const memory = createSharedSessions();
    await using one = new SharedSessionStore(memory);
    await using two = new SharedSessionStore(memory);
    await using model = new MemorySessionStore();
    for (let step = 0; step < 300; step++) {
      const store = random.int(0, 1) === 0 ? one : two;
      const id = sampleId(random.int(1, 12) * 0x1234567);
      const kept = await model.load(id);
      const next = kept === undefined ? sample({ id }) : change(random, kept);
      if (next === undefined) {
        await Promise.all([store.delete(id), model.delete(id)]);
        continue;
      }
      const stale = random.int(0, 9) === 0 ? { ...next, version: next.version + 1 } : next;
      const expected = await model.save(stale);
      // What the store was given before is not always the object that is changed now.
      const given = random.int(0, 1) === 0 ? stale : fromText(stale);
      assert.equal(await store.save(given), expected, `seed ${seed}, step ${step}`);
      const loaded = await model.load(id);
      assert.deepEqual(
        await two.load(id),
        loaded && fromText(loaded),
        `seed ${seed}, step ${step}`,
      );
      assert.deepEqual(await one.stats(), await model.stats());
    }
    const all = async (store: SessionStore) =>
      (await Array.fromAsync(store.list())).sort((a, b) => a.id < b.id ? -1 : 1);
    assert.deepEqual(await all(one), (await all(model)).map(fromText));
  }
});

/** The record as it is after it was written as text. */
const fromText = (record: SessionRecord): SessionRecord => JSON.parse(JSON.stringify(record));

/** The next version of a record; undefined to delete it. */
function change(random: Random, record: SessionRecord): SessionRecord | undefined {
  const at = random.int(0, 19);
  if (at === 0 || record.endedAt !== null) return undefined;
  if (at === 1) return close(record, T0);
  if (at === 2) return renewLease(record, T0 + at);
  if (at === 3) return { ...renewLease(record, T0), ring: [] };
  const reply = { code: "ok", text: "é".repeat(random.int(0, at === 4 ? 9000 : 200)) };
  const maxInflight = at === 5 ? 2 : 40;
  return execute(record, sampleRun(record.lastSequence + 1, { reply, maxInflight }));
}

/** How much memory all tables have. */
const sizeOf = ({ tables }: SharedSessions): number =>
  tables.reduce((sum, { byteLength }) => sum + byteLength, 0);

Deno.test("SharedSessionStore uses memory again, of sessions that went and of replies that were large", async () => {
  const memory = createSharedSessions();
  await using store = new SharedSessionStore(memory, { maxEnded: 16 });
  let size = 0;
  for (let round = 0; round < 30; round++) {
    for (let n = 0; n < 100; n++) {
      let record = sample({ id: crypto.randomUUID() });
      assert.ok(await store.save(record));
      for (let i = 1; i <= 20; i++) {
        const reply = { code: "ok", text: "x".repeat(i * 200) };
        record = execute(record, sampleRun(i, { reply, maxInflight: 8 }));
        assert.ok(await store.save(record));
      }
      if (n % 2 === 0) await store.delete(record.id);
      else assert.ok(await store.save(close(record, T0)));
    }
    if (round === 9) size = sizeOf(memory);
  }
  assert.ok(size > 0 && sizeOf(memory) === size, `${size} bytes became ${sizeOf(memory)}`);
});

Deno.test("SharedSessionStore forgets the session of a table that ended first when tombstones are too many", async () => {
  await using store = new SharedSessionStore(createSharedSessions(), { maxEnded: 32 });
  const [first, second, third] = [1, 2, 3].map((n) => sample({ id: sampleId(n) }));
  for (const record of [first!, second!, third!]) {
    assert.ok(await store.save(record));
    assert.ok(await store.save(close(record, T0)));
  }
  assert.equal(await store.load(first!.id), undefined);
  assert.deepEqual(await store.stats(), { live: 0, ended: 2 });
  await store.delete(second!.id);
  await store.delete(third!.id);
  assert.deepEqual(await store.stats(), { live: 0, ended: 0 });
});

/** Memory in which no table can grow. */
function smallMemory(): SharedSessions {
  const small = () => new SharedArrayBuffer(2 ** 16, { maxByteLength: 2 ** 16 });
  const memory = createSharedSessions();
  return { ...memory, tables: memory.tables.map(small) };
}

Deno.test("SharedSessionStore says store_unavailable when its memory is full, and nothing has changed", async () => {
  await using store = new SharedSessionStore(smallMemory());
  const saved: SessionRecord[] = [];
  const failing = async () => {
    for (let n = 0; n < 1000; n++) {
      const record = sample({ id: sampleId(n) });
      assert.ok(await store.save(record));
      saved.push(record);
    }
  };
  await assert.rejects(failing(), unavailable);
  assert.ok(saved.length > 10, `${saved.length} sessions`);
  const large = { reply: { code: "ok", text: "x".repeat(60_000) } };
  await assert.rejects(store.save(execute(saved[0]!, sampleRun(1, large))), unavailable);
  assert.deepEqual(await store.load(saved[0]!.id), saved[0]);
  assert.deepEqual(await store.stats(), { live: saved.length, ended: 0 });
  await store.delete(saved[1]!.id);
  assert.ok(await store.save(renewLease(saved[0]!, T0)), "there is room again");
});

Deno.test("SharedSessionStore does not wait for ever for a thread that died in the middle of a change", async () => {
  const memory = createSharedSessions();
  await using store = new SharedSessionStore(memory);
  for (const table of memory.tables) Atomics.store(new Int32Array(table), 0, 1);
  await assert.rejects(store.load(sampleId(1)), unavailable);
  assert.equal(reserveHeap().byteLength, memory.tables[0]!.byteLength);
});

Deno.test("SharedSessionStore tells a takeover here at once, and elsewhere through its user", async () => {
  const memory = createSharedSessions();
  const heard: string[] = [];
  await using there = new SharedSessionStore(memory);
  await using here = new SharedSessionStore(memory, {
    tell: (id, epoch) => there.hear(id, epoch),
  });
  const watching = there.watch((id, epoch) => heard.push(`there ${id} ${epoch}`));
  await using _own = here.watch((id, epoch) => heard.push(`here ${id} ${epoch}`));
  await here.announce("a", 2);
  await watching[Symbol.asyncDispose]();
  await here.announce("b", 3);
  assert.deepEqual(heard.sort(), ["here a 2", "here b 3", "there a 2"]);
});

Deno.test("SharedSessionStore has one time for all threads, whatever the wall clock of a later one says", async () => {
  const memory = createSharedSessions();
  const hour = 3_600_000;
  for (const off of [hour, -hour]) {
    // The first thread's clock was an hour away when it began.
    Atomics.store(memory.time, 0, BigInt(Math.round((Date.now() + off) * 1000)));
    await using first = new SharedSessionStore(memory);
    await using second = new SharedSessionStore(memory);
    let last = 0;
    for (const store of [first, second, first, second]) {
      const now = await store.now();
      assert.ok(Math.abs(now - Date.now() - off) < 10_000, `${now}`);
      assert.ok(now >= last, "it never goes back");
      last = now;
    }
  }
});

Deno.test("SharedSessionStore refuses an id that is no UUID", async () => {
  await using store = new SharedSessionStore(createSharedSessions());
  await assert.rejects(store.save(sample({ id: "one" })), TypeError);
});

Deno.test("SharedSessionStore.hold() makes others wait until the holder has saved, or let go", async () => {
  const memory = createSharedSessions();
  await using holder = new SharedSessionStore(memory);
  await using other = new SharedSessionStore(memory);
  const first = sample();
  assert.ok(await holder.save(first));
  for (const end of ["save", "letGo"] as const) {
    const kept = (await holder.load(first.id))!;
    assert.equal(holder.hold(kept.id, kept.epoch), true);
    let done = false;
    const late = other.save(renewLease(kept, T0 + 1)).finally(() => done = true);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(done, false);
    if (end === "save") assert.ok(await holder.save(renewLease(kept, T0 + 2)));
    holder.letGo(kept.id);
    assert.equal(await late, end === "letGo", "who has held it, has saved first");
  }
  assert.ok(await other.save({ ...renewLease((await other.load(first.id))!, T0), epoch: 2 }));
  assert.equal(holder.hold(first.id, 1), false, "it was taken over");
  assert.ok(await other.save(close((await other.load(first.id))!, T0)));
  assert.equal(other.hold(first.id, 2), false, "it has ended");
  assert.equal(other.hold(sampleId(2), 1), false, "there is none");
});

Deno.test("SharedSessionStore does not wait for ever for a holder", async () => {
  const memory = createSharedSessions();
  await using dead = new SharedSessionStore(memory);
  await using other = new SharedSessionStore(memory);
  assert.ok(await dead.save(sample()));
  assert.ok(dead.hold(sampleId(1), 1));
  await assert.rejects(other.save(renewLease(sample(), T0)), unavailable);
  assert.deepEqual(await other.load(sampleId(1)), sample());
});
