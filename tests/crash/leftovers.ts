/** What a storage folder may hold that nobody works on any more. @module */
import { sha256 } from "../helpers/files.ts";
import type { Random } from "../helpers/random.ts";

/** What a dead process and time have left in a folder of tier RW. */
export interface Leftovers {
  /** Whole files without a line, which a claim speaks of. */
  readonly files: readonly string[];
  /** Partial files and folders that nobody asks for any more. */
  readonly orphans: readonly string[];
}

/** Makes leftovers, and half a line at the end of the manifest. */
export async function leaveBehind(folder: string, random: Random): Promise<Leftovers> {
  const hex = (digits: number) => random.bytes(digits / 2).toHex();
  const old = new Date(Date.now() - 3_600_000);
  for (const name of ["", ".claims", ".incoming"]) {
    await Deno.mkdir(`${folder}/${name}`, { recursive: true });
  }
  const files: string[] = [];
  for (const claim of [hex(16), "abc"]) {
    const bytes = random.bytes(5000);
    const path = `received_${hex(32)}.bin`;
    const mime_type = "application/octet-stream";
    const id = claim.length === 3 ? { upload_id: crypto.randomUUID() } : {};
    const time = old.toISOString();
    const line = { path, size: bytes.length, sha256: sha256(bytes), mime_type, time, ...id };
    await Deno.writeFile(`${folder}/${path}`, bytes);
    await Deno.writeTextFile(`${folder}/.claims/${claim}`, `${JSON.stringify(line)}\n`);
    files.push(path);
  }
  const orphans = [`.incoming/${hex(16)}.part`, `session_${crypto.randomUUID()}`];
  await Deno.writeFile(`${folder}/${orphans[0]}`, random.bytes(9));
  await Deno.mkdir(`${folder}/${orphans[1]}`);
  for (const path of orphans) await Deno.utime(`${folder}/${path}`, old, old);
  await Deno.writeTextFile(`${folder}/commits.jsonl`, '{"path":"received_');
  return { files, orphans };
}
