/**
 * A disk that is full, fails, or stands still for 3 s at any file call of lists, fetches, removals and
 * compactions, and of files that keep their names: what is stored is listed once and can be read, and what
 * was removed is gone (S-LST-1, S-GET-1, S-REM-1, S-NAM-3); fault_trials.ts says how to ask for more.
 *
 * @module
 */
import { catalogueSites, runCatalogue } from "./catalogue_run.ts";
import { faultsOr, injectFaults, SEED } from "./fault_trials.ts";
import { FaultyProgram } from "./faulty_program.ts";

const FAULTS = faultsOr(30);

Deno.test(`S-LST-1 S-GET-1 S-REM-1 S-NAM-3 ${FAULTS} faults of the disk while stored files are used`, async () => {
  const sites = await catalogueSites(SEED);
  await using program = await FaultyProgram.start();
  await injectFaults(sites, {
    faults: FAULTS,
    label: { catalogue: true },
    async run({ site, fault, way, random }) {
      return { hits: await runCatalogue(program, way, random, { site, fault }) };
    },
  });
});
