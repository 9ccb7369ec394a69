/** Whoever embeds `serve` sweeps: partial files that no session speaks of are removed. */
import assert from "node:assert/strict";
import { Events, type ServerEvent } from "../../src/events.ts";
import { sweepOrphans } from "../../src/handler/mod.ts";
import { createLogger, type LogEvent } from "../../src/log.ts";
import type { FileStorage } from "../../src/storage/mod.ts";
import type { SessionStore } from "../../src/store/mod.ts";
import { expectCode, InProcess } from "../helpers/in_process.ts";
import { Random } from "../helpers/random.ts";

const PAYLOAD = new Random(1).bytes(400_000);

/** The partial files below a folder. */
const partials = (folder: string) =>
  Array.from(Deno.readDirSync(`${folder}/.incoming`), ({ name }) => name).sort();

/** Makes a file as if nobody had touched it for an hour. */
async function age(path: string): Promise<void> {
  const then = new Date(Date.now() - 3_600_000);
  await Deno.utime(path, then, then);
}

Deno.test("serve removes orphans; the files of sessions, open ones and young ones stay", async () => {
  const told: ServerEvent[] = [];
  await using run = await InProcess.start({ onEvent: (event) => told.push(event) });
  const { folder } = run;
  // A session's: its connection is gone.
  using peer = await run.attached();
  const cut = peer.transfer(PAYLOAD, { length: PAYLOAD.length });
  await peer.send(cut.subarray(0, cut.length - 100_000));
  peer.close();
  await run.idle();
  for (const name of partials(folder)) await age(`${folder}/.incoming/${name}`);
  const [kept] = partials(folder);
  for (const name of ["orphan.part", "young.part"]) {
    await Deno.writeTextFile(`${folder}/.incoming/${name}`, "left behind");
  }
  await age(`${folder}/.incoming/orphan.part`);
  // While the store is away nobody knows which files are whose.
  run.flaky.down = true;
  await run.restart();
  await run.log.wait(({ event }) => event === "sweep.postponed");
  assert.deepEqual(partials(folder), [kept, "orphan.part", "young.part"].sort());
  run.flaky.down = false;
  const before = told.length;
  await run.restart();
  await run.log.wait(({ event }) => event === "storage.swept");
  assert.deepEqual(partials(folder), [kept, "young.part"].sort());
  const swept = told.slice(before).filter(({ type }) => type === "storage.swept");
  assert.deepEqual(swept, [{ type: "storage.swept", removed: 1 }]);
  using again = await run.attached({}, peer.id);
  const rest = { offset: 300_000, length: PAYLOAD.length };
  expectCode(await again.upload(PAYLOAD.subarray(300_000), rest), "ok");
  await run.assertStored(PAYLOAD);
});

/** A sweep whose pauses the test ends: what it waits for, and the way to go on. */
async function withoutPauses(
  fn: (pauses: number[], goOn: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const real = globalThis.setTimeout;
  const pauses: number[] = [];
  let next: () => unknown = () => {};
  globalThis.setTimeout = ((work: () => unknown, ms: number) => {
    next = work;
    return pauses.push(ms);
  }) as unknown as typeof setTimeout;
  const settled = () => new Promise<void>((resolve) => real(resolve, 0));
  try {
    await settled();
    await fn(pauses, async () => {
      next();
      await settled();
    });
  } finally {
    globalThis.setTimeout = real;
  }
}

Deno.test("sweepOrphans() comes again after 11 minutes, or after 5 s where it was postponed", async () => {
  await withoutPauses(async (pauses, goOn) => {
    const lines: LogEvent[] = [];
    let away = true;
    let asked: boolean[] = [];
    const sweep: FileStorage["sweep"] = (isLive) => {
      asked = ["upload.part", "intent.part", "other.part"].map(isLive);
      return Promise.resolve(0);
    };
    async function* list() {
      await Promise.resolve();
      if (away) throw new Error("away");
      yield { upload: { temporaryPath: "upload.part" }, intent: null };
      yield { upload: null, intent: { temporaryPath: "intent.part" } };
    }
    const [storage, store] = [{ sweep }, { list }] as unknown as [FileStorage, SessionStore];
    const log = createLogger((line) => lines.push(line));
    const told: ServerEvent[] = [];
    const events = new Events();
    events.subscribe((event) => told.push(event));
    await using _sweeper = sweepOrphans(storage, store, events, log);
    await goOn();
    assert.deepEqual([pauses, asked], [[5000], []]);
    assert.deepEqual(lines.map(({ level, event }) => [level, event]), [[
      "warn",
      "sweep.postponed",
    ]]);
    away = false;
    await goOn();
    assert.deepEqual([pauses, asked], [[5000, 660_000], [true, true, false]]);
    await goOn();
    assert.deepEqual(pauses, [5000, 660_000, 660_000]);
    assert.deepEqual(told, [], "nothing was removed, so nothing is told");
  });
});

Deno.test("sweepOrphans() leaves a storage alone that cannot sweep", async () => {
  const [storage, store] = [{}, {}] as [FileStorage, SessionStore];
  await using _sweeper = sweepOrphans(storage, store, new Events(), createLogger(() => {}));
});
