/** Two storages on one folder, as two processes have them: each learns what the other stored (S-TRF-9). @module */
import assert from "node:assert/strict";
import { storedBefore } from "../../src/handler/storing.ts";
import { DiskStorage } from "../../src/storage/mod.ts";
import { InProcess } from "../helpers/in_process.ts";
import { sha256 } from "../helpers/files.ts";
import { utf8 } from "../helpers/raw_frame.ts";
import { TempDir } from "../helpers/temp.ts";

const ID = (n: number) => `6f9619ff-8b86-4d01-b42d-${String(n).padStart(12, "0")}`;

const put = (storage: DiskStorage, n: number, text = `file ${n}`) =>
  storage.put({ mimeType: "text/plain", reserve: 0, uploadId: ID(n) }, utf8(text));

Deno.test("DiskStorage.refresh() learns what others have stored, and only then", async () => {
  await using dir = await TempDir.make();
  await using one = await DiskStorage.open(dir.path);
  await using two = await DiskStorage.open(dir.path);
  assert.equal(two.refresh!(), undefined, "nothing is there");
  const first = await put(one, 1);
  assert.equal(one.refresh!(), undefined, "its own lines are nothing new");
  assert.equal(two.find(ID(1)), undefined);
  await two.refresh!();
  assert.deepEqual(two.find(ID(1)), first);
  assert.equal(two.refresh!(), undefined, "and that was all");
  assert.deepEqual(await put(two, 1, "file 1"), { ...first, replayed: true });

  // Both write in turn, and each learns every line of the other.
  for (let n = 2; n < 40; n++) {
    await put(n % 3 === 0 ? one : two, n);
    if (n % 5 === 0) {
      await Promise.all([one.refresh!(), two.refresh!(), put(one, 100 + n), one.refresh!()]);
    }
  }
  await Promise.all([one.refresh!(), two.refresh!()]);
  for (let n = 1; n < 40; n++) {
    assert.ok(one.find(ID(n)) !== undefined && two.find(ID(n)) !== undefined, String(n));
  }
});

Deno.test("DiskStorage.refresh() begins anew when the manifest was removed, and skips half a line", async () => {
  await using dir = await TempDir.make();
  await using one = await DiskStorage.open(dir.path);
  await using two = await DiskStorage.open(dir.path);
  for (let n = 1; n < 5; n++) await put(one, n);
  await two.refresh!();
  await Deno.remove(dir.join("commits.jsonl"));
  await one.check(); // makes the manifest again
  await two.check();
  await put(one, 7);
  await two.refresh!();
  assert.ok(two.find(ID(7)) !== undefined);

  using file = await Deno.open(dir.join("commits.jsonl"), { append: true });
  const line = JSON.stringify({ path: "received_00000000000000aa.bin" });
  await file.write(utf8(line.slice(0, 9)));
  await two.refresh!();
  assert.equal(two.find(ID(8)), undefined);
});

Deno.test("S-TRF-9 a stateless upload asked for again at another instance is answered, not stored", async () => {
  await using first = await InProcess.start();
  await using storage = await DiskStorage.open(first.folder);
  await using second = await InProcess.start({ storage: () => storage });
  const bytes = utf8("once");
  const data = { upload_id: ID(1), sha256: sha256(bytes) };
  // The second server has a connection, and has read the manifest, before the first one stores.
  using early = await second.open();
  await early.stateless("another", { upload_id: ID(2) });

  using peer = await first.open();
  const stored = (await peer.stateless(bytes, data)).data;
  assert.equal(stored.code, "ok");
  using again = await second.open();
  const replayed = (await again.stateless(bytes, data)).data;
  assert.deepEqual([replayed.replayed, replayed.file], [true, stored.file]);
  using other = await second.open();
  const reused = await other.stateless("other bytes", {
    ...data,
    sha256: sha256(utf8("other bytes")),
  });
  assert.equal(reused.data.code, "sequence_reuse");
  await first.assertStored(bytes, utf8("another"));
});

Deno.test("S-TRF-11 a retry at another instance on an open connection is answered, in both modes", async () => {
  await using first = await InProcess.start();
  await using storage = await DiskStorage.open(first.folder);
  await using second = await InProcess.start({ storage: () => storage });
  const peers = [await first.open(), await second.open()];
  const sessions = [await first.attached(), await second.attached()];
  const contents: Uint8Array[] = [];
  for (let n = 0; n < 12; n++) {
    const [here, there] = n % 2 === 0 ? [0, 1] : [1, 0];
    const bytes = utf8(`once ${n}`);
    contents.push(bytes);
    // Without a digest only the bytes tell, so the second look comes before the publication.
    const data = { upload_id: ID(n), ...(n % 3 === 0 ? {} : { sha256: sha256(bytes) }) };
    const tries = [
      () => peers[here]!.stateless(bytes, data),
      () => peers[there]!.stateless(bytes, data),
      () => sessions[there]!.upload(bytes, data),
      () => sessions[here]!.upload(bytes, data),
    ];
    if (n % 4 > 1) tries.reverse();
    const files = [];
    for (const attempt of tries) files.push((await attempt()).data);
    assert.deepEqual(files.map(({ code }) => code), ["ok", "ok", "ok", "ok"]);
    assert.deepEqual(files.map(({ replayed }) => replayed ?? false), [false, true, true, true]);
    assert.equal(new Set(files.map(({ file }) => file.path)).size, 1);
  }
  for (const peer of [...peers, ...sessions]) peer.close();
  await first.assertStored(...contents);
});

Deno.test("S-TRF-11 ids hold that another process has stored shortly before the manifest was moved", async () => {
  await using dir = await TempDir.make();
  await using one = await DiskStorage.open(dir.path);
  await using two = await DiskStorage.open(dir.path);
  await put(two, 1);
  const stored = await put(one, 2);
  await one.check(); // its line is where the path led, and is not written again
  await Deno.rename(dir.join("commits.jsonl"), dir.join("commits.1.jsonl"));
  await put(one, 3);
  assert.deepEqual(await put(two, 2), { ...stored, replayed: true });

  // A process that has not looked yet adds one more line to the manifest that was moved.
  const late = { ...stored, mime_type: stored.mimeType, path: "received_0123456789abcdef.txt" };
  const line = JSON.stringify({ ...late, time: new Date().toISOString(), upload_id: ID(4) });
  await Deno.writeTextFile(dir.join("commits.1.jsonl"), `${line}\n{"path":`, { append: true });
  await Deno.writeTextFile(dir.join(late.path), "file 2");
  for (const storage of [one, two, two]) {
    const { path, replayed } = await put(storage, 4, "file 2");
    assert.deepEqual([path, replayed], [late.path, true]);
  }
});

Deno.test("S-TRF-9 what another server did in this very millisecond is known when it matters", async () => {
  await using dir = await TempDir.make();
  await using one = await DiskStorage.open(dir.path);
  const T0 = Date.now();
  await using two = await DiskStorage.open(dir.path, { now: () => T0 }); // for it, no time passes
  const before = async (n: number, text = `file ${n}`) =>
    await storedBefore(two, ID(n), sha256(utf8(text)));
  assert.equal(await before(1), undefined); // the look that holds from now on
  const first = await put(one, 1);
  assert.equal(await before(1), undefined, "the look was before");
  assert.deepEqual(await put(two, 1), { ...first, replayed: true }, "but nothing is stored twice");
  assert.deepEqual(await before(1), { ...first, replayed: true });

  await one.catalogue.remove!(first.path, {});
  assert.equal(await before(1), undefined, "a file that is gone is not told as stored");
  assert.equal((await put(two, 1)).replayed, false);

  const other = await put(one, 2);
  await two.refresh!();
  await one.catalogue.remove!(other.path, {});
  assert.equal(await before(2, "other bytes"), undefined, "nor is its id taken");
});
