/**
 * Makes a program say how much its heap has grown: `deno run --preload tests/bench/allocated.ts …`. At
 * each SIGUSR2, and at its end, it writes a line of JSON to standard error.
 *
 * @module
 */
import { getHeapStatistics } from "node:v8";

/**
 * With these flags nothing is collected before hundreds of megabytes are full, so that what the heap has
 * grown by is what was allocated. The optimising compilers leave allocations out at times of their own
 * choice; without them a count is the same each time.
 */
export const COUNTING: readonly string[] = [
  "--v8-flags=--min-semi-space-size=512,--max-semi-space-size=512,--no-opt,--no-maglev",
  "--preload",
  import.meta.url,
];

function say(): void {
  const { used_heap_size } = getHeapStatistics();
  const line = JSON.stringify({ msg: "bench.allocated", bytes: used_heap_size });
  Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
}

if (Deno.mainModule !== undefined && Deno.args.length > 0) {
  Deno.addSignalListener("SIGUSR2", say);
  addEventListener("unload", say);
}
