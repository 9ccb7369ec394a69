/** Computes many digests, and says by how many bytes the process has grown meanwhile. @module */
import { ComputedDigest } from "../../src/storage/mod.ts";

const bytes = new Uint8Array(64);

async function compute(count: number): Promise<number> {
  let most = 0;
  for (let i = 0; i < count; i++) {
    new ComputedDigest(bytes);
    if (i % 1000 !== 0) continue;
    // V8 collects step by step, and only where the program waits.
    await new Promise((resolve) => setTimeout(resolve, 0));
    most = Math.max(most, Deno.memoryUsage().rss);
  }
  return most;
}

const before = await compute(5000);
const line = JSON.stringify({ grown: await compute(120_000) - before });
Deno.stdout.writeSync(new TextEncoder().encode(line));
