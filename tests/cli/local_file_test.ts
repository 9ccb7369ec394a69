import assert from "node:assert/strict";
import { LocalFolder } from "../../src/cli/get/local_file.ts";
import type { FileInfo } from "../../src/protocol/mod.ts";
import { code } from "../helpers/errors.ts";
import { listFiles, sha256 } from "../helpers/files.ts";
import { utf8 } from "../helpers/raw_frame.ts";
import { mkfifo } from "../helpers/ran.ts";
import { TempDir } from "../helpers/temp.ts";

const signal = new AbortController().signal;

/** Where every file has a part file, as on the disk of another machine. */
const remote = { has: () => Promise.resolve(false) };

function info(text: string, more: Partial<FileInfo> = {}): FileInfo {
  const bytes = utf8(text);
  return { path: "p", size: bytes.length, sha256: sha256(bytes), mime_type: "a/b", ...more };
}

/** Small files are written in one go on a disk of this machine. */
const DISKS = [["here", undefined], ["elsewhere", remote]] as const;

/** Writes a file as a fetch does. */
async function write(folder: LocalFolder, at: string[], text: string, more?: Partial<FileInfo>) {
  const file = await folder.open(at, info(text, more));
  if (file === undefined) return "there";
  await file.write(utf8(text).subarray(file.size));
  await file.publish();
  return file.size;
}

for (const [where, disks] of DISKS) {
  Deno.test(`${where}: a file gets its name, time and executable bit when it is whole, and folders on the way`, async () => {
    await using temp = await TempDir.make();
    const folder = new LocalFolder(temp.join("new/deep"), false, signal, disks);
    const mtime = Date.parse("2001-02-03T04:05:06.789Z");
    assert.equal(
      await write(folder, ["a", "b", "c"], "text", { mtime_ms: mtime, executable: true }),
      0,
    );
    const stat = await Deno.stat(temp.join("new/deep/a/b/c"));
    assert.equal(stat.mtime?.getTime(), mtime);
    assert.equal(stat.mode! & 0o100, 0o100);
    assert.deepEqual(await listFiles(temp.path), ["new/deep/a/b/c"]);
    assert.equal(await write(folder, ["a", "b", "c"], "text"), "there");
  });
}

Deno.test("a part file is gone on with, never one of other bytes, and is kept or removed as it is of use", async () => {
  await using temp = await TempDir.make();
  const folder = new LocalFolder(temp.path, false, signal, remote);
  const first = (await folder.open(["x"], info("0123456789")))!;
  await first.write(utf8("0123"));
  await first.leave(true);
  const [part] = await listFiles(temp.path);
  assert.match(part!, /^x\.[0-9a-f]{16}\.part$/);
  assert.equal(await write(folder, ["x"], "0123456789"), 4);
  assert.equal(await Deno.readTextFile(temp.join("x")), "0123456789");
  const other = (await folder.open(["y"], info("abc")))!;
  await other.write(utf8("abX"));
  await other.leave(false);
  const empty = (await folder.open(["y"], info("abc")))!;
  assert.equal(empty.size, 0);
  await empty.leave(true);
  assert.deepEqual(await listFiles(temp.path), ["x"]);
});

for (const [where, disks] of DISKS) {
  Deno.test(`${where}: a name of 255 bytes has a part file too`, async () => {
    await using temp = await TempDir.make();
    const folder = new LocalFolder(temp.path, false, signal, disks);
    const name = "ü".repeat(127) + "x";
    assert.equal(await write(folder, [name], "text"), 0);
    assert.deepEqual(await listFiles(temp.path), [name]);
  });
}

for (const [where, disks] of DISKS) {
  Deno.test(`${where}: what is there with other bytes stays, unless it is to be replaced`, async () => {
    await using temp = await TempDir.make();
    await Deno.writeTextFile(temp.join("x"), "mine");
    await Deno.mkdir(temp.join("dir"));
    const folder = new LocalFolder(temp.path, false, signal, disks);
    await assert.rejects(write(folder, ["x"], "text"), {
      message: `Cannot write ${
        temp.join("x")
      }: it is there already with other bytes, --force replaces it`,
    });
    const force = new LocalFolder(temp.path, true, signal, disks);
    await assert.rejects(write(force, ["dir"], "text"), code("local_io"));
    assert.equal(await write(force, ["x"], "text"), 0);
    assert.equal(await Deno.readTextFile(temp.join("x")), "text");
    // Something comes there while the file is fetched.
    const late = (await folder.open(["late"], info("text")))!;
    await late.write(utf8("text"));
    await Deno.writeTextFile(temp.join("late"), "mine");
    await assert.rejects(late.publish(), code("local_io"));
    await late.leave(true);
    assert.equal(await Deno.readTextFile(temp.join("late")), "mine");
  });
}

for (const [where, disks] of DISKS) {
  Deno.test(`${where}: links on the way, at every level, are not written through`, async () => {
    await using temp = await TempDir.make();
    await using outside = await TempDir.make();
    await Deno.writeTextFile(outside.join("secret"), "s");
    const at = ["a", "b", "c"];
    for (let depth = 0; depth < at.length; depth++) {
      const root = temp.join(`root${depth}`);
      await Deno.mkdir([root, ...at.slice(0, depth)].join("/"), { recursive: true });
      const planted = [root, ...at.slice(0, depth + 1)].join("/");
      await Deno.symlink(depth === 2 ? outside.join("secret") : outside.path, planted);
      const folder = new LocalFolder(root, false, signal, disks);
      await assert.rejects(write(folder, at, "text"), code("local_io"));
      assert.ok((await Deno.lstat(planted)).isSymlink);
    }
    // --force replaces a link as a file, and does not follow it.
    await write(new LocalFolder(temp.join("root2"), true, signal, disks), at, "text");
    assert.equal(await Deno.readTextFile(temp.join("root2/a/b/c")), "text");
    assert.equal(await Deno.readTextFile(outside.join("secret")), "s");
    // A part file that is a link is not written through either.
    const part = `x.${info("text").sha256.slice(0, 16)}.part`;
    await Deno.symlink(outside.join("secret"), temp.join(part));
    await write(new LocalFolder(temp.path, false, signal, disks), ["x"], "text");
    assert.deepEqual(await listFiles(outside.path), ["secret"]);
    assert.equal(await Deno.readTextFile(outside.join("secret")), "s");
  });
}

Deno.test("a part file that another run is writing is left to it", async () => {
  await using temp = await TempDir.make();
  const folder = new LocalFolder(temp.path, false, signal, remote);
  const file = (await folder.open(["x"], info("text")))!;
  await file.write(utf8("te"));
  await assert.rejects(folder.open(["x"], info("text")), {
    message: /another fxfer is getting it/,
  });
  await file.leave(false);
});

Deno.test("here a small file is on disk only when it is whole, and with a part of an earlier run it goes on", async () => {
  await using temp = await TempDir.make();
  const here = { has: () => Promise.resolve(true) };
  const folder = new LocalFolder(temp.path, false, signal, here);
  const file = (await folder.open(["x"], info("0123456789")))!;
  await file.write(utf8("0123"));
  await file.leave(true);
  assert.deepEqual(await listFiles(temp.path), []);
  const elsewhere = new LocalFolder(temp.path, false, signal, remote);
  const part = (await elsewhere.open(["x"], info("0123456789")))!;
  await part.write(utf8("0123"));
  await part.leave(true);
  assert.equal(await write(folder, ["x"], "0123456789"), 4);
  assert.deepEqual(await listFiles(temp.path), ["x"]);
});

Deno.test({
  name: "a device or a FIFO is never replaced by a file, with force neither",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using temp = await TempDir.make();
    await mkfifo(temp.join("x"));
    for (const force of [false, true]) {
      const folder = new LocalFolder(temp.path, force, signal, remote);
      await assert.rejects(() => folder.open(["x"], info("text")), /no regular file/);
    }
    assert.ok((await Deno.lstat(temp.join("x"))).isFifo);
  },
});

for (const [where, disks] of DISKS) {
  Deno.test(`${where}: two files that go to one name do not replace one another, not even by force`, async () => {
    await using temp = await TempDir.make();
    const folder = new LocalFolder(temp.path, true, signal, disks);
    assert.equal(await write(folder, ["x"], "first", { path: "p1" }), 0);
    await assert.rejects(write(folder, ["x"], "second", { path: "p2" }), code("local_io"));
    assert.equal(await Deno.readTextFile(temp.join("x")), "first");
    assert.deepEqual(await listFiles(temp.path), ["x"]);
    // The same file may be opened again, and another with the same bytes is there.
    assert.equal(await write(folder, ["x"], "first", { path: "p1" }), "there");
    assert.equal(await write(folder, ["x"], "first", { path: "p3" }), "there");
  });
}
