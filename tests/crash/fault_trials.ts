/**
 * Trials in which one file call fails, each in its turn: how many, in which order, and what is told at the end.
 * FXFER_FAULTS sets how many there are; FXFER_SEED repeats a run, and FXFER_TRIAL one of its trials.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Random } from "../helpers/random.ts";
import { canMeet, type Fault } from "./file_faults.ts";

export const SEED: number = Number(Deno.env.get("FXFER_SEED") ?? 2026);

const asked = Deno.env.get("FXFER_FAULTS");
const ONLY = Deno.env.has("FXFER_TRIAL") ? Number(Deno.env.get("FXFER_TRIAL")) : undefined;

/** How many faults there are, unless FXFER_FAULTS says it. */
export const faultsOr = (few: number): number => Number(asked ?? few);

/** A file call, and the ways on which it is made. */
export interface Site<Way> {
  readonly site: string;
  readonly name: string;
  readonly ways: readonly Way[];
}

/** One trial. */
export interface Planned<Way> {
  readonly site: string;
  readonly fault: Fault;
  readonly way: Way;
  /** What `also` has drawn. */
  readonly then: string | undefined;
  /** For this trial alone. */
  readonly random: Random;
}

/** What is tried. */
export interface Trials<Way> {
  /** How many faults. */
  readonly faults: number;
  /** Says in the figures which run it was. */
  readonly label: Readonly<Record<string, unknown>>;
  /** A second site for a trial, drawn by the random numbers of the run. */
  also?(random: Random): string | undefined;
  /** Makes one trial. Returns how many calls have failed, and how many files were acknowledged. */
  run(planned: Planned<Way>): Promise<{ readonly hits: number; readonly acked?: number }>;
}

/** Makes faults in the calls, each in its turn. @throws If a trial fails, or too few faults were met. */
export async function injectFaults<Way extends object>(
  sites: readonly Site<Way>[],
  { faults: count, label, also, run }: Trials<Way>,
): Promise<void> {
  const random = new Random(SEED);
  /** Stalls take seconds, so the short run has few. */
  const stallCount = asked === undefined ? 1 : Math.ceil(count / 10);
  const turns = (faults: readonly Fault[]) =>
    sites.flatMap((site) => faults.map((fault) => ({ ...site, fault })))
      .filter(({ name, fault }) => canMeet(name, fault))
      .map((each) => ({ each, at: random.bits() })).sort((a, b) => a.at - b.at)
      .map(({ each }) => each);
  const [faults, stalls] = [turns(["ENOSPC", "EIO"]), turns(["stall"])];
  const found: string[] = [];
  const met = { ENOSPC: 0, EIO: 0, stall: 0 };
  let acked = 0;
  for (let trial = 0; trial < count; trial++) {
    const { site, name, ways, fault } = trial < stallCount
      ? stalls[trial % stalls.length]!
      : faults[trial % faults.length]!;
    const way = random.pick(ways);
    const then = also?.(random);
    if (trial !== (ONLY ?? trial)) continue;
    try {
      const own = new Random(SEED * 100_000 + trial);
      const done = await run({ site, fault, way, then, random: own });
      if (done.hits > 0) met[fault]++;
      acked += done.acked ?? 0;
    } catch (error) {
      const where = `${name} of ${site} (${then}), ${Object.values(way)}`;
      const what = error instanceof Error ? error.message : error;
      found.push(`trial ${trial}, ${fault} at ${where}: ${what}`);
    }
  }
  const hits = met.ENOSPC + met.EIO + met.stall;
  if (asked !== undefined) {
    const figures = { ...label, sites: sites.length, ...met, acked, failed: found.length };
    Deno.stderr.writeSync(new TextEncoder().encode(`${JSON.stringify(figures)}\n`));
  }
  assert.deepEqual(found, [], `seed ${SEED}, ${Object.values(label)}`);
  assert.ok(hits > count / 3 || ONLY !== undefined, `${hits} of ${count} faults were met`);
}
