/** Run by sandbox_test.ts under the flags of a tier; prints what it saw as JSON. */
import { DiskStorage } from "../../src/storage/mod.ts";

const folder = Deno.args[0] ?? "";
const bytes = new TextEncoder().encode("hello");
const session = { id: "6f9619ff-8b86-4d01-b42d-00cf4fc964ff", sequence: 1 };
await using storage = await DiskStorage.open(folder, { durability: "data" });
const small = await storage.put({ mimeType: "text/plain", reserve: 5, uploadId: "u" }, bytes);
const again = await storage.put({ mimeType: "text/plain", reserve: 5, uploadId: "u" }, bytes);
const upload = await storage.begin({ mimeType: "image/jpeg", reserve: 10, session });
await upload.write(bytes);
await upload.checkpoint();
await upload.write(bytes);
await upload.seal();
const large = await upload.publish();
const dropped = await storage.begin({ mimeType: "image/png", reserve: 1 });
await dropped.write(bytes);
await dropped.discard();
const left = await storage.begin({ mimeType: "image/gif", reserve: 1 });
await left.write(bytes);
await storage.check();
let durable = "opened";
try {
  await using _ = await DiskStorage.open(folder, { durability: "durable" });
} catch (error) {
  durable = (error as Error).message;
}
const seen = { tier: storage.label, small, again, large, left: left.temporaryPath, durable };
Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(seen)));
// The process ends without closing its files: what it leaves must be recognisable as partial.
Deno.exit(0);
