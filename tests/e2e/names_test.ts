/** The names of stored files, and the names that clients give: these are data, never a path. @module */
import assert from "node:assert/strict";
import { listFiles, readManifest } from "../helpers/files.ts";
import { RawPeer } from "../helpers/raw_peer.ts";
import { assertStores, serving, TIERS } from "../helpers/serving.ts";

for (const [tier, flags] of TIERS) {
  const test = serving(`stateless, tier ${tier}`, { flags });

  test("a file is named received_<16 hex digits or more>.<ext> and stands in the manifest", async (server) => {
    using peer = await RawPeer.open(server);
    const { data } = await peer.stateless("named", { name: "holiday.png" }, "image/png");
    assert.match(data.file.path, /^received_[0-9a-f]{16,}\.png$/);
    const lines = await readManifest(server.storage);
    const line = lines.find(({ path }) => path === data.file.path);
    assert.equal(line?.size, 5);
    assert.equal(line?.sha256, data.file.sha256);
    assert.equal(line?.name, "holiday.png");
  });

  const NAMES = [
    "../../etc/passwd",
    "..\\..\\windows\\system32",
    "C:\\evil.exe",
    "nul\0byte",
    "\u001b[31mred",
    "line\r\nbreak",
    "a".repeat(255),
    "\u202Egpj.exe",
    "/absolute",
    ".",
  ];
  for (const name of NAMES) {
    test(`a name is data, never a path: ${JSON.stringify(name.slice(0, 20))}`, async (server) => {
      const outside = await listFiles(server.cwd);
      using peer = await RawPeer.open(server);
      const { data } = await peer.stateless("x", { name }, "text/plain");
      const now = await listFiles(server.cwd);
      if (data.code === "ok") {
        assert.match(data.file.path, /^received_[0-9a-f]{16,}\.txt$/);
        const line = (await readManifest(server.storage)).find(({ path }) =>
          path === data.file.path
        );
        assert.equal(line?.name, name, "kept as it came");
        assert.equal(now.length, outside.length + 1);
      } else {
        assert.match(data.code, /^(invalid_field|malformed_header)$/);
        assert.deepEqual(now, outside);
      }
      const raw = [...server.output()].filter((char) => char < " " || char === "\u202E");
      assert.deepEqual(raw.filter((char) => char !== "\n"), [], "log lines are escaped");
    });
  }

  test("a name of over 255 bytes is an invalid_field", async (server) => {
    await assertStores(server, 0, async () => {
      using peer = await RawPeer.open(server);
      const { data } = await peer.stateless("x", { name: "ü".repeat(150) });
      assert.equal(data.code, "invalid_field");
    });
  });
}
