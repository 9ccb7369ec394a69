/** The filter of upload ids: what is there is never denied. @module */
import assert from "node:assert/strict";
import { IdFilter } from "../../src/storage/id_filter.ts";
import { othersTurn } from "../../src/storage/index_writer.ts";
import { closeParts, openParts } from "../../src/storage/open.ts";
import { putNow } from "../../src/storage/put.ts";
import { Random } from "../helpers/random.ts";
import { TempDir } from "../helpers/temp.ts";
import { idOf } from "../helpers/upload_ids.ts";

/** A UUID of random numbers. */
function uuid(random: Random): string {
  const hex = Array.from({ length: 4 }, () => random.bits().toString(16).padStart(8, "0")).join("");
  return hex.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, "$1-$2-$3-$4-$5");
}

Deno.test({
  name: "S-TRF-11 every id that was added may be there, and of others one in a hundred at most",
  permissions: "none",
  fn() {
    const random = new Random(2026);
    for (const count of [0, 1, 65_536, 65_537, 300_000]) {
      const filter = new IdFilter();
      const ids = Array.from({ length: count }, () => uuid(random));
      for (const id of ids) filter.add(id);
      assert.ok(ids.every((id) => filter.has(id)));
      const wrong = Array.from({ length: 10_000 }, () => uuid(random)).filter((id) =>
        filter.has(id)
      );
      assert.ok(wrong.length <= (count === 0 ? 0 : 150), `${count}: ${wrong.length} of 10,000`);
    }
  },
});

Deno.test("S-TRF-11 ids that count up, as those of tests do, are told apart as well", () => {
  const filter = new IdFilter();
  for (let n = 0; n < 100_000; n++) filter.add(idOf(n));
  let wrong = 0;
  for (let n = 0; n < 100_000; n++) {
    assert.ok(filter.has(idOf(n)));
    if (filter.has(idOf(n + 100_000))) wrong++;
  }
  assert.ok(wrong < 1500, `${wrong} of 100,000`);
});

Deno.test("S-TRF-11 the index is not asked for new ids, whoever has brought the others there", async () => {
  await using dir = await TempDir.make();
  const ids = Array.from({ length: 40 }, () => crypto.randomUUID());
  const one = await openParts(dir.path, {});
  const two = await openParts(dir.path, {});
  const put = async (parts: typeof one, uploadId: string) =>
    await putNow(parts, { mimeType: "text/plain", reserve: 0, uploadId }, new Uint8Array([1]));
  const questions = async (parts: typeof one, action: () => Promise<unknown>) => {
    const { held } = await parts.reading!.known.query((index) => index);
    const { rows } = held;
    let asked = 0;
    held.rows = (sql, ...values) => {
      if (/upload_key/.test(sql)) asked++;
      return rows.call(held, sql, ...values);
    };
    await action();
    held.rows = rows;
    return asked;
  };
  for (const [n, id] of ids.entries()) {
    const [first, second] = n % 2 === 0 ? [one, two] : [two, one];
    if (n % 3 === 0) await first.reading!.known.write();
    assert.equal((await put(first, id)).replayed, false);
    if (n % 5 === 0) await second.reading!.known.write();
    assert.equal((await put(second, ids[n >> 1]!)).replayed, true);
  }
  for (const parts of [one, two]) {
    await parts.reading!.known.write();
    const isNew = await questions(parts, async () => {
      for (let n = 0; n < 100; n++) await put(parts, crypto.randomUUID());
    });
    assert.ok(isNew < 10, `${isNew} of 100`);
    const isThere = await questions(parts, async () => {
      for (const id of ids) assert.equal((await put(parts, id)).replayed, true);
    });
    assert.ok(isThere >= 40);
  }
  for (const parts of [one, two]) await closeParts(parts);
  const later = await openParts(dir.path, {});
  for (const id of ids) assert.equal((await put(later, id)).replayed, true);
  await put(later, crypto.randomUUID());
  await later.reading!.known.write();
  assert.equal(await questions(later, () => put(later, crypto.randomUUID())), 0);
  for (const id of ids) assert.equal((await put(later, id)).replayed, true);
  await closeParts(later);
});

Deno.test("S-TRF-11 while the filter learns what another process has written, the index is asked", async () => {
  await using dir = await TempDir.make();
  const one = await openParts(dir.path, {});
  const two = await openParts(dir.path, {});
  const spec = { mimeType: "text/plain", reserve: 0 };
  await putNow(one, { ...spec, uploadId: crypto.randomUUID() }, new Uint8Array(1));
  await one.reading!.known.write();
  const ids = Array.from({ length: 1000 }, () => crypto.randomUUID());
  for (const uploadId of ids) await putNow(two, { ...spec, uploadId }, new Uint8Array(1));
  await two.reading!.known.write();
  const { known } = one.reading!;
  await known.refresh();
  let looks = 0;
  let isOver = false;
  const writing = known.write().finally(() => isOver = true);
  while (!isOver) {
    assert.ok(ids.every((id) => known.get(id) !== undefined), `look ${looks}`);
    looks++;
    await othersTurn();
  }
  await writing;
  assert.ok(ids.every((id) => known.get(id) !== undefined));
  for (const parts of [one, two]) await closeParts(parts);
});
