/** The demo's folder as a tree, with each file compared to what was sent. @module */
import { createHash } from "node:crypto";
import { pad, type Paint } from "../../terminal/mod.ts";
import { formatBytes } from "../../text.ts";
import type { Sample } from "./samples.ts";

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** The lines of the tree; a file that equals no sample is marked. */
export async function storedLines(
  folder: string,
  samples: readonly Sample[],
  paint: Paint,
): Promise<string[]> {
  const names = new Map(samples.map(({ name, bytes }) => [sha256(bytes), name]));
  const lines: string[] = [];
  const walk = async (dir: string, indent: string): Promise<void> => {
    const entries = await Array.fromAsync(Deno.readDir(dir));
    entries.sort((a, b) => a.name < b.name ? -1 : 1);
    for (const { name, isDirectory } of entries) {
      if (name.startsWith(".")) continue;
      if (isDirectory) {
        lines.push(`${indent}${name}/`);
        await walk(`${dir}/${name}`, `${indent}  `);
        continue;
      }
      const bytes = await Deno.readFile(`${dir}/${name}`);
      lines.push(
        name === "commits.jsonl"
          ? `${indent}${pad(name, 37 - indent.length)}the manifest: a line a file`
          : `${indent}${pad(shortened(name), 37 - indent.length)}${
            formatBytes(bytes.length).padStart(8)
          }` +
            comparison(sha256(bytes), names, paint),
      );
    }
  };
  await walk(folder, "  ");
  return lines;
}

/** A random name without its middle, which would fill half the line. */
function shortened(name: string): string {
  return name.replace(/([0-9a-f]{8})[0-9a-f]{16}(?=[0-9a-f]{8}\.)/, "$1…");
}

function comparison(digest: string, names: ReadonlyMap<string, string>, paint: Paint): string {
  const name = names.get(digest);
  const short = paint("dim", `  sha256 ${digest.slice(0, 8)}…`);
  return short +
    (name === undefined ? paint("red", "  not what was sent") : `  ${paint("green", "=")} ${name}`);
}
