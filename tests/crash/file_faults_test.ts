/**
 * A disk that is full, fails, or stands still for 3 s at any file call of the storage: every file is stored
 * once in the end, and no offset falls (S-TRF-7, S-TRF-10). FXFER_FAULTS sets how many faults each store
 * meets (300 for a release); FXFER_SEED repeats a run, and FXFER_TRIAL one of its trials.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Random } from "../helpers/random.ts";
import { RedisServer } from "../helpers/redis_server.ts";
import { testWith } from "../helpers/require.ts";
import { TempDir } from "../helpers/temp.ts";
import { Trial } from "./fault_trial.ts";
import { catalogueSites } from "./catalogue_run.ts";
import { faultsOr, injectFaults, SEED, type Site } from "./fault_trials.ts";
import { type Fault, FILE_CALLS, type Order } from "./file_faults.ts";
import { FaultyProgram } from "./faulty_program.ts";
import type { Setting } from "./faulty_server.ts";
import { leaveBehind } from "./leftovers.ts";

const FAULTS = faultsOr(12);

/** What a trial may be, besides its store. */
const WAYS = (["stateless", "stateful"] as const).flatMap((mode) => [
  { mode, tier: "RW", level: "process" } as const,
  { mode, tier: "RW", level: "data" } as const,
  { mode, tier: "RW", level: "durable" } as const,
  { mode, tier: "W", level: "process" } as const,
  { mode, tier: "W", level: "data" } as const,
]);

type Way = typeof WAYS[number];

/** What fails in a trial; what is left out is random. */
interface Plan extends Partial<Order> {
  readonly site: string;
  readonly fault: Fault;
  /** Whether it may fail when the servers start. */
  readonly early?: boolean;
}

/** One trial. @param largest Bytes of one of its files. @returns How many calls have failed, and files were acked. */
async function run(
  program: FaultyProgram,
  store: string,
  { mode, tier, level }: Way,
  random: Random,
  plan?: Plan,
  largest?: number,
): Promise<{ hits: number; acked: number }> {
  await using dir = await TempDir.make();
  const place = store === "sqlite" ? dir.join("sessions.db") : store;
  const setting: Setting = { folder: dir.join("storage"), store: place, tier, level };
  const trial = new Trial(program, setting, random);
  const left = tier === "RW"
    ? await leaveBehind(setting.folder, random)
    : { files: [], orphans: [] };
  const [lasting, half] = [random.int(0, 1) > 0, random.int(0, 1) > 0];
  const { early = random.int(0, 3) === 0 } = plan ?? {};
  const arm = async () => {
    if (plan !== undefined) {
      await trial.arm({ nth: random.pick([1, 1, 2, 3]), lasting, half, ...plan });
    }
  };
  const restart = async () => {
    await program.ask({ do: "close" });
    await trial.open();
  };
  try {
    if (early) await arm();
    await trial.open();
    if (!early) await arm();
    await trial[mode](largest);
    await trial.look();
    await trial.rotate();
    if (store !== "memory" && random.int(0, 1) === 0) await restart();
    await trial[mode]();
    await program.ask({ do: "sweep" });
    const hits = await trial.heal();
    await restart();
    if (tier === "RW") await trial.repeat();
    await program.ask({ do: "sweep" });
    await trial.check(left.files);
    for (const path of left.orphans) {
      await assert.rejects(Deno.lstat(`${setting.folder}/${path}`), `${path} was swept`);
    }
    return { hits, acked: trial.acked.size };
  } finally {
    await trial.heal();
    await program.ask({ do: "close" });
  }
}

/**
 * Goes all ways without a fault, and then some where a fault leads to calls that are not made without one.
 * Returns the calls that were made.
 */
async function explore(): Promise<Site<Way>[]> {
  const random = new Random(SEED);
  await using program = await FaultyProgram.start();
  const sites = new Map<string, Site<Way> & { readonly ways: Way[] }>();
  const go = async (store: string, way: Way, plan?: Plan, largest?: number) => {
    await run(program, store, way, random, plan, largest);
    for (const [site, name] of (await program.ask({ do: "sites" })).sites!) {
      const known = sites.get(site) ?? { site, name, ways: [] };
      sites.set(site, known);
      if (!known.ways.includes(way)) known.ways.push(way);
    }
  };
  for (const store of ["memory", "sqlite"]) for (const way of WAYS) await go(store, way);
  const find = (file: string, name: string) =>
    [...sites.values()].find((each) => each.site.startsWith(file) && each.name === name)!.site;
  const listing = find("readable_manifest.ts", "writeSync");
  const writing = find("upload.ts", "write");
  const flushing = find("flush.ts", "open");
  const once = { nth: 1, lasting: false, half: false, early: false };
  await go("memory", WAYS[0]!, { ...once, site: listing, fault: "EIO" });
  await go("sqlite", WAYS[5]!, { ...once, site: writing, fault: "ENOSPC", half: true });
  // A recovery whose flush stands still, and a file whose digest is read while bytes come in.
  await go("sqlite", WAYS[7]!, { ...once, site: flushing, fault: "stall", early: true });
  await go("sqlite", WAYS[5]!, undefined, 36 << 20);
  return [...sites.values()];
}

/** All tests of this file need the calls, and look for them once. */
let explored: Promise<Site<Way>[]> | undefined;

/** Makes faults in the calls that a store's trials make, each in its turn. */
async function injectAll(store: string): Promise<void> {
  await using program = await FaultyProgram.start();
  const sites = await (explored ??= explore());
  await injectFaults(sites, {
    faults: FAULTS,
    label: { store },
    also: (random) => random.int(0, 2) === 0 ? random.pick(sites).site : undefined,
    run: ({ site, fault, way, then, random }) =>
      run(program, store, way, random, { site, then, fault }),
  });
}

/** Where src/storage calls the disk, by its text, and by which function. */
async function sitesInSource(): Promise<Map<string, string>> {
  const folder = new URL("../../src/storage/", import.meta.url);
  const onFile = `(?:\\bfile|#file|\\bhandle|\\bformer|\\btarget|\\badded|\\bkept)\\.(${
    FILE_CALLS.join("|")
  })\\(`;
  const onNode = "\\bfs\\.((?!closeSync)\\w+Sync)\\(|\\b(statfsSync)\\(|#(exists)\\(";
  const call = new RegExp(`\\bDeno\\.(\\w+)\\(|${onFile}|${onNode}`);
  const found = new Map<string, string>();
  for await (const { name } of Deno.readDir(folder)) {
    if (name === "verify.ts") continue; // no server compares a folder with its manifest
    const lines = (await Deno.readTextFile(new URL(name, folder))).split("\n");
    for (const [index, line] of lines.entries()) {
      const match = /^\s*(\*|\/\/|\/\*)/.test(line) ? null : call.exec(line);
      if (match) found.set(`${name}:${index + 1}`, match.slice(1).find((group) => group)!);
    }
  }
  return found;
}

/** Calls that no trial makes, by file, or by file and function, and why. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  "write_only_manifest.ts fsyncSync": "tier W has no level that flushes the manifest",
  "manifest_lines.ts lstat": "for the command that compares a folder with its manifest",
  "manifest_lines.ts open": "the same",
  "index_check.ts": "for a command that only looks",
  "journals.ts truncateSync": "after 64 KiB of notes, which no trial has",
  "known_files.ts syncData": "after a rotation at level durable, which no trial has",
  "reading.ts open": "the way through the thread pool, after a call that was slow",
};

Deno.test("every file call of src/storage can be made to fail", async () => {
  const sites = [...await (explored ??= explore()), ...await catalogueSites(SEED)];
  const reached = new Set(sites.map(({ site }) => site));
  const all = await sitesInSource();
  const left = [...all.keys()].filter((site) => !reached.has(site));
  const missing = left.filter((site) => {
    const file = site.split(":")[0]!;
    return !(file in LEFT_OUT || `${file} ${all.get(site)}` in LEFT_OUT);
  });
  assert.deepEqual(missing.sort(), [], "calls that no trial makes");
  const unseen = [...reached].filter((site) => !all.has(site));
  assert.deepEqual(unseen.sort(), [], "calls that the pattern does not find");
});

for (const store of ["memory", "sqlite"]) {
  Deno.test(`S-TRF-10 ${FAULTS} faults of the disk lose, double and tear no file, ${store}`, () =>
    injectAll(store));
}

testWith(
  ["redis-server"],
  `S-TRF-10 ${FAULTS} faults of the disk lose, double and tear no file, redis`,
  async (path) => {
    await using redis = await RedisServer.start(path);
    await injectAll(redis.url);
  },
);
