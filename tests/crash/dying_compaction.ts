/**
 * Compacts the manifest of a folder, and kills itself at one of its file calls: a program of
 * compaction_kills_test.ts. Arguments: the folder, and before which call, counted from 1.
 *
 * @module
 */
import { compactManifest } from "../../src/storage/compaction.ts";
import { DENO_CALLS, FILE_CALLS } from "./file_faults.ts";

// deno-lint-ignore no-explicit-any
type Call = (...args: any[]) => any;

if (import.meta.main) {
  const [folder, last] = [Deno.args[0]!, Number(Deno.args[1])];
  let calls = 0;
  const count = (on: Record<string, Call>, names: readonly string[]) => {
    for (const name of names) {
      const call = on[name]!;
      on[name] = function (this: unknown, ...args) {
        if (++calls === last) Deno.kill(Deno.pid, "SIGKILL");
        return call.apply(this, args);
      };
    }
  };
  count(Deno as unknown as Record<string, Call>, DENO_CALLS);
  count(Deno.FsFile.prototype as unknown as Record<string, Call>, FILE_CALLS);
  await compactManifest(folder);
}
