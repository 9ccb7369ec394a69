import assert from "node:assert/strict";
import { smallFileSource, smallFileState, type Source } from "../../src/client/mod.ts";
import { listStored, sha256, storedSha256 } from "../helpers/files.ts";
import { mkfifo } from "../helpers/ran.ts";
import { TempDir } from "../helpers/temp.ts";
import { watched } from "./helpers.ts";
import { Live } from "./live.ts";
import { code, pattern } from "./scripted_peer.ts";

const SIZES = [10, 60_000];

/** A small file that something happens to after it was read for the first time. */
function touchedFile(path: string, touch: () => void): Source {
  const file = smallFileSource(path)!;
  let reads = 0;
  return {
    size: file.size,
    async read(into, offset) {
      const count = await file.read(into, offset);
      if (++reads === 1) touch();
      return count;
    },
    changed: () => file.changed!(),
  };
}

/** A small file that something happens to while it is read at once. */
function touchedInRead(path: string, touch: () => void): Source {
  const file = smallFileSource(path)!;
  return {
    size: file.size,
    read: (into, offset) => file.read(into, offset),
    readNow(into) {
      const { prototype } = Deno.FsFile;
      const { readSync } = prototype;
      prototype.readSync = function (bytes) {
        const count = readSync.call(this, bytes);
        touch();
        return count;
      };
      try {
        return file.readNow!(into);
      } finally {
        prototype.readSync = readSync;
      }
    },
    changed: () => file.changed!(),
  };
}

/** Sends a file that something happens to; the file itself was last changed long ago. */
async function sendTouched(
  size: number,
  touch: (path: string, folder: TempDir) => void,
  touched = touchedFile,
) {
  const stack = new AsyncDisposableStack();
  const live = stack.use(await Live.start());
  const folder = stack.use(await TempDir.make());
  const path = folder.join("a");
  await Deno.writeFile(path, pattern(size, 1));
  await Deno.utime(path, 1000, 1000);
  const it = stack.use(await watched(live.port, { retries: 0 }));
  const source = touched(path, () => touch(path, folder));
  const result = await it.client.send(source).catch((error) => error);
  const stored = await listStored(live.dir);
  const digest = stored[0] && await storedSha256(live.dir, stored[0]);
  const grown = it.events.all.filter((event) => event.type === "grown").length;
  await it.client.disconnect();
  await stack.disposeAsync();
  return { result, stored: stored.length, digest, grown };
}

Deno.test("smallFileSource() is for regular files of 1 byte to 64 KiB", async () => {
  await using folder = await TempDir.make();
  for (const [size, fits] of [[0, false], [1, true], [65_536, true], [65_537, false]] as const) {
    await Deno.writeFile(folder.join("a"), pattern(size));
    assert.equal(smallFileSource(folder.join("a"))?.size, fits ? size : undefined);
  }
  assert.equal(smallFileSource(folder.path), undefined);
  assert.equal(smallFileSource(folder.join("none")), undefined);
});

for (const size of [3, 10, 12, 70_000]) {
  Deno.test(`a file of 10 bytes that has ${size} when its turn comes is sent as it is then`, async () => {
    await using live = await Live.start();
    await using folder = await TempDir.make();
    const path = folder.join("a");
    await Deno.writeFile(path, pattern(10, 1));
    await Deno.utime(path, 1000, 1000);
    const looked = smallFileState(Deno.statSync(path));
    assert.equal(looked?.size, 10);
    await Deno.writeFile(path, pattern(size, 2));
    await Deno.utime(path, 2000, 2000);
    await using it = await watched(live.port, { retries: 0 });
    const { file } = await it.client.send(smallFileSource(path, looked)!);
    assert.deepEqual([file?.size, file?.sha256], [size, sha256(pattern(size, 2))]);
    assert.deepEqual(it.events.all.filter((event) => event.type === "grown"), []);
    await it.client.disconnect();
  });
}

Deno.test("a file that is gone when its turn comes is refused by its name", async () => {
  await using live = await Live.start();
  await using folder = await TempDir.make();
  const path = folder.join("gone");
  await Deno.writeFile(path, pattern(10, 1));
  const looked = smallFileState(Deno.statSync(path));
  await Deno.remove(path);
  await using it = await watched(live.port, { retries: 0 });
  const sending = it.client.send(smallFileSource(path, looked)!);
  await assert.rejects(sending, { code: "local_io", message: /gone/ });
  await it.client.disconnect();
});

Deno.test("smallFileSource() does not open a pipe, which would wait for a writer", {
  ignore: Deno.build.os === "windows",
}, async () => {
  await using folder = await TempDir.make();
  await mkfifo(folder.join("pipe"));
  assert.equal(smallFileSource(folder.join("pipe")), undefined);
});

for (const size of SIZES) {
  Deno.test(`a small file of ${size} bytes that changes after it was read is not published`, async () => {
    const { result, stored } = await sendTouched(size, (path) => {
      Deno.writeFileSync(path, pattern(size, 2));
    });
    assert.equal(result.code, "source_changed");
    assert.equal(stored, 0);
  });

  Deno.test(`of a small file of ${size} bytes that grows what it was at first is stored, and it is told`, async () => {
    const { digest, grown } = await sendTouched(size, (path) => {
      Deno.writeFileSync(path, pattern(7), { append: true });
    });
    assert.equal(digest, sha256(pattern(size, 1)));
    assert.equal(grown, 1);
  });

  Deno.test(`a small file of ${size} bytes that is replaced, removed or touched is sent as it was read`, async () => {
    const happenings = [
      (path: string, folder: TempDir) => {
        Deno.writeFileSync(folder.join("b"), pattern(size, 2));
        Deno.renameSync(folder.join("b"), path);
      },
      (path: string) => Deno.removeSync(path),
      (path: string) => Deno.utimeSync(path, 2000, 2000),
    ];
    for (const happening of happenings) {
      const { digest, grown } = await sendTouched(size, happening);
      assert.equal(digest, sha256(pattern(size, 1)));
      assert.equal(grown, 0);
    }
  });
}

Deno.test("a small file that changes while it is read at once is read again; another's coming does not matter", async () => {
  const happenings = [
    [(path: string) => Deno.writeFileSync(path, pattern(10, 2)), [2], 0],
    [(path: string) => Deno.writeFileSync(path, pattern(7), { append: true }), [1], 1],
    [(path: string) => Deno.utimeSync(path, 2000, 2000), [1], 0],
    [(path: string) => Deno.removeSync(path), [1, "local_io"], 0],
    [
      (path: string, folder: TempDir) => {
        Deno.writeFileSync(folder.join("b"), pattern(10, 2));
        Deno.renameSync(folder.join("b"), path);
      },
      [1, 2],
      0,
    ],
  ] as const;
  for (const [happening, mayBe, wanted] of happenings) {
    const { result, digest, grown } = await sendTouched(10, happening, touchedInRead);
    // A file that loses its name has changed as well, where that is in another second than its last change.
    const found = digest ?? result.code;
    const wantedOnes = mayBe.map((seed) => seed === "local_io" ? seed : sha256(pattern(10, seed)));
    assert.ok(wantedOnes.includes(found), `${happening}: ${result}`);
    assert.equal(grown, wanted);
  }
});

Deno.test("a small file that was changed just now is looked at again", async () => {
  await using folder = await TempDir.make();
  const path = folder.join("a");
  for (const [mtimeMs, count] of [[1_000_000, 10], [Date.now() + 10, undefined]] as const) {
    await Deno.writeFile(path, pattern(10));
    await Deno.utime(path, mtimeMs / 1000, mtimeMs / 1000);
    assert.equal(smallFileSource(path)!.readNow!(new Uint8Array(10)), count);
  }
});

Deno.test("nor is it believed by a process that was held up while it read", async () => {
  await using folder = await TempDir.make();
  const path = folder.join("a");
  await Deno.writeFile(path, pattern(10));
  const seconds = Date.now() / 1000 + 0.5;
  await Deno.utime(path, seconds, seconds);
  const { now } = Date;
  let clock = seconds * 1000;
  const source = touchedInRead(path, () => clock += 1000);
  Date.now = () => clock;
  try {
    assert.equal(source.readNow!(new Uint8Array(10)), undefined);
  } finally {
    Date.now = now;
  }
});

Deno.test("a small file that is shorter when its turn comes, or gone, fails alone", async () => {
  await using live = await Live.start();
  await using folder = await TempDir.make();
  await using it = await watched(live.port);
  for (
    const [name, act, wanted] of [
      ["shorter", (path: string) => Deno.truncateSync(path, 3), "source_changed"],
      ["gone", (path: string) => Deno.removeSync(path), "local_io"],
    ] as const
  ) {
    const path = folder.join(name);
    await Deno.writeFile(path, pattern(10));
    const source = smallFileSource(path)!;
    act(path);
    await assert.rejects(it.client.send(source), code(wanted));
  }
  assert.equal((await it.client.send(pattern(5))).attempts, 1);
  await it.client.disconnect();
});

Deno.test("a small file is opened once and looked at a few times, and none is open while it is unanswered", async () => {
  await using live = await Live.start();
  await using folder = await TempDir.make();
  const paths = Array.from({ length: 100 }, (_, n) => folder.join(`f${n}`));
  for (const path of paths) {
    await Deno.writeFile(path, pattern(5000));
    await Deno.utime(path, 1000, 1000);
  }
  await using it = await watched(live.port);
  const calls: Record<string, number> = {};
  const restore: (() => void)[] = [];
  const isSent = (path: string | URL) => String(path).startsWith(folder.path);
  for (const name of ["open", "openSync", "stat", "statSync", "lstat", "readFile"] as const) {
    const real = Deno[name] as (path: string | URL, ...more: never[]) => unknown;
    const counted = (path: string | URL, ...more: never[]) => {
      if (isSent(path)) calls[name] = (calls[name] ?? 0) + 1;
      return real(path, ...more);
    };
    Object.assign(Deno, { [name]: counted });
    restore.push(() => Object.assign(Deno, { [name]: real }));
  }
  try {
    const sources = paths.map((path) => smallFileSource(path)!);
    const results = await Promise.all(sources.map((source) => it.client.send(source)));
    assert.ok(results.every(({ sha256: digest }) => digest === sha256(pattern(5000))));
  } finally {
    for (const each of restore) each();
  }
  assert.deepEqual(calls, { openSync: paths.length, statSync: paths.length });
  await it.client.disconnect();
});

Deno.test("a file behind a refused one that has other bytes when it is sent again is sent as it is then, without retries too", async () => {
  await using live = await Live.start();
  await using it = await watched(live.port, { retries: 0 });
  const uploadId = crypto.randomUUID();
  await it.client.send(pattern(10, 1), { uploadId });
  const refused = it.client.send(pattern(10, 2), { uploadId });
  let reads = 0;
  const behind = it.client.send({
    size: 10,
    read: (into) => Promise.resolve((into.set(pattern(10, 3 + reads++)), 10)),
  });
  await assert.rejects(refused, { code: "sequence_reuse" });
  const { file } = await behind;
  assert.equal(file?.sha256, sha256(pattern(10, 2 + reads)));
  assert.ok(reads > 1, "it was sent again");
  await it.client.disconnect();
});
