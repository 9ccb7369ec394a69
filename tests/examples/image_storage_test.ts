import assert from "node:assert/strict";
import { connect, DiskStorage, MemorySessionStore, serve } from "../../mod.ts";
import { TempDir } from "../helpers/temp.ts";
import { diskFixture } from "../storage/disk_fixture.ts";
import { storageSuite } from "../storage_suite.ts";
import { ImageStorage } from "./image_storage.ts";

storageSuite("ImageStorage", async (needs) => {
  const disk = await diskFixture(needs);
  return {
    ...disk,
    storage: new ImageStorage(disk.storage),
    restart: async () => new ImageStorage(await disk.restart()),
  };
});

for (const mode of ["stateful", "stateless"] as const) {
  Deno.test(`ImageStorage takes images and refuses anything else, ${mode}`, async () => {
    await using dir = await TempDir.make();
    await using storage = new ImageStorage(await DiskStorage.open(dir.path));
    await using store = new MemorySessionStore();
    await using server = serve({ storage, store, port: 0 });
    await using client = await connect({ port: server.addr.port, mode });
    assert.ok((await client.send(new Blob(["P1"]), { mimeType: "image/x-pbm" })).confirmed);
    const text = client.send(new Blob(["text"]), { mimeType: "text/plain" });
    await assert.rejects(text, { code: "invalid_field" });
  });
}
