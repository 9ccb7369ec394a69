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

/** The state of a program that tells what was stored from a time on, in milliseconds since the epoch. */
export const newState = (from: number): HookState => ({
  from,
  newest: from,
  seen: [],
  letters: [],
  dead: [],
});

/**
 * Reads a state; undefined where there is no file yet. A damaged one, as a power cut may leave, is set aside
 * under a name that ends in `.bad`.
 *
 * @returns `damaged` with the reason, for a file that is no state.
 */
export async function readState(
  path: string,
): Promise<HookState | { readonly damaged: unknown } | undefined> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  try {
    const state: HookState = JSON.parse(text);
    const { from, newest, seen, letters, dead } = state;
    if ([from, newest].every(Number.isFinite) && [seen, letters, dead].every(Array.isArray)) {
      return state;
    }
    throw new TypeError("it is no state of hooks");
  } catch (damaged) {
    await Deno.rename(path, `${path}.bad`);
    return { damaged };
  }
}

/** Replaces the state. */
export async function writeState(path: string, state: HookState): Promise<void> {
  const next = `${path}.new`;
  await Deno.writeTextFile(next, JSON.stringify(state), { mode: 0o600 });
  await Deno.rename(next, path);
}
