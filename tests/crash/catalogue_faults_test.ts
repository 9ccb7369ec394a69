/**
 * A disk that is full, fails, or stands still for 3 s at any file call of lists, fetches, removals and
 * compactions, and of files that keep their names: what is stored is listed once and can be read, and what
 * was removed is gone (S-LST-1, S-GET-1, S-REM-1, S-NAM-3). FXFER_FAULTS sets how many faults there are;
 * FXFER_SEED repeats a run, and FXFER_TRIAL one of its trials.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Random } from "../helpers/random.ts";
import { canMeet, type Fault } from "./file_faults.ts";
import { FaultyProgram } from "./faulty_program.ts";
import { catalogueSites, runCatalogue } from "./catalogue_run.ts";

const SEED = Number(Deno.env.get("FXFER_SEED") ?? 2026);
const asked = Deno.env.get("FXFER_FAULTS");
const FAULTS = Number(asked ?? 30);
const ONLY = Deno.env.has("FXFER_TRIAL") ? Number(Deno.env.get("FXFER_TRIAL")) : undefined;
/** Stalls take seconds, so the short run has few. */
const STALLS = asked === undefined ? 1 : Math.ceil(FAULTS / 10);

Deno.test(`S-LST-1 S-GET-1 S-REM-1 S-NAM-3 ${FAULTS} faults of the disk while stored files are used`, async () => {
  const random = new Random(SEED);
  const sites = await catalogueSites(SEED);
  const turns = (faults: readonly Fault[]) =>
    sites.flatMap((site) => faults.map((fault) => ({ ...site, fault })))
      .filter(({ name, fault }) => canMeet(name, fault))
      .map((each) => ({ each, at: random.bits() })).sort((a, b) => a.at - b.at)
      .map(({ each }) => each);
  const [faults, stalls] = [turns(["ENOSPC", "EIO"]), turns(["stall"])];
  await using program = await FaultyProgram.start();
  const found: string[] = [];
  const met = { ENOSPC: 0, EIO: 0, stall: 0 };
  for (let trial = 0; trial < FAULTS; trial++) {
    const { site, name, ways, fault } = trial < STALLS
      ? stalls[trial % stalls.length]!
      : faults[trial % faults.length]!;
    const way = random.pick(ways);
    if (trial !== (ONLY ?? trial)) continue;
    try {
      const own = new Random(SEED * 100_000 + trial);
      if (await runCatalogue(program, way, own, { site, fault }) > 0) met[fault]++;
    } catch (error) {
      const what = `trial ${trial}, ${fault} at ${name} of ${site}, ${Object.values(way)}`;
      found.push(`${what}: ${error instanceof Error ? error.message : error}`);
    }
  }
  const hits = met.ENOSPC + met.EIO + met.stall;
  if (asked !== undefined) {
    const figures = { catalogue: true, sites: sites.length, ...met, failed: found.length };
    Deno.stderr.writeSync(new TextEncoder().encode(`${JSON.stringify(figures)}\n`));
  }
  assert.deepEqual(found, [], `seed ${SEED}`);
  assert.ok(hits > FAULTS / 3 || ONLY !== undefined, `${hits} of ${FAULTS} faults were met`);
});
