/**
 * Small files that no intent announces, and several of them in one save (S-SEQ-9).
 *
 * @module
 */
import assert from "node:assert/strict";
import type { SessionRecord } from "../../src/session/mod.ts";
import { sha256 } from "../helpers/files.ts";
import { expectCode, InProcess } from "../helpers/in_process.ts";
import { Random } from "../helpers/random.ts";
import type { Json } from "../helpers/raw_frame.ts";
import type { RawPeer } from "../helpers/raw_peer.ts";

/** Files that follow each other in one write. */
const MANY = 12;

const filesOf = (seed: number, count: number): Uint8Array[] => {
  const random = new Random(seed);
  return Array.from({ length: count }, () => random.bytes(random.int(1, 900)));
};

/** A connection whose first two files are stored: from the third on they are not announced. */
async function begun(run: InProcess): Promise<[peer: RawPeer, stored: Uint8Array[]]> {
  const peer = await run.attached();
  const stored = filesOf(1, 2);
  for (const bytes of stored) expectCode(await peer.upload(bytes), "ok");
  return [peer, stored];
}

/** Sends frames in one write, from this number on, and reads as many replies. */
async function pipeline(
  peer: RawPeer,
  files: readonly Uint8Array[],
  sequence: number,
  data: (bytes: Uint8Array) => Json = () => ({}),
): Promise<Json[]> {
  await peer.send(
    ...files.map((bytes, at) => peer.transfer(bytes, data(bytes), { sequence: sequence + at })),
  );
  const replies: Json[] = [];
  for (const _ of files) replies.push((await peer.reply()).data);
  return replies;
}

/** Counts the saves of a store. */
function countSaves(run: InProcess): { readonly records: SessionRecord[] } {
  const records: SessionRecord[] = [];
  const save = run.flaky.save.bind(run.flaky);
  run.flaky.save = (record, maxLive) => {
    records.push(record);
    return save(record, maxLive);
  };
  return { records };
}

Deno.test("S-SEQ-9 from the third on a small file takes one save, and files in one write share one", async () => {
  await using run = await InProcess.start();
  const [peer, stored] = await begun(run);
  using _ = peer;
  const { records } = countSaves(run);
  const [alone, ...together] = filesOf(2, 1 + MANY);
  expectCode(await peer.upload(alone!), "ok");
  assert.equal(records.length, 1);
  const replies = await pipeline(peer, together, 4);
  assert.deepEqual(replies.map(({ code }) => code), together.map(() => "ok"));
  assert.deepEqual(replies.map(({ file }) => file.sha256), together.map(sha256), "in order");
  assert.ok(records.length < 1 + MANY, `${records.length} saves`);
  assert.ok(records.every(({ intent, upload }) => intent === null && upload === null));
  const { lastSequence, filesTransferred, messageCount } = await run.record(peer.id);
  assert.deepEqual([lastSequence, filesTransferred, messageCount], [15, 15, 15]);
  await run.assertStored(...stored, alone!, ...together);
  peer.close();
  await run.idle();
  const left = [...Deno.readDirSync(`${run.folder}/.claims`)].filter(({ name }) =>
    name.length > 16
  );
  assert.deepEqual(left, [], "a session that is saved leaves no journal");
});

for (const sent of [0, 5000]) {
  Deno.test(`S-SEQ-9 S-TRF-6 behind a burst the peer ends after ${sent} bytes of a file: the others are stored`, async () => {
    await using run = await InProcess.start();
    const [peer, stored] = await begun(run);
    using _ = peer;
    const files = filesOf(11, 3);
    const frames = files.map((bytes) => peer.transfer(bytes));
    const cut = peer.transfer(new Random(12).bytes(10_240));
    await peer.send(...frames, cut.subarray(0, cut.length - 10_240 + sent));
    await peer.halfClose();
    for (const bytes of files) assert.equal((await peer.reply()).data.file.sha256, sha256(bytes));
    expectCode(await peer.reply(), "incomplete");
    await run.idle();
    const { lastSequence, upload } = await run.record(peer.id);
    assert.deepEqual([lastSequence, upload?.offset], [5, sent]);
    await run.assertStored(...stored, ...files);
  });
}

for (const waits of [true, false]) {
  const which = waits
    ? "together with it where a save waits"
    : "after it where a save does not wait";
  Deno.test(`S-SEQ-9 files that come while one of a burst is stored are saved ${which}`, async () => {
    let behind: Uint8Array[] = [];
    let peer: RawPeer;
    await using run = await InProcess.start({
      storage: (disk) =>
        new Proxy(disk, {
          get: (_, key) => {
            const plain = Reflect.get(disk, key, disk);
            if (typeof plain !== "function") return plain;
            if (key !== "put") return plain.bind(disk);
            return async (...args: Parameters<typeof disk.put>) => {
              const frames = behind.splice(0);
              if (frames.length > 0) await peer.send(...frames);
              return await disk.put(...args);
            };
          },
        }),
    });
    const [opened, stored] = await begun(run);
    using _ = peer = opened;
    const { records } = countSaves(run);
    const { save } = run.flaky;
    run.flaky.save = async (record) => {
      if (waits) await new Promise((resolve) => setTimeout(resolve));
      return await save(record);
    };
    const files = filesOf(5, 4).map((bytes) => bytes.subarray(0, 9)); // all of them fit into one read
    /** Sends the files, those behind the first one while that is stored if asked to; returns the saves. */
    const savesOf = async (inPieces: boolean) => {
      const [first, ...others] = files.map((bytes) => peer.transfer(bytes));
      const before = records.length;
      if (inPieces) behind = others;
      await peer.send(first!, ...(inPieces ? [] : others));
      for (const _ of files) expectCode(await peer.reply(), "ok");
      stored.push(...files);
      return records.length - before;
    };
    // Whether they are seen in time is a matter of the moment.
    let isOne = false;
    for (let tries = 0; tries < (waits ? 40 : 4) && !isOne; tries++) {
      await savesOf(false);
      isOne = await savesOf(true) === 1;
    }
    assert.equal(isOne, waits);
    const alone = files[0]!;
    expectCode(await peer.upload(alone), "ok"); // nothing comes behind it
    await run.assertStored(...stored, alone);
  });
}

for (const when of ["before", "after"] as const) {
  for (const named of [true, false]) {
    const ids = named ? "with" : "without";
    Deno.test(`S-SEQ-9 S-DEG-2 a save for several files that fails ${when} it was stored, ${ids} upload ids: each is there once`, async () => {
      for (const again of ["on the same connection", "on another one"]) {
        await using run = await InProcess.start();
        const [peer, stored] = await begun(run);
        using _ = peer;
        const files = filesOf(3, MANY);
        const ids = new Map(files.map((bytes) => [bytes, { upload_id: crypto.randomUUID() }]));
        const data = (bytes: Uint8Array) => named ? ids.get(bytes)! : {};
        run.flaky.failSave(when, ({ lastSequence }) => lastSequence > 3);
        const replies = await pipeline(peer, files, 3, data);
        const [lost] = replies.filter(({ code }) => code === "store_unavailable");
        assert.ok(lost !== undefined, "one is told why");
        // None before it is refused; those behind it are told which number comes first.
        const at = replies.indexOf(lost);
        assert.ok(replies.slice(0, at).every(({ code }) => code === "ok"));
        const expected = 3 + at;
        for (const reply of replies.slice(at + 1)) {
          if (reply.code === "ok") assert.ok(when === "after", "no ok before the save");
          else assert.deepEqual([reply.code, reply.expected >= expected], ["sequence_gap", true]);
        }
        if (again === "on another one") {
          peer.close();
          await run.idle();
        }
        using next = again === "on another one" ? await run.attached({}, peer.id) : peer;
        const repeated = await pipeline(next, files.slice(at), expected, data);
        assert.deepEqual(repeated.map(({ code }) => code), files.slice(at).map(() => "ok"));
        await run.assertStored(...stored, ...files);
        const { filesTransferred, lastSequence } = await run.record(peer.id);
        assert.deepEqual([filesTransferred, lastSequence], [2 + MANY, 2 + MANY]);
        expectCode(await next.upload(files[0]!, {}, { sequence: 3 + MANY }), "ok");
        await run.assertStored(...stored, ...files, files[0]!); // another file of the same bytes
        peer.close();
      }
    });
  }
}

Deno.test("S-SEQ-9 S-TAKE-2 whoever has lost the session sends none of the replies, and the next holder finds the files", async () => {
  await using run = await InProcess.start();
  const [peer, stored] = await begun(run);
  using _ = peer;
  const files = filesOf(4, MANY);
  const kept = await run.record(peer.id);
  // Another server has it, which is known by the epoch alone.
  const taken = { ...kept, version: kept.version + 1, epoch: kept.epoch + 1, instance: "other" };
  assert.ok(await run.flaky.save(taken));
  await peer.send(...files.map((bytes, at) => peer.transfer(bytes, {}, { sequence: 3 + at })));
  expectCode(await peer.reply(), "session_taken_over");
  assert.equal(await peer.rest(), "", "the notice, and nothing else");
  using next = await run.attached({}, peer.id);
  const replies = await pipeline(next, files, 3);
  assert.deepEqual(replies.map(({ code }) => code), files.map(() => "ok"));
  await run.assertStored(...stored, ...files);
});

Deno.test("S-SEQ-9 S-TAKE-3 a newcomer in the same process waits for what has run, and it is answered", async () => {
  await using run = await InProcess.start();
  const [peer, stored] = await begun(run);
  using _ = peer;
  const files = filesOf(5, MANY);
  const save = run.flaky.save.bind(run.flaky);
  const { promise: saving, resolve: begins } = Promise.withResolvers<void>();
  const { promise: goOn, resolve: go } = Promise.withResolvers<void>();
  run.flaky.save = async (record, maxLive) => {
    if (record.lastSequence > 2 && record.epoch === 1) {
      begins();
      await goOn;
    }
    return await save(record, maxLive);
  };
  await peer.send(...files.map((bytes, at) => peer.transfer(bytes, {}, { sequence: 3 + at })));
  await saving;
  const resuming = run.attached({}, peer.id);
  go();
  using next = await resuming;
  let answered = 0;
  for (let reply = await peer.reply();; reply = await peer.reply()) {
    if (reply.data.code !== "ok") {
      assert.equal(reply.data.code, "session_taken_over");
      break;
    }
    answered++;
  }
  const { lastSequence } = await run.record(peer.id);
  assert.ok(answered > 0 && lastSequence >= 2 + answered, `${answered} of ${lastSequence}`);
  const rest = files.slice(lastSequence - 2);
  const replies = await pipeline(next, rest, lastSequence + 1);
  assert.deepEqual(replies.map(({ code }) => code), rest.map(() => "ok"));
  await run.assertStored(...stored, ...files);
});

Deno.test("S-SEQ-9 what is repeated or refused behind unsaved frames is judged by what is saved", async () => {
  await using run = await InProcess.start();
  const [peer, stored] = await begun(run);
  using _ = peer;
  const [one, two, three] = filesOf(6, 3);
  await peer.send(
    peer.transfer(one!, {}, { sequence: 3 }),
    peer.transfer(one!, {}, { sequence: 3 }),
    peer.transfer(two!, {}, { sequence: 9 }),
    peer.transfer(two!, { sha256: sha256(one!) }, { sequence: 4 }),
    peer.transfer(two!, {}, { sequence: 5 }),
    peer.transfer("", undefined, { action: "heartbeat", sequence: 5 }),
    peer.transfer(three!.subarray(0, 1), { complete: false }, { sequence: 6 }),
  );
  const codes: Json[] = [];
  for (let each = 0; each < 7; each++) codes.push((await peer.reply()).data);
  assert.deepEqual(codes.map(({ code, replayed }) => replayed ? `${code} again` : code), [
    ...["ok", "ok again", "sequence_gap", "checksum_mismatch", "ok", "pong", "partial"],
  ]);
  assert.equal(codes[2]!.expected, 4);
  assert.deepEqual(codes[0]!.file, codes[1]!.file);
  const rest = three!.subarray(1);
  expectCode(await peer.upload(rest, { offset: 1 }, { sequence: 7 }), "ok");
  await run.assertStored(...stored, one!, two!, three!);
});

Deno.test("S-SEQ-9 where a storage has no journals, every file is announced", async () => {
  await using run = await InProcess.start({ disk: { tier: "W" } });
  const [peer] = await begun(run);
  using _ = peer;
  const { records } = countSaves(run);
  expectCode(await peer.upload("three"), "ok");
  assert.deepEqual(records.map(({ intent }) => intent !== null), [true, false]);
});

Deno.test("S-SEQ-9 a journal that somebody has removed is begun anew, and nothing is lost", async () => {
  await using run = await InProcess.start();
  const [peer, stored] = await begun(run);
  using _ = peer;
  const files = filesOf(7, 3);
  expectCode(await peer.upload(files[0]!), "ok");
  await Deno.remove(`${run.folder}/.claims/${peer.id}`);
  const { records } = countSaves(run);
  for (const bytes of files.slice(1)) expectCode(await peer.upload(bytes), "ok");
  // The second is announced and begins a journal; with the third it is used.
  assert.deepEqual(records.map(({ intent }) => intent !== null), [true, false, false]);
  await run.assertStored(...stored, ...files);
});
