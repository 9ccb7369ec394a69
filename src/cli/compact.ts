/** `fxfer compact`: rewrites the manifest of a storage folder without what is gone. @module */
import { compactManifest } from "../storage/compaction.ts";
import type { Output } from "../terminal/mod.ts";
import { count, formatBytes } from "../text.ts";
import type { ParsedArgs } from "./args.ts";
import type { Command } from "./command.ts";
import { mustRead } from "./local.ts";
import { SUMMARIES } from "./summaries.ts";

async function compact(args: ParsedArgs, { out }: Output): Promise<number> {
  const folder = args.operands[0]!;
  const state = args.text("state") ?? folder;
  await mustRead(folder, `compact ${folder}`);
  await mustRead(state, `compact ${folder}`);
  const done = await compactManifest(folder, state);
  const { files, linesBefore, lines, bytesBefore, bytes, kept } = done;
  out.line(
    `${count(files, "file")} listed: ${count(linesBefore, "line")} (${formatBytes(bytesBefore)}) ` +
      `before, ${lines} (${formatBytes(bytes)}) now; the former manifest is ${kept}`,
  );
  return 0;
}

export const COMPACT_COMMAND: Command = {
  spec: {
    name: "compact",
    summary: SUMMARIES.compact,
    operands: { name: "DIR", min: 1, max: 1 },
    options: {
      state: { value: "DIR", help: "Where the manifest is, if the server has storage.state set" },
    },
    details: [
      "Servers may use the folder meanwhile: they go on in the new manifest, commits.jsonl. The former " +
      "one is kept beside it, as commits.jsonl.<time>; remove it when you like. Lines that say nothing " +
      "are left out, and so are those of files that later lines say are gone. A file that somebody has " +
      "removed by hand keeps its line.",
    ],
  },
  run: compact,
};
