/**
 * The conformance suite of file storages: what the contract in src/storage/types.ts promises, as
 * tests. Every implementation runs all of it. What a storage does not do is a gap, which its test file
 * declares with a reason: the tests of it show as skipped, and a gap that is not declared is a failure.
 *
 * @module
 */
import assert from "node:assert/strict";
import { FxferError } from "../src/errors.ts";
import type {
  Durability,
  FileSpec,
  FileStorage,
  MayPublish,
  StoredFile,
} from "../src/storage/mod.ts";
import { sha256 } from "./helpers/files.ts";
import { Random } from "./helpers/random.ts";

/** What the suite may ask of a storage. */
export interface StorageNeeds {
  readonly durability?: Durability;
  /** Bytes; 0 for none. */
  readonly budget?: number;
}

/** A fresh, empty storage; disposing the fixture removes all it left. */
export interface StorageFixture extends AsyncDisposable {
  readonly storage: FileStorage;
  /** The bytes under a path. */
  read(path: string): Promise<Uint8Array>;
  /** The paths of all files, whole ones and partial ones, but not of the list of stored files. */
  files(): Promise<string[]>;
  /** The entries of the list of stored files; missing with the gap `list`. */
  lines?(): Promise<Record<string, unknown>[]>;
  /** Disposes of `storage` and opens the same data as a new process would; missing where nothing stays. */
  restart?(): Promise<FileStorage>;
  /** Opens the same data as another process would that runs at the same time; needed for `partials`. */
  another?(): Promise<FileStorage>;
}

/** The capabilities of the contract; `read` is the optional part of `partials`. */
const CAPABILITIES = ["partials", "read", "recover", "find", "refresh", "sweep", "gather"] as const;

/** What an implementation may declare not to do. */
export type StorageGap =
  | typeof CAPABILITIES[number]
  /** It cannot flush contents: there is no level `data`. */
  | "data"
  /** It cannot flush names: there is no level `durable`. */
  | "durable"
  /** It has no budget. */
  | "budget"
  /** What it has stored is not known to the next process. */
  | "memory"
  /** It keeps no list of stored files. */
  | "list"
  /** Its final names have a form of their own. */
  | "names";

/** The gaps with the reason of each. */
export type StorageGaps = Partial<Record<StorageGap, string>>;

const SESSION = { id: "6f9619ff-8b86-4d01-b42d-00cf4fc964ff", sequence: 7 };
const random = new Random(20261123);

/** Bytes nobody can guess, the same in each run. */
function sample(size: number): Uint8Array {
  return random.bytes(size);
}

function spec(more: Partial<FileSpec> = {}): FileSpec {
  return { mimeType: "image/png", reserve: 0, ...more };
}

/** Asserts a rejection or a throw with this code. */
async function refuses(code: string, act: () => unknown): Promise<FxferError> {
  let found: unknown;
  try {
    await act();
  } catch (error) {
    found = error;
  }
  assert.ok(found instanceof FxferError, `expected ${code}, got ${found}`);
  assert.equal(found.code, code);
  return found;
}

type Case = (storage: FileStorage, fixture: StorageFixture) => Promise<void>;

/** Runs every case of the contract against storages made by `factory`. */
export function storageSuite(
  name: string,
  factory: (needs: StorageNeeds) => Promise<StorageFixture>,
  gaps: StorageGaps = {},
): void {
  const test = (
    title: string,
    run: Case,
    needs: StorageNeeds = {},
    ...needed: StorageGap[]
  ): void => {
    const reason = needed.map((gap) => gaps[gap]).find((text) => text !== undefined);
    Deno.test({
      name: `${name}: ${title}${reason === undefined ? "" : ` (skipped: ${reason})`}`,
      ignore: reason !== undefined,
      async fn() {
        await using fixture = await factory(needs);
        await run(fixture.storage, fixture);
      },
    });
  };

  const assertStored = async (fixture: StorageFixture, file: StoredFile, bytes: Uint8Array) => {
    assert.equal(file.size, bytes.length);
    assert.equal(file.sha256, sha256(bytes));
    assert.deepEqual(await fixture.read(file.path), bytes);
    if (gaps.list !== undefined) return;
    const line = (await linesOf(fixture)).find((line) => line.path === file.path);
    assert.equal(line?.sha256, file.sha256);
    assert.equal(line?.size, bytes.length);
  };

  const linesOf = async (fixture: StorageFixture) => {
    assert.ok(fixture.lines !== undefined, "without a list the gap `list` is declared");
    return await fixture.lines();
  };

  const assertListed = async (fixture: StorageFixture, count: number, message?: string) => {
    if (gaps.list !== undefined) return;
    assert.equal((await linesOf(fixture)).length, count, message);
  };

  const assertNamed = (path: string, form: RegExp) => {
    if (gaps.names === undefined) assert.match(path, form);
  };

  test("what it cannot do is declared, and nothing else is", async (storage) => {
    for (const capability of CAPABILITIES) {
      const member = capability === "read" ? storage.partials?.read : storage[capability];
      assert.equal(member === undefined, gaps[capability] !== undefined, capability);
    }
    assert.ok(storage.label !== "");
    await storage.check();
  });

  test(
    "every stored file has one line in the list",
    async (storage, fixture) => {
      const file = await storage.put(spec({ name: "n", uploadId: "u" }), sample(10));
      const [line, ...more] = await linesOf(fixture);
      assert.deepEqual(more, []);
      assert.deepEqual([line?.path, line?.name, line?.upload_id], [file.path, "n", "u"]);
    },
    {},
    "list",
  );

  test(
    "final names have the form of the disk's",
    async (storage) => {
      const file = await storage.put(spec(), sample(10));
      assert.match(file.path, /^received_[0-9a-f]{32}\.png$/);
      const inSession = await storage.put(spec({ session: SESSION }), sample(10));
      assert.match(inSession.path, /^session_6f96.*\/file_7_[0-9]{8}T[0-9]{9}\.png$/);
    },
    {},
    "names",
  );

  for (const durability of ["process", "data", "durable"] as const) {
    const gap: StorageGap[] = durability === "process" ? [] : [durability];
    for (const size of [0, 1, 1024, 3 * 1024 * 1024]) {
      const title = `put() at level ${durability} stores ${size} bytes and their line (S-TRF-7)`;
      test(
        title,
        async (storage, fixture) => {
          assert.equal(storage.durability, durability);
          const bytes = sample(size);
          const file = await storage.put(spec({ reserve: size, name: "a\n/../b" }), bytes);
          assert.equal(file.replayed, false);
          assertNamed(file.path, /^received_[0-9a-f]{32}\.png$/);
          await assertStored(fixture, file, bytes);
          assert.deepEqual(await fixture.files(), [file.path]);
          if (gaps.list === undefined) {
            assert.equal((await linesOf(fixture))[0]?.name, "a\n/../b");
          }
        },
        { durability },
        ...gap,
      );
    }

    test(
      `an upload at level ${durability} goes from begin to publish`,
      async (storage, fixture) => {
        const bytes = sample(200_000);
        const upload = await storage.begin(spec({ session: SESSION, clientAddress: "192.0.2.7" }));
        // The buffer is the caller's again after each write: this test reuses it.
        const buffer = new Uint8Array(30_000);
        for (let at = 0; at < bytes.length; at += buffer.length) {
          const part = bytes.subarray(at, at + buffer.length);
          buffer.set(part);
          await upload.write(buffer.subarray(0, part.length));
          buffer.fill(0xee);
          assert.equal(await upload.checkpoint(), at + part.length);
        }
        const sealed = await upload.seal();
        assert.deepEqual(await upload.seal(), sealed);
        assert.equal(sealed.sha256, sha256(bytes));
        await assertListed(fixture, 0, "nothing is listed before publish");
        const file = await upload.publish();
        assert.equal(file.path, sealed.finalPath);
        assertNamed(file.path, /^session_6f96.*\/file_7_[0-9]{8}T[0-9]{9}\.png$/);
        assert.deepEqual(await upload.publish(), file);
        await upload.discard();
        await upload.release();
        await assertStored(fixture, file, bytes);
        if (gaps.list !== undefined) return;
        const [line, ...more] = await linesOf(fixture);
        assert.deepEqual(more, []);
        assert.equal(line?.session, SESSION.id);
        assert.equal(line?.sequence, 7);
        assert.equal(line?.client, "192.0.2.7");
      },
      { durability },
      ...gap,
    );

    test(
      `many files at once at level ${durability} are all stored`,
      async (storage, fixture) => {
        const contents = Array.from({ length: 40 }, () => sample(500));
        const files = await Promise.all(contents.map((bytes) => storage.put(spec(), bytes)));
        assert.equal(new Set(files.map((file) => file.path)).size, 40);
        for (const [at, file] of files.entries()) {
          await assertStored(fixture, file, contents[at] ?? assert.fail());
        }
      },
      { durability },
      ...gap,
    );

    for (const crowded of [false, true]) {
      const how = crowded ? "while others wait" : "alone";
      test(
        `one upload id put twice at once at level ${durability}, ${how}, is one file (S-TRF-9)`,
        async (storage, fixture) => {
          const bytes = sample(60_000);
          const put = () => storage.put(spec({ uploadId: "twin" }), bytes, crowded);
          const files = await Promise.all([put(), put(), put()]);
          assert.deepEqual(files.map((file) => file.replayed).sort(), [false, true, true]);
          assert.equal(new Set(files.map((file) => file.path)).size, 1);
          assert.deepEqual(await fixture.files(), [files[0]!.path]);
          await assertListed(fixture, 1);
          assert.equal((await put()).replayed, true);
        },
        { durability },
        ...gap,
        "find",
      );

      test(
        `put() at level ${durability}, ${how}, stores nothing that is not what was announced (S-TRF-5)`,
        async (storage, fixture) => {
          for (const size of [10, 60_000, 2 * 1024 * 1024]) {
            const bytes = sample(size);
            const wrong = { ...spec({ reserve: size }), sha256: "0".repeat(64) };
            const put = () => storage.put(wrong, bytes, crowded);
            const refused = await refuses("checksum_mismatch", put);
            assert.equal(refused.fields.sha256, sha256(bytes));
          }
          assert.deepEqual(await fixture.files(), []);
          await assertListed(fixture, 0);
        },
        { durability },
        ...gap,
      );
    }

    test(
      `one upload id stored twice at once at level ${durability} is one file (S-TRF-9)`,
      async (storage, fixture) => {
        const bytes = sample(3000);
        const twins = await Promise.all([1, 2, 3].map(async () => {
          const upload = await storage.begin(spec({ uploadId: "twin" }));
          await upload.write(bytes);
          await upload.seal();
          return upload;
        }));
        const files = await Promise.all(twins.map((upload) => upload.publish()));
        assert.deepEqual(files.map((file) => file.replayed).sort(), [false, true, true]);
        assert.equal(new Set(files.map((file) => file.path)).size, 1);
        assert.equal((await fixture.files()).length, 1);
      },
      { durability },
      ...gap,
      "find",
    );
  }

  test(
    "files that are gathered are stored together, each as put() would (S-TRF-7)",
    async (storage, fixture) => {
      const contents = Array.from({ length: 100 }, (_, at) => sample(at));
      const gathered = contents.map((bytes, at) => {
        const more = { uploadId: `id ${at}`, name: "n\n".repeat(300), reserve: bytes.length };
        return storage.gather!(spec(more), bytes) ?? assert.fail();
      });
      assert.equal(storage.find!("id 99"), undefined, "the last ones wait");
      gathered.at(-1)!.store();
      for (const [at, one] of gathered.entries()) {
        one.store();
        assert.equal(one.file.replayed, false);
        await assertStored(fixture, one.file, contents[at]!);
        assert.equal((await storage.find!(`id ${at}`))?.path, one.file.path);
      }
      assert.equal((await fixture.files()).length, 100);
      await assertListed(fixture, 100);
    },
    {},
    "gather",
    "find",
  );

  test(
    "gather() leaves to put() what is stored already, or waits, or is not what was announced",
    async (storage, fixture) => {
      const bytes = sample(10);
      const twin = spec({ uploadId: "twin" });
      const first = storage.gather!(twin, bytes) ?? assert.fail();
      assert.equal(storage.gather!(twin, bytes), undefined);
      assert.deepEqual(await storage.put(twin, bytes), { ...first.file, replayed: true });
      assert.equal(storage.gather!(twin, bytes), undefined);
      first.store();
      const wrong = { ...spec({ uploadId: "other" }), sha256: "0".repeat(64) };
      assert.equal(storage.gather!(wrong, bytes), undefined);
      await refuses("checksum_mismatch", () => storage.put(wrong, bytes));
      assert.deepEqual(await fixture.files(), [first.file.path]);
      await assertListed(fixture, 1);
      assert.equal((await storage.put(spec({ uploadId: "other" }), bytes)).replayed, false);
    },
    {},
    "gather",
    "find",
  );

  test(
    "if a gathered file may not be published, it and the later ones of its session are not stored",
    async (storage, fixture) => {
      const gather = (session: string, sequence: number, mayPublish?: MayPublish) => {
        const id = `6f9619ff-8b86-4d01-b42d-${session.padStart(12, "0")}`;
        const more = { session: { id, sequence }, uploadId: `${session} ${sequence}` };
        return storage.gather!(spec(more), sample(10), false, mayPublish) ?? assert.fail();
      };
      const stopped = () => {
        throw new FxferError("session_taken_over");
      };
      const stored = [gather("1", 1), gather("2", 1)];
      const lost = [gather("1", 2, stopped), gather("1", 3)];
      stored.push(gather("2", 2));
      for (const one of lost) await refuses("session_taken_over", () => one.store());
      for (const one of stored) one.store();
      const paths = stored.map(({ file }) => file.path).sort();
      assert.deepEqual((await fixture.files()).sort(), paths);
      await assertListed(fixture, 3);
      assert.equal(storage.find!("1 2") ?? storage.find!("1 3"), undefined);
      gather("1", 2).store();
    },
    {},
    "gather",
    "find",
  );

  test("a discarded upload leaves nothing", async (storage, fixture) => {
    const upload = await storage.begin(spec({ reserve: 10 }));
    await upload.write(sample(10));
    await upload.discard();
    await upload.discard();
    assert.deepEqual(await fixture.files(), []);
    await assertListed(fixture, 0);
    await assert.rejects(async () => await upload.write(sample(1)), TypeError);
  });

  test("publish() before seal() is a programmer's mistake", async (storage) => {
    const upload = await storage.begin(spec());
    await assert.rejects(() => upload.publish(), TypeError);
    await upload.discard();
  });

  test(
    "an upload id seen before answers the first result (S-TRF-9)",
    async (storage, fixture) => {
      const bytes = sample(100);
      const first = await storage.put(spec({ uploadId: "one" }), bytes);
      assert.deepEqual(await storage.find!("one"), first);
      assert.equal(await storage.find!("two"), undefined);
      assert.deepEqual(await storage.put(spec({ uploadId: "one" }), bytes), {
        ...first,
        replayed: true,
      });
      const upload = await storage.begin(spec({ uploadId: "one" }));
      await upload.write(bytes);
      await upload.seal();
      assert.deepEqual(await upload.publish(), { ...first, replayed: true });
      assert.deepEqual(await fixture.files(), [first.path]);
      await assertListed(fixture, 1);
    },
    {},
    "find",
  );

  test(
    "an upload id with other bytes is sequence_reuse (S-TRF-9)",
    async (storage, fixture) => {
      await storage.put(spec({ uploadId: "one" }), sample(100));
      const error = await refuses(
        "sequence_reuse",
        () => storage.put(spec({ uploadId: "one" }), sample(100)),
      );
      assert.deepEqual(error.fields, { field: "upload_id" });
      const upload = await storage.begin(spec({ uploadId: "one" }));
      await upload.write(sample(100));
      await upload.seal();
      await refuses("sequence_reuse", () => upload.publish());
      await upload.discard();
      assert.equal((await fixture.files()).length, 1);
    },
    {},
    "find",
  );

  test(
    "three uploads of 60 % of the budget get one yes (S-TRF-3)",
    async (storage) => {
      const first = await storage.begin(spec({ reserve: 600 }));
      await refuses("storage_full", () => storage.begin(spec({ reserve: 600 })));
      await refuses("storage_full", () => storage.put(spec({ reserve: 600 }), sample(600)));
      await refuses("storage_full", () => first.reserve(1001));
      first.reserve(1000);
      first.reserve(400);
      await first.discard();
      const again = await storage.begin(spec({ reserve: 1000 }));
      await again.discard();
    },
    { budget: 1000 },
    "budget",
  );

  test(
    "the budget counts what was stored, not what was promised",
    async (storage) => {
      const upload = await storage.begin(spec({ reserve: 1000 }));
      await upload.write(sample(300));
      await upload.seal();
      await upload.publish();
      await refuses("storage_full", () => storage.put(spec(), sample(701)));
      await storage.put(spec(), sample(700));
      await refuses("storage_full", () => storage.put(spec(), sample(1)));
      await storage.put(spec(), sample(0));
    },
    { budget: 1000 },
    "budget",
  );

  test(
    "bytes beyond the promise are admitted as they come",
    async (storage) => {
      const upload = await storage.begin(spec({ reserve: 0 }));
      await upload.write(sample(900));
      await refuses("storage_full", () => upload.write(sample(200)));
      assert.equal(upload.offset, 900);
      await upload.write(sample(100));
      await upload.discard();
      await storage.put(spec(), sample(1000));
    },
    { budget: 1000 },
    "budget",
  );

  test("check() leaves nothing behind", async (storage, fixture) => {
    await storage.check();
    assert.deepEqual(await fixture.files(), []);
  });

  test(
    "remove() of what is absent, or no partial file, is fine and harmless",
    async (storage, fixture) => {
      const file = await storage.put(spec(), sample(5));
      for (
        const temporaryPath of [file.path, ".incoming/0123456789abcdef.part", "../x", "/etc/x"]
      ) {
        await storage.partials!.remove({ temporaryPath });
      }
      assert.deepEqual(await fixture.files(), [file.path]);
    },
    {},
    "partials",
  );

  test("release() leaves the bytes only where they can be reopened", async (storage, fixture) => {
    const upload = await storage.begin(spec({ reserve: 10 }));
    await upload.write(sample(10));
    await upload.release();
    await upload.discard();
    const left = storage.partials === undefined ? [] : [upload.temporaryPath];
    assert.deepEqual(await fixture.files(), left);
    await assertListed(fixture, 0);
  });

  test(
    "a released upload is reopened at its offset, in this process and after a restart (S-TRF-4)",
    async (storage, fixture) => {
      const bytes = sample(5000);
      const one = await storage.begin(spec({ session: SESSION, reserve: 5000 }));
      await one.write(bytes.subarray(0, 2000));
      const offset = await one.checkpoint();
      // Beyond the checkpoint: cut away on reopening.
      await one.write(sample(500));
      const { temporaryPath, finalPath } = one;
      await one.release();
      const partial = { temporaryPath, finalPath, spec: spec({ session: SESSION, reserve: 5000 }) };
      const two = await storage.partials!.reopen({ ...partial, offset });
      assert.equal(two?.offset, 2000);
      await two?.write(bytes.subarray(2000, 3000));
      await two?.release();
      const fresh = await fixture.restart!();
      const three = await fresh.partials!.reopen({ ...partial, offset: 3000 });
      assert.ok(three !== undefined);
      await three.write(bytes.subarray(3000));
      await three.seal();
      await assertStored(fixture, await three.publish(), bytes);
    },
    {},
    "partials",
  );

  test(
    "reopen() of a contended file goes on in a copy, which its earlier holder cannot reach (S-TAKE-2)",
    async (storage, fixture) => {
      const bytes = sample(5000);
      const one = await storage.begin(spec({ session: SESSION, reserve: 5000 }));
      await one.write(bytes.subarray(0, 2000));
      const offset = await one.checkpoint();
      const { temporaryPath, finalPath } = one;
      const other = await fixture.another!();
      const partial = { temporaryPath, finalPath, spec: spec({ session: SESSION }), offset };
      const two = await other.partials!.reopen({ ...partial, contended: true });
      assert.ok(two !== undefined);
      assert.notEqual(two.temporaryPath, temporaryPath);
      assert.equal(two.offset, 2000);
      await two.write(bytes.subarray(2000));
      await one.write(sample(4000));
      await other.partials!.remove({ temporaryPath });
      await two.seal();
      await assertStored(fixture, await two.publish(), bytes);
      assert.deepEqual(await fixture.files(), [finalPath], "the copied one is gone");
      assert.equal(await other.partials!.reopen({ ...partial, contended: true }), undefined);
    },
    {},
    "partials",
  );

  test(
    "an upload goes on from its durable offset after a failed write (S-TRF-10)",
    async (storage, fixture) => {
      const bytes = sample(1000);
      const one = await storage.begin(spec({ session: SESSION }));
      await one.write(bytes.subarray(0, 400));
      const offset = await one.checkpoint();
      await refuses("storage_full", () => one.write(sample(1001)));
      const { temporaryPath, finalPath } = one;
      await one.release();
      const partial = { temporaryPath, finalPath, spec: spec({ session: SESSION }), offset };
      const two = await storage.partials!.reopen(partial);
      assert.equal(two?.offset, 400);
      await two.write(bytes.subarray(400));
      await two.seal();
      await assertStored(fixture, await two.publish(), bytes);
    },
    { budget: 1000 },
    "partials",
    "budget",
  );

  test(
    "reopen() is undefined for what is gone, too short or not a partial file's name",
    async (storage) => {
      const upload = await storage.begin(spec({ session: SESSION }));
      await upload.write(sample(100));
      const { temporaryPath, finalPath } = upload;
      await upload.release();
      const partial = { temporaryPath, finalPath, spec: spec(), offset: 101 };
      assert.equal(await storage.partials!.reopen(partial), undefined);
      const escape = { ...partial, offset: 0, temporaryPath: "../outside" };
      assert.equal(await storage.partials!.reopen(escape), undefined);
      await storage.partials!.remove({ temporaryPath });
      assert.equal(await storage.partials!.reopen({ ...partial, offset: 0 }), undefined);
    },
    {},
    "partials",
  );

  test(
    "read() gives the bytes of a partial file up to its offset",
    async (storage) => {
      const bytes = sample(3000);
      const upload = await storage.begin(spec({ session: SESSION }));
      await upload.write(bytes);
      const { temporaryPath } = upload;
      await upload.checkpoint();
      const read = async (offset: number, path = temporaryPath) => {
        const pieces = storage.partials!.read!({ temporaryPath: path, offset });
        const copies = await Array.fromAsync(pieces, (piece) => piece.slice());
        return new Uint8Array(await new Blob(copies).arrayBuffer());
      };
      assert.deepEqual(await read(2000), bytes.subarray(0, 2000));
      await upload.release();
      assert.deepEqual(await read(3000), bytes);
      await refuses("incomplete", () => read(3001));
      await refuses("incomplete", () => read(1, "../outside"));
      await storage.partials!.remove({ temporaryPath });
      await refuses("incomplete", () => read(1));
    },
    {},
    "read",
  );

  test(
    "sweep() never removes what is open or live",
    async (storage, fixture) => {
      const [open, live] = [await storage.begin(spec()), await storage.begin(spec())];
      await live.release();
      const isLive = (path: string) => path === live.temporaryPath;
      assert.equal(await storage.sweep!(isLive), 0);
      const kept = [open.temporaryPath, live.temporaryPath];
      assert.deepEqual((await fixture.files()).sort(), kept.sort());
    },
    {},
    "sweep",
  );

  test(
    "recover() finishes a sealed file after a restart, once (S-SEQ-5)",
    async (storage, fixture) => {
      const bytes = sample(4000);
      const upload = await storage.begin(spec({ session: SESSION }));
      await upload.write(bytes);
      const sealed = await upload.seal();
      await upload.release();
      const fresh = await fixture.restart!();
      const known = spec({ session: SESSION, uploadId: "u", name: "n" });
      for (let time = 0; time < 2; time++) {
        const file = await fresh.recover!(sealed, known);
        assert.ok(file !== undefined);
        await assertStored(fixture, file, bytes);
        await assertListed(fixture, 1);
        assert.equal((await fixture.files()).length, 1);
        if (gaps.list === undefined) {
          assert.equal((await linesOf(fixture))[0]?.name, "n");
        }
        if (gaps.find === undefined) assert.deepEqual(await fresh.find!("u"), file);
      }
      const other = { ...sealed, sha256: "1".repeat(64) };
      assert.equal(await fresh.recover!(other), undefined);
    },
    {},
    "recover",
  );

  test(
    "upload ids outlive the process",
    async (storage, fixture) => {
      const bytes = sample(100);
      const first = await storage.put(spec({ uploadId: "one" }), bytes);
      const fresh = await fixture.restart!();
      assert.deepEqual(await fresh.put(spec({ uploadId: "one" }), bytes), {
        ...first,
        replayed: true,
      });
    },
    {},
    "find",
    "memory",
  );

  test(
    "the budget's used bytes outlive the process",
    async (storage, fixture) => {
      await storage.put(spec(), sample(600));
      const fresh = await fixture.restart!();
      await refuses("storage_full", () => fresh.put(spec(), sample(401)));
    },
    { budget: 1000 },
    "budget",
    "memory",
  );
}
