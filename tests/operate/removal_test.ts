/** What is given back when an operator removes a file. @module */
import assert from "node:assert/strict";
import { connect } from "../../src/client/mod.ts";
import { formatKey, newKey } from "../../src/keys/mod.ts";
import { code } from "../helpers/errors.ts";
import { TempDir } from "../helpers/temp.ts";
import { operated } from "./operators.ts";

const SIZE = 1000;

for (const workers of [1, 2]) {
  for (
    const [limit, refused] of [["quota", "quota_exceeded"], ["budget", "storage_full"]] as const
  ) {
    Deno.test(`a removed file gives its ${limit} back, with ${workers} workers`, async () => {
      await using temp = await TempDir.make();
      const key = newKey("alice");
      const quota = limit === "quota" ? SIZE : 10 * SIZE;
      const line = `${formatKey(key)} quota=${quota}\n`;
      await Deno.writeTextFile(`${temp.path}/keys`, line, { mode: 0o600 });
      await using it = await operated({
        flags: ["-A"],
        set: {
          "security.keys": `${temp.path}/keys`,
          "server.workers": workers,
          "stateful.persistence": "sqlite",
          ...(limit === "budget" && { "storage.budget": SIZE }),
        },
      });
      const send = async (first: number) => {
        const bytes = new Uint8Array(SIZE).fill(first);
        await using client = await connect({
          ...{ port: it.server.port, mode: "stateless", key: formatKey(key), retries: 0 },
        });
        return await client.send(bytes, { name: `${first}.bin` });
      };
      const used = async () => {
        const { used_bytes, used_files } = (await it.ask("/api/v1/keys")).json.keys[0];
        return [used_bytes, used_files];
      };
      for (let turn = 0; turn < 3; turn++) {
        const { file } = await send(turn);
        assert.deepEqual(await used(), [SIZE, 1]);
        await assert.rejects(send(100), code(refused));
        const removed = await it.ask(`/api/v1/files/${file!.path}`, { method: "DELETE" });
        assert.equal(removed.status, 200, removed.text);
        assert.deepEqual(await used(), [0, 0]);
      }
      const { reason } = await it.server.event("storage.removed");
      assert.equal(reason, "operator");
    });
  }
}
