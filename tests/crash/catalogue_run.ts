/** Runs trials of stored files, with a fault and without one. @module */
import { Random } from "../helpers/random.ts";
import { TempDir } from "../helpers/temp.ts";
import { CatalogueTrial } from "./catalogue_trial.ts";
import type { Order } from "./file_faults.ts";
import { FaultyProgram } from "./faulty_program.ts";
import type { Setting } from "./faulty_server.ts";

/** What a trial may be. */
export interface CatalogueWay extends Pick<Setting, "tier" | "level"> {
  /** Whether the storage has a state folder. */
  readonly apart: boolean;
  readonly named: boolean;
}

const WAYS: readonly CatalogueWay[] = [
  { tier: "RW", level: "process", apart: true, named: true },
  { tier: "RW", level: "durable", apart: false, named: true },
  { tier: "RW", level: "data", apart: false, named: false },
  { tier: "W", level: "process", apart: false, named: true },
];

/** A file call, and the ways on which it is made. */
export interface CatalogueSite {
  readonly site: string;
  readonly name: string;
  readonly ways: CatalogueWay[];
}

/** One trial. Returns how many calls have failed. */
export async function runCatalogue(
  program: FaultyProgram,
  { tier, level, apart, named }: CatalogueWay,
  random: Random,
  plan?: Partial<Order> & Pick<Order, "site" | "fault"> & { readonly early?: boolean },
): Promise<number> {
  await using dir = await TempDir.make();
  const trial = new CatalogueTrial(
    program,
    {
      ...{ folder: dir.join("storage"), tier, level, named, store: dir.join("sessions.db") },
      ...(apart && { state: dir.join("state") }),
    },
    random,
  );
  const half = random.int(0, 1) > 0;
  const { early = random.int(0, 3) === 0 } = plan ?? {};
  const arm = async () => {
    if (plan === undefined) return;
    const nth = random.pick([1, 1, 2, 3]);
    await trial.arm({ nth, lasting: random.int(0, 1) > 0, half, ...plan });
  };
  const restart = async () => {
    await program.ask({ do: "close" });
    if (plan === undefined || random.int(0, 1) > 0) await trial.spoil();
    await trial.open();
  };
  const canRead = tier === "RW";
  try {
    if (!early) await trial.open();
    if (!early && random.int(0, 1) > 0) await trial.store(3);
    await arm();
    if (early) await trial.open();
    await trial.store(4);
    await trial.list();
    if (canRead) await trial.fetch(2);
    await trial.remove();
    if (canRead && random.int(0, 1) > 0) await trial.spoil();
    await trial.list();
    await trial.compact();
    await trial.store(2);
    await program.ask({ do: "sweep" });
    await trial.list();
    if (canRead) await restart();
    await trial.remove();
    const hits = await trial.heal();
    await program.ask({ do: "sweep" });
    await trial.list();
    await trial.compact();
    await trial.list();
    if (canRead) await restart();
    if (canRead) await trial.list();
    await trial.check();
    return hits;
  } finally {
    await trial.heal();
    await program.ask({ do: "close" });
  }
}

/** Goes all ways without a fault, and some with one that leads to further calls. Returns the calls that were made. */
export async function catalogueSites(seed: number): Promise<CatalogueSite[]> {
  const random = new Random(seed);
  await using program = await FaultyProgram.start();
  const sites = new Map<string, CatalogueSite>();
  const go = async (way: CatalogueWay, plan?: Parameters<typeof runCatalogue>[3]) => {
    await runCatalogue(program, way, random, plan);
    for (const [site, name] of (await program.ask({ do: "sites" })).sites!) {
      const known = sites.get(site) ?? { site, name, ways: [] };
      sites.set(site, known);
      if (!known.ways.includes(way)) known.ways.push(way);
    }
  };
  for (const way of WAYS) await go(way);
  /** The last call of a function in a file. */
  const find = (file: string, name: string) =>
    [...sites.values()].filter((each) => each.site.startsWith(file) && each.name === name)
      .map(({ site }) => site).sort((one, other) => lineOf(one) - lineOf(other)).at(-1)!;
  const once = { nth: 1, lasting: false, half: false, early: false, fault: "EIO" } as const;
  // A file system without hard links, for a file and for the former manifest.
  await go(WAYS[0]!, { ...once, site: find("folder.ts", "linkSync") });
  await go(WAYS[1]!, { ...once, site: find("compaction.ts", "linkSync") });
  // What a compaction has not done, and could not take back, the sweep does.
  await go(WAYS[1]!, { ...once, site: find("compaction.ts", "sync") });
  await go(WAYS[0]!, { ...once, site: find("compaction.ts", "renameSync"), lasting: true });
  return [...sites.values()];
}

const lineOf = (site: string) => Number(site.split(":")[1]);
