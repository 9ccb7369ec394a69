/** Finds the files that an earlier run has begun, before all others. @module */
import { absolutePath } from "../absolute.ts";
import type { SendArgs } from "./args.ts";
import type { FileToSend } from "./file_to_send.ts";
import type { Entry } from "./journal_file.ts";
import { isOf } from "./journal_key.ts";
import { startWalk } from "./plan.ts";

/** Those of the files of a command that are among what an earlier run has begun, by a walk of its own. */
export async function findBegun(
  asked: SendArgs,
  begun: readonly Entry[],
  signal: AbortSignal,
): Promise<readonly FileToSend[]> {
  const left = Map.groupBy(begun, ({ file }) => file);
  const over = new AbortController();
  const { ahead } = await startWalk(asked, AbortSignal.any([signal, over.signal]));
  const found: FileToSend[] = [];
  try {
    for (let some; left.size > 0 && (some = await ahead.take(Infinity)).length > 0;) {
      for (const target of some) {
        const path = absolutePath(target.path);
        const others = left.get(path)?.filter((entry) => !isOf(target)(entry));
        if (others === undefined || others.length === left.get(path)!.length) continue;
        if (others.length === 0) left.delete(path);
        else left.set(path, others);
        if (target.error === undefined) found.push(target);
      }
    }
    return found;
  } finally {
    over.abort();
  }
}
