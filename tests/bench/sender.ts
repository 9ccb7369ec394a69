/**
 * A client of the library as a program: `sender.ts PORT MODE PASSES FILES` sends files of 1 KiB, each when
 * the one before is answered, and writes the bytes that each pass has allocated on the heap, one a line.
 *
 * @module
 */
import { getHeapStatistics } from "node:v8";
import { connect } from "../../src/client/mod.ts";

const [port, mode, passes, files] = Deno.args;
const used = () => getHeapStatistics().used_heap_size;

await using client = await connect({
  port: Number(port),
  mode: mode as "stateful" | "stateless",
});
const payload = new Uint8Array(1024);
for (let pass = 0; pass < Number(passes); pass++) {
  const before = used();
  for (let i = 0; i < Number(files); i++) await client.send(payload, { name: "name.bin" });
  Deno.stdout.writeSync(new TextEncoder().encode(`${used() - before}\n`));
}
