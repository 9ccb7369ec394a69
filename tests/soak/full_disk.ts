/**
 * A disk that is filled and freed again and again while one server runs on it: a small one in memory where this
 * process may mount it (Linux, root), else a folder with a budget.
 *
 * @module
 */
import { connect } from "../../src/client/mod.ts";
import { FxferError } from "../../src/errors.ts";
import { listStored } from "../helpers/files.ts";
import { Program } from "../helpers/program.ts";
import { TempDir } from "../helpers/temp.ts";

const ROOM = 16 * 2 ** 20;
const FILE = 2 ** 20;

/** What was seen. */
export interface Fills {
  /** How often it was full and then had room again. */
  fills: number;
  stored: number;
  /** What should not have happened. */
  readonly faults: string[];
  readonly kind: "a small disk" | "a budget";
}

/** Fills and frees until `running` says no more. */
export async function fillAndFree(running: () => boolean): Promise<Fills> {
  await using temp = await TempDir.make();
  const storage = temp.join("storage");
  await Deno.mkdir(storage);
  await using mounted = await mount(storage);
  const seen: Fills = {
    ...{ fills: 0, stored: 0, faults: [] },
    kind: mounted === undefined ? "a budget" : "a small disk",
  };
  await using server = await Program.serve({
    cwd: temp.path,
    set: {
      "security.anonymous": "put,get,list,remove",
      "stateful.persistence": "memory",
      ...(mounted === undefined && { "storage.budget": ROOM }),
    },
  });
  do {
    await using client = await connect({ port: server.port, mode: "stateful", retries: 0 });
    const paths: string[] = [];
    let full: unknown;
    // Twice as many as there is room for.
    while (full === undefined && paths.length < 2 * ROOM / FILE) {
      try {
        const { file } = await client.send(new Uint8Array(FILE).fill(paths.length), {
          name: `${paths.length}.bin`,
        });
        paths.push(file!.path);
        seen.stored++;
      } catch (error) {
        full = error;
      }
    }
    if (!(full instanceof FxferError && full.code === "storage_full")) {
      seen.faults.push(full === undefined ? "never full" : String(full));
    }
    const there = new Set(await listStored(storage));
    seen.faults.push(...paths.filter((path) => !there.has(path)).map((path) => `lost ${path}`));
    await using remover = await connect({ port: server.port, mode: "stateful", retries: 0 });
    for (const path of paths) await remover.remove(path);
    if ((await listStored(storage)).length > 0) seen.faults.push("removed files are still there");
    seen.fills++;
  } while (running());
  return seen;
}

/** Mounts a small disk; undefined where that is not possible. */
async function mount(path: string): Promise<AsyncDisposable | undefined> {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) return undefined;
  const run = async (program: string, ...args: string[]) =>
    (await new Deno.Command(program, { args, stdout: "null", stderr: "null" }).output()).success;
  if (!await run("mount", "-t", "tmpfs", "-o", `size=${ROOM}`, "tmpfs", path)) return undefined;
  return { [Symbol.asyncDispose]: async () => void await run("umount", "-l", path) };
}
