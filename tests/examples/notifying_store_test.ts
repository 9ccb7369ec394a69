import assert from "node:assert/strict";
import { connect, DiskStorage, serve, type SessionState } from "../../mod.ts";
import { TempDir } from "../helpers/temp.ts";
import { storeSuite } from "../store_suite.ts";
import { NotifyingStore } from "./notifying_store.ts";

storeSuite("NotifyingStore", () => {
  const store = new NotifyingStore(() => {});
  return Promise.resolve({ store, [Symbol.asyncDispose]: () => Promise.resolve() });
}, {
  gaps: {
    shared: "memory belongs to one process",
    persistent: "memory ends with its process",
    damage: "records are objects, which nobody else can change",
    check: "a save cannot fail",
  },
});

Deno.test("NotifyingStore tells of every state of a session, from its begin to its end", async () => {
  const states: SessionState[] = [];
  await using dir = await TempDir.make();
  {
    await using storage = await DiskStorage.open(dir.path);
    await using store = new NotifyingStore(({ state }) => states.push(state));
    await using server = serve({ storage, store, port: 0 });
    await using client = await connect({ port: server.addr.port, mode: "stateful" });
    let acked = 0;
    await client.send(new Uint8Array(5_000_000), {
      onProgress: (progress) => acked = progress.acked,
    });
    assert.equal(acked, 5_000_000);
    await client.disconnect();
  }
  assert.equal(states[0], "authenticated");
  assert.ok(states.includes("active"), states.join());
  assert.equal(states.at(-1), "closed");
});
