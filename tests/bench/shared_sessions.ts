/**
 * What sessions in shared memory cost, and how far they reach: measures a save, how long it holds a lock, and the
 * reading of a line that another worker has written into the list of files. It simulates workers up to 32 with
 * these times, beside one thread that owns the sessions and is asked.
 *
 *     deno run -A tests/bench/shared_sessions.ts [µs of a small file without its save, default 60]
 *
 * @module
 */
import { execute } from "../../src/session/mod.ts";
import {
  createSharedSessions,
  type SharedSessions,
  SharedSessionStore,
} from "../../src/store/mod.ts";
import { SharedHeap } from "../../src/store/shared_heap.ts";
import { DiskStorage } from "../../src/storage/mod.ts";
import { Random } from "../helpers/random.ts";
import { TempDir } from "../helpers/temp.ts";
import { sample, sampleRun } from "../session/samples.ts";

/** What is measured is the fastest fifth of so many batches, because the machine may be busy with other work. */
const BATCHES = 60;
const BATCH = 1000;
const LOCKS = 16;
/** Messages there and back through one thread, with sixteen on the way: what they take of each side, in µs. */
const ASKED_US = 6;

const reply = {
  code: "ok",
  file: { path: `session_${crypto.randomUUID()}/file_1_1.bin`, size: 1024, sha256: "a".repeat(64) },
  durability: "process",
};

const fast = (batches: readonly number[]): number =>
  batches.toSorted((a, b) => a - b)[Math.floor(batches.length / 5)]!;

/** Saves one session again and again, as a client's frames do; µs a save, without what makes the records. */
async function save(memory: SharedSessions): Promise<number> {
  await using store = new SharedSessionStore(memory);
  let record = sample({ id: crypto.randomUUID() });
  await store.save(record);
  const batches: number[] = [];
  for (let batch = 0; batch < BATCHES; batch++) {
    let spent = 0;
    for (let n = 0; n < BATCH; n++) {
      const sequence = record.lastSequence + 1;
      const run = sampleRun(sequence, { reply, maxInflight: 16, received: sequence - 2 });
      record = execute(record, run);
      const before = performance.now();
      if (!await store.save(record)) throw new Error("Cannot measure: a save was refused");
      spent += performance.now() - before;
    }
    batches.push(spent * 1000 / BATCH);
  }
  return fast(batches);
}

/** What it takes to read the line of a file that another worker has stored, in µs. */
async function follow(): Promise<number> {
  await using dir = await TempDir.make();
  await using one = await DiskStorage.open(dir.path);
  await using other = await DiskStorage.open(dir.path);
  const bytes = new Uint8Array(10);
  const batches: number[] = [];
  const spec = { mimeType: "application/octet-stream", clientAddress: "127.0.0.1", reserve: 10 };
  for (let batch = 0; batch < 10; batch++) {
    for (let n = 0; n < BATCH; n++) await one.put(spec, bytes);
    const before = performance.now();
    await other.refresh!();
    batches.push((performance.now() - before) * 1000 / BATCH);
  }
  return fast(batches);
}

/** Notes for how long the heaps of this thread hold their locks. */
function watchLocks(): () => number {
  const { locked } = SharedHeap.prototype;
  const batches: number[] = [];
  let [held, times] = [0, 0];
  SharedHeap.prototype.locked = function <T>(this: SharedHeap, work: () => T): T {
    return locked.call(this, () => {
      const before = performance.now();
      const result = work();
      held += performance.now() - before;
      if (++times % BATCH === 0) {
        batches.push(held * 1000 / BATCH);
        held = 0;
      }
      return result;
    }) as T;
  };
  return () => {
    SharedHeap.prototype.locked = locked;
    return fast(batches);
  };
}

/** Files a second of workers that wait for nothing but a lock, each from a random one of `locks`. */
function simulate(workers: number, fileUs: number, heldUs: number, locks: number): number {
  const random = new Random(workers);
  const chance = () => (random.bits() + 1) / 2 ** 32;
  const wants = Array.from({ length: workers }, () => fileUs * chance());
  const free = new Array<number>(locks).fill(0);
  const files = 20_000 * workers;
  let now = 0;
  for (let n = 0; n < files; n++) {
    now = Math.min(...wants);
    const lock = random.int(0, locks - 1);
    free[lock] = Math.max(now, free[lock]!) + heldUs;
    wants[wants.indexOf(now)] = free[lock]! - fileUs * Math.log(chance());
  }
  return files / now * 1e6;
}

const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent<SharedSessions>) => void;
  postMessage(us: number): void;
};

if ("WorkerGlobalScope" in globalThis) {
  scope.onmessage = async ({ data }) => {
    scope.postMessage(await save(data));
  };
} else if (import.meta.main) {
  const say = (text: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
  const fileUs = Number(Deno.args[0] ?? 60);
  const saveUs = await save(createSharedSessions());
  const end = watchLocks();
  await save(createSharedSessions());
  const heldUs = end();
  say(`a save: ${saveUs.toFixed(1)} µs, of which it holds a lock for ${heldUs.toFixed(1)}`);
  for (const threads of [1, 2, 4]) {
    const memory = createSharedSessions();
    const spent = await Promise.all(Array.from({ length: threads }, () => {
      const worker = new Worker(import.meta.url, { type: "module" });
      const { promise, resolve } = Promise.withResolvers<number>();
      worker.onmessage = ({ data }) => resolve(data);
      worker.postMessage(memory);
      return promise.finally(() => worker.terminate());
    }));
    say(`${threads} threads at once: ${spent.map((us) => us.toFixed(1)).join(", ")} µs a save`);
  }
  const lineUs = await follow();
  say(`the line of a file that another worker has stored: ${lineUs.toFixed(1)} µs`);
  say("thousand files a second:");
  say(
    `workers | sessions alone: ${LOCKS} locks, one lock, a thread that is asked | with lines: the same`,
  );
  for (const workers of [1, 2, 4, 8, 16, 32]) {
    const rates = [0, (workers - 1) * lineUs].flatMap((linesUs) => {
      const own = fileUs + linesUs;
      const shared = (locks: number) => simulate(workers, own + saveUs - heldUs, heldUs, locks);
      const asked = Math.min(workers * 1e6 / (own + ASKED_US), 1e6 / ASKED_US);
      return [shared(LOCKS), shared(1), asked];
    });
    say([workers, ...rates.map((rate) => Math.round(rate / 1000))].join(" | "));
  }
}
