/** A folder with the names that go wrong most often, and small and large files. @module */
import { createHash } from "node:crypto";
import { Random } from "./random.ts";

/** Names that some system, terminal or path code stumbles over; all are valid on Linux. */
const ODD_NAMES: readonly string[] = [
  "emoji 😀👩‍👩‍👧.txt",
  "new\nline",
  `${"ü".repeat(126)}255`,
  "nfd e\u0301.txt",
  "nfc \u00e9.txt",
  "trailing dots...",
  "trailing space ",
  " leading space",
  ".hidden",
  "CON",
  "aux.txt",
  "Case.txt",
  "case.txt",
  "back\\slash",
  "C:colon",
  'quote"<>|?*',
  "per%cent %2F",
  "-dash",
  "\u202Egpj.exe",
  "\u001b[31mred",
  "~",
  "file (2).png",
];

/** A large file is written in pieces, because it may be larger than the memory. */
const PIECE_BYTES = 16 << 20;

/** How large a tree is. */
export interface TreeSize {
  /** Files with usual names, in ten folders. */
  readonly files: number;
  /** Bytes of them in all, at least; one of them has half. */
  readonly bytes: number;
}

/** Writes a tree below a folder that is there. Each path, file and time depends on the seed alone. */
export async function writeOddTree(folder: string, seed: number, size: TreeSize): Promise<void> {
  const random = new Random(seed);
  const write = async (path: string, bytes: Uint8Array, seconds: number) => {
    await Deno.writeFile(`${folder}/${path}`, bytes);
    await Deno.utime(`${folder}/${path}`, seconds, seconds);
  };
  const deep = Array.from({ length: 20 }, (_, n) => `level ${n}`).join("/");
  await Deno.mkdir(`${folder}/odd/${deep}`, { recursive: true });
  for (const name of ODD_NAMES) {
    await write(`odd/${name}`, random.bytes(random.int(0, 5000)), random.int(0, 2_000_000_000));
  }
  await Deno.mkdir(`${folder}/odd/CON folder.`);
  await write("odd/CON folder./x", random.bytes(10), 5);
  await write(`odd/${deep}/deep`, random.bytes(10), 5);
  await write("odd/empty", new Uint8Array(), 5);
  await write("odd/program", random.bytes(10), 5);
  await Deno.chmod(`${folder}/odd/program`, 0o755);
  const each = Math.ceil(size.bytes / 2 / size.files);
  for (let n = 0; n < size.files; n++) {
    const place = `d${n % 10}`;
    await Deno.mkdir(`${folder}/${place}`, { recursive: true });
    await write(`${place}/f${n}.bin`, random.bytes(random.int(1, 2 * each)), random.int(1, 2e9));
  }
  const large = `${folder}/d0/large.bin`;
  for (let left = Math.ceil(size.bytes / 2); left > 0; left -= PIECE_BYTES) {
    await Deno.writeFile(large, random.bytes(Math.min(left, PIECE_BYTES)), { append: true });
  }
  await Deno.utime(large, 6, 6);
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  using file = await Deno.open(path);
  const buffer = new Uint8Array(1 << 20);
  for (let count; (count = await file.read(buffer)) !== null;) {
    hash.update(buffer.subarray(0, count));
  }
  return hash.digest("hex");
}

/** What is below a folder: for each file its digest, time and whether it may be run. */
export async function readTree(folder: string, below = ""): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const { name, isDirectory } of Deno.readDir(`${folder}/${below}`)) {
    const path = below + name;
    if (isDirectory) {
      for (const [inner, facts] of await readTree(folder, `${path}/`)) found.set(inner, facts);
      continue;
    }
    const { mtime, mode } = await Deno.lstat(`${folder}/${path}`);
    const digest = await digestOf(`${folder}/${path}`);
    found.set(path, `${digest} ${mtime?.getTime()} ${((mode ?? 0) & 0o100) !== 0}`);
  }
  return found;
}
