/** Takes the files to send from the walk, some at a time, and has them written down. @module */
import type { Ahead } from "./ahead.ts";
import type { FileToSend } from "./file_to_send.ts";
import type { Journal } from "./journal.ts";
import type { SmallHeap } from "./small_heap.ts";

/** So many files are written down together, before the first of them is sent. */
export const BATCH = 64;

/** With so many batches the heap may grow: it is looked after from there on. */
const MANY = 8;

/** Where the files come from. */
export interface BatchOptions {
  /** The files, as they are found. */
  readonly ahead: Ahead;
  /** Those of them that an earlier run has begun in its session: they come first. */
  readonly begun: readonly FileToSend[];
  readonly journal: Journal;
}

/**
 * The files, each once.
 *
 * @param all Whether they come in one batch.
 * @param goesOn Whether files are still sent, and so have to be written down.
 * @throws The reason of a walk that has failed, behind the last file that it has found.
 */
export async function* takeBatches(
  { ahead, begun, journal }: BatchOptions,
  all: boolean,
  goesOn: () => boolean,
): AsyncGenerator<readonly FileToSend[]> {
  let heap: SmallHeap | undefined;
  let batches = 0;
  await journal.prepare(begun);
  if (begun.length > 0) yield begun;
  const isBegun = new Set(begun.map(placeOf));
  for (let found; (found = all ? await takeAll(ahead) : await ahead.take(BATCH)).length > 0;) {
    const batch = isBegun.size === 0 ? found : found.filter((file) => !isBegun.has(placeOf(file)));
    if (goesOn()) await journal.prepare(batch);
    yield batch;
    if (++batches < MANY) continue;
    heap ??= new (await import("./small_heap.ts")).SmallHeap();
    await heap.look(batch.length);
  }
}

async function takeAll(ahead: Ahead): Promise<readonly FileToSend[]> {
  const all: FileToSend[] = [];
  for (let some; (some = await ahead.take(BATCH)).length > 0;) all.push(...some);
  return all;
}

/** What a walk finds once. */
const placeOf = ({ path, name }: FileToSend): string => `${path}\0${name}`;
