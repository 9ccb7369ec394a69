/**
 * Stores one file and stops at one step of its commit, dead or frozen: a program of the tests, run by
 * halting.ts.
 *
 * The seam is the system call: whatever the storage does just before or after it is caught in the act.
 *
 * @module
 */
import { DiskStorage, type Durability } from "../../src/storage/mod.ts";

/** The steps of a commit that a process may stop after. */
export const STEPS = ["part", "claim", "name", "line"] as const;

/** One of {@linkcode STEPS}. */
export type Step = typeof STEPS[number];

/** What the program is told, as JSON. */
export interface Halting {
  readonly folder: string;
  readonly step: Step;
  readonly signal: "SIGKILL" | "SIGSTOP";
  readonly durability: Durability;
  /** Whether the file arrives in pieces. */
  readonly pieces: boolean;
  readonly uploadId?: string;
  readonly session?: { readonly id: string; readonly sequence: number };
  readonly text: string;
}

if (import.meta.main) {
  const told: Halting = JSON.parse(Deno.args[0]!);
  const { folder, step, signal, durability, pieces, text, ...spec } = told;
  const storage = await DiskStorage.open(folder, { durability });
  let halted = false;
  const halt = (at: Step) => {
    if (halted || at !== step) return;
    halted = true;
    Deno.kill(Deno.pid, signal);
  };
  const { renameSync } = Deno;
  Deno.renameSync = (from, to) => {
    halt("claim");
    renameSync(from, to);
    halt("name");
  };
  const { writeSync } = Deno.FsFile.prototype;
  let renamed = false;
  const rename = Deno.renameSync;
  Deno.renameSync = (from, to) => {
    rename(from, to);
    renamed = true;
  };
  Deno.FsFile.prototype.writeSync = function (bytes) {
    const count = writeSync.call(this, bytes);
    if (renamed && bytes.length > 100) halt("line");
    return count;
  };
  const bytes = new TextEncoder().encode(text);
  const whole = { mimeType: "text/plain", reserve: 0, name: "its name", ...spec };
  if (pieces) {
    const upload = await storage.begin(whole);
    await upload.write(bytes);
    halt("part");
    await upload.seal();
    await upload.publish();
  } else {
    await storage.put(whole, bytes);
  }
  await storage[Symbol.asyncDispose]();
}
