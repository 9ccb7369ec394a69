/** Run by disk_test.ts under `ulimit -f`; prints the codes it saw and what it could store after. */
import { DiskStorage, type Tier } from "../../src/storage/mod.ts";
import type { FxferError } from "../../src/errors.ts";

const [folder = "", tier] = Deno.args;
await using storage = await DiskStorage.open(folder, { tier: tier as Tier });
const codes: string[] = [];
const spec = { mimeType: "text/plain", reserve: 0 };
const bytes = new Uint8Array(300_000);
const upload = await storage.begin(spec);
try {
  for (;;) await upload.write(bytes);
} catch (error) {
  codes.push((error as FxferError).code);
}
await upload.discard();
try {
  await storage.put(spec, new Uint8Array(900_000));
} catch (error) {
  codes.push((error as FxferError).code);
}
const { size } = await storage.put(spec, bytes);
Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify({ codes, size })));
