/** The most of everything that a file may cost, in counts that do not depend on the machine. @module */
import assert from "node:assert/strict";

/** For each file of 1 KiB that is sent alone, if nothing else is said. A file that costs less lowers its bound. */
const MOST: Readonly<Record<string, number>> = {
  // System calls of the server.
  // Writes: the claim, the file, its line of the manifest, one of the log, and a woken thread.
  "server writes": 5,
  // Open, mode and close of the file, its name, the place of its line, question and answer.
  "server calls, stateless": 7.9,
  "server calls, stateful": 7.9,

  // System calls of `fxfer send -r` for each file of a folder, without those of its threads among themselves.
  "client calls, stateless": 14.9,
  "client calls, stateful": 14.9,

  // Bytes that a program allocates on its heap, written as they stand: without the optimising compilers.
  "server heap, stateless": 19_000,
  "server heap, stateful": 31_500,
  "client heap, stateless": 33_000,
  "client heap, stateful": 44_500,

  // Round trips to a store: a save says what the frame did.
  "saves, memory": 1,
  "saves, persistent": 1,
  // Statements with those that begin and end the transactions; the session's clock writes one a second.
  "sqlite statements": 1.2,
  "sqlite statements, 16 in flight": 2.2,
  // Short writes to files: a note of the session's journal, the claim, its end, and the line of the manifest.
  "writes": 4,
  // Notes, claims and lines of files that are here together are one write each, of a server that is alone.
  "writes, 16 in flight": 1.6,
  // Looks at what has a name: nothing is looked at twice within a moment.
  "looks": 0,
  // Whether others have come.
  "looks, alone": 1.5,
  // Files that are here together are saved together.
  "redis commands": 1.2,
  "redis commands, 16 in flight": 0.5,
  // Bytes of the commands: the record, and the new replies.
  "redis bytes": 1300,
  "redis bytes, 16 in flight": 850,

  // Bytes on the wire besides the file's own.
  "bytes to the server, stateless": 325,
  "bytes back, stateless": 470,
  "bytes to the server, stateful": 375,
  "bytes back, stateful": 535,
  "bytes to the server, fetched": 225,
  "bytes back, fetched": 536,
};

/** Whether a file costs no more than its bound: then measuring again finds nothing. */
export const isWithin = (cost: string, value: number): boolean => value <= MOST[cost]!;

/**
 * Fails if a file costs more than its bound, or so much less that the bound holds nothing any more. How many of
 * the files in flight come together is a matter of the moment, so there a bound is the most and no more.
 */
export function assertCost(cost: string, value: number): void {
  const most = MOST[cost];
  assert.ok(most !== undefined, `${cost} has no bound`);
  const text = `${cost}: ${value} a file`;
  assert.ok(value <= most, `${text}, at most ${most} wanted`);
  if (cost.endsWith("in flight")) return;
  assert.ok(value >= most / 3, `${text}: lower its bound, which is ${most}`);
}

/** The sum of what is counted, for each of `files`. */
export const perFile = (counts: Iterable<number>, files: number): number =>
  [...counts].reduce((sum, count) => sum + count, 0) / files;
