/** The steps of small files that nothing announces, and of who takes their journal over (S-SEQ-9). @module */
import { displaced, save, withServer } from "./changes.ts";
import { BYTES, type Job, type NotedStep, type Rules, type Step, type World } from "./world.ts";

/** A small file: found published, or noted and then published. */
export function receiveNoted(world: World, at: number, client: number, frame: number): World {
  const { found, journal } = world.servers[at]!;
  const known = found.find((note) => note.frame === frame);
  if (known !== undefined) {
    return withServer(world, at, { job: { ...known, client, step: "line", written: BYTES } });
  }
  const names = world.names + 1;
  const step = journal === null ? "begin" : "note";
  const fresh = { frame, client, temporary: `part ${names}`, final: `file ${frame} ${names}` };
  return withServer({ ...world, names }, at, { job: { ...fresh, step, written: BYTES } });
}

/** The holder has lost its journal: it begins another one, if it still has the session. */
export function anew(world: World, at: number, job: Job): World {
  const { [job.temporary]: _, ...partial } = world.partial;
  return withServer({ ...world, partial }, at, { journal: null, job: { ...job, step: "begin" } });
}

/** The journal that stands there gets its other name. */
const take = (world: World): World => (
  world.live === null ? world : { ...world, taken: world.live, live: null }
);

/** A journal that has its other name is read, kept and removed. */
function fold(world: World): World {
  const { taken, kept } = world;
  if (taken === null) return world;
  const { [taken]: notes = [], ...journals } = world.journals;
  return { ...world, taken: null, kept: [...kept, ...notes], journals };
}

const STEPS: readonly Step[] = ["begin", "confirm", "note", "look", "take", "read", "resolve"];

/** Whether a step is one of these. */
export function isNoted(step: Step): step is NotedStep {
  return STEPS.includes(step);
}

/** One step of a job. */
export function advanceNoted(
  rules: Rules,
  world: World,
  at: number,
  job: Job,
  step: NotedStep,
): World {
  const { frame, temporary, final } = job;
  const { held, journal } = world.servers[at]!;
  const to = (next: World | undefined, step: Step, change: Partial<Job> = {}): World =>
    next === undefined
      ? displaced(world, at)
      : withServer(next, at, { job: { ...job, step, ...change } });
  switch (step) {
    case "begin": {
      // What stands there is set aside first. Of a newer holder it would be kept as well.
      const aside = fold(take(fold(world)));
      const names = aside.names + 1;
      const begun = { ...aside, names, live: names, journals: { ...aside.journals, [names]: [] } };
      const next = rules.journalIsConfirmed ? "confirm" : "note";
      return to(withServer(begun, at, { journal: names }), next);
    }
    case "confirm":
      return to(save(rules, world, at, { ...held!, version: held!.version + 1 }), "note");
    case "note": {
      // A journal that was read and removed is written to, and read by nobody.
      const notes = world.journals[journal!];
      const journals = notes === undefined
        ? world.journals
        : { ...world.journals, [journal!]: [...notes, { frame, temporary, final }] };
      // The bytes are there before; nobody can know of them.
      const partial = { ...world.partial, [temporary]: { bytes: BYTES, safe: BYTES } };
      return to({ ...world, journals, partial }, rules.looksAtJournal ? "look" : "name");
    }
    case "look":
      return world.live === journal ? to(world, "name") : anew(world, at, job);
    case "take":
      return world.taken === null ? to(take(world), "read") : to(fold(world), "take");
    case "read": {
      const next = fold(world);
      return to(next, "resolve", { notes: next.kept });
    }
    case "resolve": {
      const notes = (job.notes ?? []).filter((note) => note.frame > held!.lastSequence);
      const gone = rules.removesNoted ? notes.map((note) => note.temporary) : [];
      const partial = Object.fromEntries(
        Object.entries(world.partial).filter(([path]) => !gone.includes(path)),
      );
      const found = notes.filter((note) => world.stored[note.final] !== undefined);
      return withServer({ ...world, partial }, at, { job: null, found });
    }
  }
}
