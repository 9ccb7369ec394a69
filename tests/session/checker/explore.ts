/** Looks at every world that can be reached, and names the first that breaks an invariant. @module */
import { nexts } from "./steps.ts";
import { BEGINNING, BYTES, FILES, type Rules, type World } from "./world.ts";

/** What the exploration has seen. */
export interface Explored {
  readonly worlds: number;
  /** How many of them had every file stored and answered. */
  readonly happy: number;
  /** What was broken, and the steps that led to it; undefined if nothing was. */
  readonly broken?: { readonly what: string; readonly steps: readonly string[] };
}

/** What is wrong with a world, or with the step that led to it. */
function faultOf(before: World, after: World): string | undefined {
  for (let frame = 1; frame <= FILES; frame++) {
    const names = Object.entries(after.stored).filter(([, file]) => file.frame === frame);
    if (names.length > 1) return `exactly once: file ${frame} is stored ${names.length} times`;
    if (names.some(([, { bytes }]) => bytes !== BYTES)) return `whole: file ${frame} is not`;
    const listed = names.filter(([path]) => after.lines.includes(path)).length;
    if (after.acked.includes(frame) && listed !== 1) {
      return `ok was said, and file ${frame} is not there`;
    }
    const [was, is] = [before.told[frame] ?? 0, after.told[frame] ?? 0];
    if (is < was) return `the offset of file ${frame} fell from ${was} to ${is}`;
  }
  const [was, is] = [before.record, after.record];
  if (was === null || is === null || was === is) return undefined;
  if (is.epoch < was.epoch) return `the epoch went down from ${was.epoch} to ${is.epoch}`;
  if (is.version <= was.version) {
    return `a save was lost: version ${was.version}, then ${is.version}`;
  }
  if (is.lastSequence < was.lastSequence) return "a number that had run is free again";
  return undefined;
}

/** The number of each part that was seen, by its text, and by itself: a step changes few parts. */
const numbers = new Map<string, number>();
const known = new WeakMap<object, number>();

function numberOf(text: string): number {
  let number = numbers.get(text);
  if (number === undefined) numbers.set(text, number = numbers.size);
  return number;
}

function numberOfPart(part: unknown): number {
  if (typeof part !== "object" || part === null) return numberOf(String(part));
  let number = known.get(part);
  if (number === undefined) known.set(part, number = numberOf(JSON.stringify(part)));
  return number;
}

/** A short text that two worlds have in common only if they are the same. */
function nameOf({ servers, ...world }: World): string {
  let name = "";
  for (const part of Object.values(world)) name += `${numberOfPart(part)} `;
  for (const { held, ...server } of servers) {
    name += `${numberOfPart(held)} ${numberOf(JSON.stringify(server))} `;
  }
  return name;
}

/**
 * Goes through all worlds that can be reached, breadth first, so that the steps to a fault are few.
 *
 * @param from Where to begin; the misfortunes that may happen stand in it.
 */
export function explore(rules: Rules, from: World = BEGINNING): Explored {
  const cameFrom = new Map<string, readonly [string, string] | undefined>();
  const first = nameOf(from);
  cameFrom.set(first, undefined);
  let front: (readonly [string, World])[] = [[first, from]];
  let happy = 0;
  const stepsTo = (key: string): string[] => {
    const steps: string[] = [];
    for (let at = cameFrom.get(key); at !== undefined; at = cameFrom.get(at[0])) {
      steps.unshift(at[1]);
    }
    return steps;
  };
  while (front.length > 0) {
    const next: (readonly [string, World])[] = [];
    for (const [key, world] of front) {
      if (world.acked.length === FILES) happy++;
      for (const [step, after] of nexts(rules, world)) {
        const what = faultOf(world, after);
        if (what !== undefined) {
          return { worlds: cameFrom.size, happy, broken: { what, steps: [...stepsTo(key), step] } };
        }
        const name = nameOf(after);
        if (cameFrom.has(name)) continue;
        cameFrom.set(name, [key, step]);
        next.push([name, after]);
      }
    }
    front = next;
  }
  return { worlds: cameFrom.size, happy };
}
