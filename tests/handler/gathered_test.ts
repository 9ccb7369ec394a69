/** Small files of one burst, which are published together: what is answered if one of them cannot be stored. @module */
import assert from "node:assert/strict";
import { FxferError } from "../../src/errors.ts";
import type { DiskStorage, FileStorage } from "../../src/storage/mod.ts";
import { MemorySessionStore } from "../../src/store/mod.ts";
import { expectCode, InProcess } from "../helpers/in_process.ts";
import { Random } from "../helpers/random.ts";
import { frame, type Json } from "../helpers/raw_frame.ts";

/** So many files come in one write. */
const MANY = 10;

/** One of them may not be published the first time: counted from 0. */
const LOST = 6;

const filesOf = (seed: number): Uint8Array[] => {
  const random = new Random(seed);
  return Array.from({ length: MANY }, () => random.bytes(random.int(1, 900)));
};

/** A storage in which one gathered file finds no room, once. @param isIt Tells by its bytes. */
function withoutRoom(disk: DiskStorage, isIt: (bytes: Uint8Array) => boolean): FileStorage {
  let isDone = false;
  const gather: FileStorage["gather"] = (spec, bytes, crowded, mayPublish, digest) => {
    const isHere = !isDone && isIt(bytes);
    isDone ||= isHere;
    const may = () => {
      if (isHere) throw new FxferError("storage_full", "Cannot store file: no room left");
      mayPublish?.();
    };
    return disk.gather!(spec, bytes, crowded, may, digest);
  };
  return new Proxy(disk, {
    get(target, key) {
      if (key === "gather") return gather;
      const value = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

for (const persistent of [true, false]) {
  for (const named of persistent ? [true, false] : [true]) {
    const which = `${persistent ? "a persistent" : "the memory"} store, ${
      named ? "with" : "without"
    } ids`;
    Deno.test(`S-SEQ-2 if a file of a burst cannot be stored, those before it have run, ${which}`, async () => {
      const files = filesOf(1);
      const isIt = (bytes: Uint8Array) => bytes.length === files[LOST]!.length;
      await using run = await InProcess.start({
        storage: (disk) => withoutRoom(disk, isIt),
        ...(!persistent && { store: new MemorySessionStore() }),
      });
      using peer = await run.attached();
      const first = filesOf(2).slice(0, 2);
      for (const bytes of first) expectCode(await peer.upload(bytes), "ok");
      const frames = files.map((bytes, at) => {
        const data: Json = named ? { upload_id: crypto.randomUUID() } : {};
        return peer.transfer(bytes, data, { sequence: 3 + at });
      });
      const send = async (from: number) => {
        await peer.send(...frames.slice(from));
        const replies: Json[] = [];
        for (let at = from; at < MANY; at++) replies.push((await peer.reply()).data);
        return replies;
      };
      const replies = await send(0);
      assert.deepEqual(
        replies.map(({ code }) => code),
        files.map((_, at) => at < LOST ? "ok" : at === LOST ? "storage_full" : "sequence_gap"),
      );
      assert.ok(replies.slice(LOST + 1).every(({ expected }) => expected === 3 + LOST));
      assert.equal((await run.record(peer.id)).lastSequence, 2 + LOST);
      await run.assertStored(...first, ...files.slice(0, LOST));
      const again = await send(LOST);
      assert.ok(again.every(({ code, replayed }) => code === "ok" && replayed === undefined));
      await run.assertStored(...first, ...files);
      const { lastSequence, filesTransferred } = await run.record(peer.id);
      assert.deepEqual([lastSequence, filesTransferred], [2 + MANY, 2 + MANY]);
    });
  }
}

Deno.test("S-TRF-6 without a session a file of a burst that cannot be stored keeps no other one back", async () => {
  const files = filesOf(3);
  const isIt = (bytes: Uint8Array) => bytes.length === files[LOST]!.length;
  await using run = await InProcess.start({ storage: (disk) => withoutRoom(disk, isIt) });
  using peer = await run.open();
  const frames = files.map((payload) => {
    const data = { upload_id: crypto.randomUUID() };
    return frame({ action: "transfer", mode: "stateless", id: null, sequence: 0, payload, data });
  });
  await peer.send(...frames);
  for (const at of files.keys()) {
    expectCode(await peer.reply(), at === LOST ? "storage_full" : "ok");
  }
  await run.assertStored(...files.filter((_, at) => at !== LOST));
  await peer.send(frames[LOST]!, frames[0]!);
  expectCode(await peer.reply(), "ok");
  assert.equal(expectCode(await peer.reply(), "ok").replayed, true);
  await run.assertStored(...files);
});

Deno.test("files of a burst take one write of their lines", async () => {
  await using run = await InProcess.start({ store: new MemorySessionStore() });
  using peer = await run.attached();
  const files = filesOf(4);
  const { writeSync } = Deno.FsFile.prototype;
  let lists = 0;
  Deno.FsFile.prototype.writeSync = function (bytes) {
    const text = new TextDecoder().decode(bytes);
    if (text.startsWith('{"path"') && text.split("\n").length > 2) lists++;
    return writeSync.call(this, bytes);
  };
  try {
    for (let tries = 0; tries < 20 && lists === 0; tries++) {
      const data = () => ({ upload_id: crypto.randomUUID() });
      await peer.send(...files.map((bytes) => peer.transfer(bytes, data())));
      for (const _ of files) expectCode(await peer.reply(), "ok");
    }
  } finally {
    Deno.FsFile.prototype.writeSync = writeSync;
  }
  assert.ok(lists > 0);
});
