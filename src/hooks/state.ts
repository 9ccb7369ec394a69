/** Which files were told, and which are to be told: a small file that survives a kill. @module */
import type { ListedFile } from "../storage/mod.ts";

/** A file that is to be told. */
export interface Letter {
  /** The same for each try. */
  readonly id: string;
  readonly file: ListedFile;
  /** Since when it waits, in milliseconds since the epoch. */
  readonly since: number;
  readonly tries: number;
  /** When it is tried next. */
  readonly nextAt: number;
  /** Why the last try failed. */
  readonly error?: string;
}

/** All that must outlive the process. */
export interface HookState {
  /** Files stored before this time, in milliseconds since the epoch, are not told. */
  readonly from: number;
  /** The time of the newest file that is in `letters`, or was. */
  readonly newest: number;
  /** The paths, with their times, of files about as new: others of the same age may still come. */
  readonly seen: readonly (readonly [path: string, storedAt: number])[];
  readonly letters: readonly Letter[];
  readonly dead: readonly Letter[];
}

/** The state of a program that begins to tell now. */
export const newState = (now: number): HookState => ({
  from: now,
  newest: now,
  seen: [],
  letters: [],
  dead: [],
});

/** Reads a state; undefined where there is no file yet. Half a file cannot be: it is replaced as a whole. */
export async function readState(path: string): Promise<HookState | undefined> {
  try {
    return JSON.parse(await Deno.readTextFile(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Replaces the state. */
export async function writeState(path: string, state: HookState): Promise<void> {
  const next = `${path}.new`;
  await Deno.writeTextFile(next, JSON.stringify(state), { mode: 0o600 });
  await Deno.rename(next, path);
}
