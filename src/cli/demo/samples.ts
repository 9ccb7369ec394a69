/** The files that the demo sends, and what of them the server has stored. @module */
import { createHash } from "node:crypto";
import { pad, type Paint } from "../../terminal/mod.ts";
import { formatBytes } from "../../text.ts";

export interface Sample {
  readonly name: string;
  readonly mimeType: string;
  readonly bytes: Uint8Array;
}

/** Random-looking bytes, the same in each run (xorshift). */
function noise(length: number): Uint8Array {
  const words = new Uint32Array(length / 4);
  let state = 0x9e3779b9;
  for (let at = 0; at < words.length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[at] = state;
  }
  return new Uint8Array(words.buffer);
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Small files for the stateless part. */
export const SMALL: readonly Sample[] = [
  { name: "hello.txt", mimeType: "text/plain", bytes: utf8("Hello from fxfer.\n") },
  {
    name: "table.csv",
    mimeType: "text/csv",
    bytes: utf8("n,square\n" + Array.from({ length: 200 }, (_, n) => `${n},${n * n}\n`).join("")),
  },
];

/** A file of 4 MiB, large enough to be cut in the middle. */
export function largeSample(): Sample {
  return { name: "photo.png", mimeType: "image/png", bytes: noise(4 * 1024 * 1024) };
}

/** The digest of bytes, in hex. */
export const sha256Of = (bytes: Uint8Array): string =>
  createHash("sha256").update(bytes).digest("hex");

/** The folder as a tree, a line for each entry; a file that equals no sample is marked. */
export async function storedLines(
  folder: string,
  samples: readonly Sample[],
  paint: Paint,
): Promise<string[]> {
  const names = new Map(samples.map(({ name, bytes }) => [sha256Of(bytes), name]));
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
      // A random name is shown without its middle, which would fill half the line.
      const short = name.replace(/([0-9a-f]{8})[0-9a-f]{16}(?=[0-9a-f]{8}\.)/, "$1…");
      const facts = name === "commits.jsonl"
        ? "the manifest: a line for each file"
        : comparison(await Deno.readFile(`${dir}/${name}`), names, paint);
      lines.push(`${indent}${pad(short, 37 - indent.length)}${facts}`);
    }
  };
  await walk(folder, "  ");
  return lines;
}

function comparison(bytes: Uint8Array, names: ReadonlyMap<string, string>, paint: Paint): string {
  const digest = sha256Of(bytes);
  const name = names.get(digest);
  const equal = name === undefined
    ? paint("red", "not what was sent")
    : `${paint("green", "=")} ${name}`;
  const size = formatBytes(bytes.length).padStart(8);
  return `${size}${paint("dim", `  sha256 ${digest.slice(0, 8)}…`)}  ${equal}`;
}
