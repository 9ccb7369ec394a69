/**
 * Stores one file, or several together, and stops at one step of the commit, dead or frozen: a program of the
 * tests, run by halting.ts.
 *
 * The seam is the system call: whatever the storage does just before or after it is caught in the act.
 *
 * @module
 */
import type { FxferError } from "../../src/errors.ts";
import { DiskStorage, type Durability, type Journal } from "../../src/storage/mod.ts";

/** The steps of a commit that a process may stop after. */
export const STEPS = ["part", "claim", "name", "line"] as const;

/** One of {@linkcode STEPS}, or between two of them: several files wait to be published, or their lines were noted. */
export type Step = typeof STEPS[number] | "gathered" | "noted";

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
  /** Files that are stored together with the first, under these ids; the third gets its name before it stops. */
  readonly others?: readonly (string | null)[];
}

/** A journal that is never taken over. */
export const JOURNAL: Journal = { stands: true, note() {}, saved() {}, close() {} };

if (import.meta.main) {
  const told: Halting = JSON.parse(Deno.args[0]!);
  const { folder, step, signal, durability, pieces, text, others, uploadId, ...spec } = told;
  const storage = await DiskStorage.open(folder, { durability });
  let halted = false;
  const halt = (at: Step) => {
    if (halted || at !== step) return;
    halted = true;
    Deno.kill(Deno.pid, signal);
  };
  const { renameSync } = Deno;
  let names = others === undefined ? 2 : 0;
  Deno.renameSync = (from, to) => {
    halt("claim");
    renameSync(from, to);
    if (++names === 3) halt("name");
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
    if (bytes.length > 100) halt(renamed ? "line" : "noted");
    return count;
  };
  const bytes = new TextEncoder().encode(text);
  const more = { mimeType: "text/plain", reserve: 0, name: "its name", ...spec };
  const whole = { ...more, ...(uploadId !== undefined && { uploadId }) };
  if (pieces) {
    const upload = await storage.begin(whole);
    await upload.write(bytes);
    halt("part");
    await upload.seal();
    await upload.publish();
  } else if (others !== undefined) {
    const ids = [uploadId ?? null, ...others];
    const gathered = ids.map((uploadId, at) => {
      const file = { ...more, ...(uploadId !== null && { uploadId }), journal: JOURNAL };
      return storage.gather!(file, new TextEncoder().encode(`${text} ${at}`))!;
    });
    halt("gathered");
    try {
      for (const file of gathered) file.store();
    } catch (error) {
      // Others may have come while it stood still.
      if (step !== "gathered" && step !== "noted" || (error as FxferError).code !== "busy") {
        throw error;
      }
    }
  } else {
    await storage.put(whole, bytes);
  }
  await storage[Symbol.asyncDispose]();
}
