/**
 * Comes to a folder, stores files whose upload ids others store as well, and goes, until its input ends: a program of
 * the tests, run by coming_test.ts.
 *
 * @module
 */
import type { FxferError } from "../../src/errors.ts";
import { DiskStorage } from "../../src/storage/mod.ts";
import { Random } from "../helpers/random.ts";
import { idOf } from "../helpers/upload_ids.ts";

if (import.meta.main) {
  const [folder, seed, begun] = Deno.args;
  const random = new Random(Number(seed));
  let isOver = false;
  const ending = (async () => {
    for await (const _bytes of Deno.stdin.readable);
    isOver = true;
  })();
  const pause = (most: number) =>
    new Promise((resolve) => setTimeout(resolve, random.int(0, most)));
  while (!isOver) {
    if (random.int(1, 2) === 1) await pause(60); // others are alone meanwhile
    await using storage = await DiskStorage.open(folder!);
    for (let left = random.int(1, 60); left > 0 && !isOver; left--) {
      // All processes store the same files at the same time: a new one every other millisecond.
      const at = Math.floor((Date.now() - Number(begun)) / 2) + random.int(0, 20);
      const count = random.int(1, 24);
      const spec = (n: number) => ({ mimeType: "text/plain", reserve: 0, uploadId: idOf(n) });
      const bytes = (n: number) => new TextEncoder().encode(`file ${n}`);
      try {
        const what = random.int(1, 10);
        if (what <= 6) {
          const files = [];
          for (let n = at; n < at + count; n++) files.push(storage.gather!(spec(n), bytes(n)));
          if (random.int(1, 3) === 1) await pause(2);
          for (const file of files) file?.store();
        } else if (what <= 7) {
          await storage.put(spec(at), bytes(at));
        } else if (what === 8) {
          await storage.put(spec(at), bytes(at), true);
        } else if (what === 9) {
          const upload = await storage.begin(spec(at));
          await upload.write(bytes(at));
          await upload.seal();
          await upload.publish();
        } else {
          await storage.sweep!(() => false);
        }
      } catch (error) {
        if ((error as FxferError).code !== "busy") throw error;
      }
      if (random.int(1, 5) === 1) await pause(2);
    }
  }
  await ending;
}
