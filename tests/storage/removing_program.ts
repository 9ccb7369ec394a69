/**
 * Removes the one file of a folder and kills itself at one step: a program of removal_test.ts. The seam is the
 * system call.
 *
 * @module
 */
import { DiskStorage, type Durability } from "../../src/storage/mod.ts";

/** The steps of a removal that a process may die after. */
export const REMOVAL_STEPS = ["claim", "line", "file"] as const;

/** One of {@linkcode REMOVAL_STEPS}. */
export type RemovalStep = typeof REMOVAL_STEPS[number];

if (import.meta.main) {
  const [folder, step, durability] = Deno.args as [string, RemovalStep, Durability];
  const storage = await DiskStorage.open(folder, { durability });
  const { files: [file] } = await storage.catalogue.list({ limit: 1, order: "newest" });
  const die = () => Deno.kill(Deno.pid, "SIGKILL");
  const { writeSync } = Deno.FsFile.prototype;
  let lines = 0;
  Deno.FsFile.prototype.writeSync = function (bytes) {
    const count = writeSync.call(this, bytes);
    if (new TextDecoder().decode(bytes).includes('"removed"')) lines++;
    if (lines === REMOVAL_STEPS.indexOf(step) + 1) die();
    return count;
  };
  const { removeSync } = Deno;
  Deno.removeSync = (path, options) => {
    removeSync(path, options);
    if (step === "file" && String(path).endsWith(file!.path)) die();
  };
  await storage.catalogue.remove(file!.path);
}
