import assert from "node:assert/strict";
import { openParts } from "../../src/app/mod.ts";
import { parseConfig } from "../../src/config/mod.ts";
import { Events } from "../../src/events.ts";
import { silentLogger } from "../../src/log.ts";
import { TempDir } from "../helpers/temp.ts";

function open(path: string, sqlite_file = "sessions.db") {
  const config = parseConfig({
    storage: { path },
    stateful: { persistence: "sqlite", sqlite_file },
  });
  return openParts(config, silentLogger, new Events(() => {}));
}

for (const name of ["commits.jsonl", "Commits.jsonl", "received_1.bin"]) {
  Deno.test(`sessions are not kept in ${name}, which is the storage's own`, async () => {
    await using dir = await TempDir.make();
    await assert.rejects(open(dir.path, name), {
      code: "config_invalid",
      message: new RegExp(`stateful.sqlite_file is ${name}, a name that the storage itself uses`),
    });
  });
}

Deno.test({
  name: "the storage may be a link to a folder",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using dir = await TempDir.make();
    await Deno.mkdir(dir.join("disk"));
    await Deno.symlink("disk", dir.join("link"));
    await using parts = await open(dir.join("link"));
    await parts.options.storage.check();
    assert.ok((await Deno.stat(dir.join("disk/.incoming"))).isDirectory);
  },
});
