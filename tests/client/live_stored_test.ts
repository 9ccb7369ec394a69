/** list, fetch and remove, against a real server behind a proxy that breaks connections. @module */
import assert from "node:assert/strict";
import { code } from "../helpers/errors.ts";
import { watched } from "./helpers.ts";
import { Live } from "./live.ts";
import { pattern } from "./scripted_peer.ts";

const MIB = 1 << 20;
const start = () => Live.start({ anonymous: ["put", "get", "list", "remove"] });

for (const mode of ["stateful", "stateless"] as const) {
  Deno.test(`${mode}: a fetch goes on through cuts on its way, beside a send`, async () => {
    await using live = await start();
    const bytes = pattern(9 * MIB);
    {
      await using it = await watched(live.port);
      await it.client.send(bytes, { name: "dir/large" });
      await it.client.disconnect();
    }
    const cut = { down: { faults: [{ kind: "reset", after: 2 * MIB }] } } as const;
    await using proxy = await live.proxy(cut, cut, cut);
    await using it = await watched(proxy.port, { mode });
    const got = new Uint8Array(bytes.length);
    const fetched = it.client.fetch({ name: "dir/large" }, (part, offset) => got.set(part, offset));
    const sent = it.client.send(pattern(100_000), { name: "small" });
    const { verified, resumedFrom, file } = await fetched;
    assert.ok(verified);
    assert.ok(resumedFrom.length === 3, `${resumedFrom}`);
    assert.deepEqual(got, bytes);
    assert.equal(file.name, "dir/large");
    assert.equal((await sent).confirmed, true);
    await it.client.disconnect();
  });
}

Deno.test("list gives every file once, page by page, and remove takes one away exactly once", async () => {
  await using live = await start();
  await using it = await watched(live.port);
  const names = Array.from({ length: 120 }, (_, n) => `n/${String(n).padStart(3, "0")}`);
  await Promise.all(names.map((name) => it.client.send(pattern(10), { name })));
  const listed = async () => {
    const query = { prefix: "n/", order: "name", pageSize: 7 } as const;
    return (await Array.fromAsync(it.client.list(query))).map(({ name }) => name);
  };
  assert.deepEqual(await listed(), names);
  const file = await it.client.stored({ name: "n/005" });
  const { file: gone, replayed } = await it.client.remove(file!.path);
  assert.deepEqual([gone?.name, replayed], ["n/005", false]);
  assert.equal(await it.client.stored({ name: "n/005" }), undefined);
  assert.deepEqual(await listed(), names.filter((name) => name !== "n/005"));
  await assert.rejects(it.client.remove("no/such/path"), code("not_found"));
  // The number that was refused stays usable: what comes behind it runs.
  assert.equal((await it.client.send(pattern(10), { name: "after" })).confirmed, true);
  await it.client.disconnect();
});

for (const mode of ["stateful", "stateless"] as const) {
  Deno.test(`${mode}: S-LST-2 lists read at the same time give every file once, through cuts`, async () => {
    await using live = await start();
    await using it = await watched(live.port);
    const names = Array.from({ length: 300 }, (_, n) => `n/${String(n).padStart(3, "0")}`);
    await Promise.all(names.map((name) => it.client.send(pattern(10), { name })));
    const cuts = [20_000, 30_000, 9_000].map((after) =>
      ({ down: { faults: [{ kind: "reset", after }] } }) as const
    );
    await using proxy = await live.proxy(...cuts);
    await using far = await watched(proxy.port, { mode });
    const listed = async (order: "name" | "newest") => {
      const query = { prefix: "n/", order, pageSize: 7, pagesAhead: 10 } as const;
      return (await Array.fromAsync(far.client.list(query))).map(({ name }) => name);
    };
    const [byName, newest, also] = await Promise.all(
      [listed("name"), listed("newest"), listed("name")],
    );
    assert.deepEqual([byName, also], [names, names]);
    assert.deepEqual(newest.toSorted(), names);
  });
}

Deno.test("a removal whose reply is cut off is done once, and tells the file that is gone", async () => {
  await using live = await start();
  {
    await using it = await watched(live.port);
    await it.client.send(pattern(10), { name: "once" });
    await it.client.disconnect();
  }
  await using direct = await watched(live.port, { mode: "stateless" });
  const { path } = (await direct.client.stored({ name: "once" }))!;
  // The reply to the connect passes, that to the removal does not.
  await using proxy = await live.proxy({ down: { faults: [{ kind: "reset", after: 900 }] } });
  await using it = await watched(proxy.port);
  const results = await Promise.all([
    it.client.remove(path),
    ...Array.from({ length: 5 }, () => it.client.stored({ name: "none" })),
  ]);
  assert.ok(it.events.all.some(({ type }) => type === "connection_lost"));
  assert.equal(results[0].file?.name, "once");
  assert.equal(await direct.client.stored({ path }), undefined);
});
