/** `fxfer ls`, `get` and `rm`, and what `send` does with names, against a server that keeps names. @module */
import assert from "node:assert/strict";
import { readManifest } from "../helpers/files.ts";
import { fxfer } from "../helpers/fxfer.ts";
import { Program } from "../helpers/program.ts";
import type { Ran } from "../helpers/ran.ts";
import { serving } from "../helpers/serving.ts";
import { TempDir } from "../helpers/temp.ts";

const test = serving("stored files", {
  args: ["--keep-names"],
  set: { "security.anonymous": "put,get,list,remove" },
});

/** A folder with files, and fxfer in it, against one server. */
class Place implements AsyncDisposable {
  private constructor(readonly dir: TempDir, readonly port: number) {}

  static async make(
    { port }: { readonly port: number },
    files: Readonly<Record<string, string>> = {},
  ): Promise<Place> {
    const place = new Place(await TempDir.make(), port);
    for (const [path, text] of Object.entries(files)) await place.write(path, text);
    return place;
  }
  async write(path: string, text: string): Promise<void> {
    const folder = path.split("/").slice(0, -1).join("/");
    if (folder !== "") await Deno.mkdir(this.dir.join(folder), { recursive: true });
    await Deno.writeTextFile(this.dir.join(path), text);
  }
  read(path: string): string {
    return Deno.readTextFileSync(this.dir.join(path));
  }
  run(command: string, ...args: string[]): Promise<Ran> {
    return fxfer([command, "--port", String(this.port), ...args], { cwd: this.dir.path });
  }
  /** Runs it and fails unless it succeeds. */
  async ok(command: string, ...args: string[]): Promise<Ran> {
    const ran = await this.run(command, ...args);
    assert.equal(ran.code, 0, ran.err);
    return ran;
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.dir[Symbol.asyncDispose]();
  }
}

/** Runs `fn` and fails unless so many files were stored. */
async function assertStores<T>(server: Program, count: number, fn: () => Promise<T>): Promise<T> {
  const before = (await readManifest(server.storage)).length;
  const result = await fn();
  assert.equal((await readManifest(server.storage)).length - before, count, "files stored");
  return result;
}

const events = (text: string) => text.trimEnd().split("\n").map((line) => JSON.parse(line));

test("ls shows a prefix by name or the newest first, as a table and as JSON", async (server) => {
  await using place = await Place.make(server, { "ls/b.txt": "bb", "ls/a.png": "a" });
  await place.ok("send", "ls/b.txt", "--name", "ls/b.txt");
  await place.ok("send", "ls/a.png", "--name", "ls/a.png");
  const table = (await place.ok("ls", "ls/")).out.split("\n");
  assert.match(table[0]!, /^ *SIZE +AGE +TYPE +NAME$/);
  assert.match(table[1]!, /^ *1 B +[\d.]+s +image\/png +ls\/a\.png$/);
  assert.match(table[2]!, /^ *2 B +[\d.]+s +text\/plain +ls\/b\.txt$/);
  const long = (await place.ok("ls", "-l", "ls/a")).out;
  assert.match(long, /Z +[0-9a-f]{16} +files\/public\/ls\/a\.png +image\/png +ls\/a\.png$/m);
  const [newest, ...rest] = events((await place.ok("ls", "--json", "-t", "-n", "1", "ls/")).out);
  assert.equal(newest.name, "ls/a.png");
  assert.equal(newest.event, "file");
  assert.deepEqual(rest, [{ event: "summary", files: 1, bytes: 1, exit: 0 }]);
  const none = await place.ok("ls", "no such");
  assert.deepEqual([none.out, none.err], [
    "",
    "fxfer: the server has no file whose name begins with no such\n",
  ]);
  assert.equal((await place.run("ls", "a", "b")).code, 1);
  assert.equal(
    (await fxfer(["ls", `fxfer://127.0.0.1:${server.port}`], { cwd: place.dir.path })).code,
    0,
  );
});

test("get takes a name or a path, to a file, a folder or standard output", async (server) => {
  await using place = await Place.make(server, { "one.txt": "one", "two.txt": "two" });
  const sent = await place.ok("send", "--json", "--name", "get/one.txt", "one.txt");
  const { path } = events(sent.out)[1];
  await place.ok("send", "--name", "get/two.txt", "two.txt");
  assert.equal((await place.ok("get", "get/two.txt", "-o", "-")).out, "two");
  await place.ok("get", path, "-o", "named");
  assert.equal(place.read("named"), "one");
  await place.ok("get", "get/one.txt", "get/two.txt", "-o", "new/folder");
  assert.equal(place.read("new/folder/one.txt"), "one");
  await place.ok("get", "-r", "get", "-o", "tree");
  assert.equal(place.read("tree/get/two.txt"), "two");
  const there = await place.ok("get", "get/one.txt");
  assert.equal(there.out, "get/one.txt: it is there already\n");
});

test("get leaves what is there, unless --force; says what the server has not; and never writes outside", async (server) => {
  await using place = await Place.make(server, { "f.txt": "theirs" });
  await place.ok("send", "--name", "leave/f.txt", "f.txt");
  await place.write("f.txt", "mine!!");
  const refused = await place.run("get", "leave/f.txt");
  assert.equal(refused.code, 8);
  assert.equal(
    refused.err,
    "fxfer: Cannot write f.txt: it is there already with other bytes, --force replaces it\n",
  );
  assert.equal(place.read("f.txt"), "mine!!");
  await place.ok("get", "--force", "leave/f.txt");
  assert.equal(place.read("f.txt"), "theirs");
  const folder = await place.run("get", "leave");
  assert.equal(folder.code, 3);
  assert.match(
    folder.err,
    /^fxfer: Cannot find leave: .* no such file \(-r gets what is below it\)$/m,
  );
  const some = await place.run("get", "-f", "leave/f.txt", "leave/none");
  assert.equal(some.code, 9);
  await place.write("evil", "evil");
  await place.ok("send", "--name", "evil/../../../outside", "evil");
  await place.ok("get", "-r", "evil", "-o", "in");
  assert.equal(place.read("in/evil/%2E%2E/%2E%2E/%2E%2E/outside"), "evil");
  for (
    const wrong of [["-o", "-", "-r", "x"], ["-o", "-", "x", "y"], ["--json", "-o", "-", "x"], [""]]
  ) {
    assert.equal((await place.run("get", ...wrong)).code, 1, wrong.join(" "));
  }
});

test("rm asks or needs --yes, removes, and says what is not there", async (server) => {
  await using place = await Place.make(server, { "x": "x" });
  await place.ok("send", "--name", "rm/x", "x");
  const asked = await place.run("rm", "rm/x");
  assert.equal(asked.code, 1);
  assert.match(asked.err, /--yes is missing: there is no terminal to ask on/);
  const ran = await place.ok("rm", "--yes", "rm/x");
  assert.equal(ran.out, "rm/x: removed (files/public/rm/x, 1 B)\n");
  assert.equal((await place.ok("ls", "rm/")).out, "");
  const gone = await place.run("rm", "-y", "--json", "rm/x");
  assert.equal(gone.code, 3);
  const [failed, summary] = events(gone.out);
  assert.equal(failed.code, "not_found");
  assert.deepEqual(summary, { event: "summary", removed: 0, failed: 1, bytes: 0, exit: 3 });
});

test("send --if-new sends what is new and changed, and stores nothing else", async (server) => {
  const files = Object.fromEntries(
    Array.from({ length: 60 }, (_, n) => [`new/d${n % 3}/f${n}`, `${n}`]),
  );
  await using place = await Place.make(server, { ...files, top: "top" });
  await assertStores(server, 61, () => place.ok("send", "-q", "-r", "new", "top"));
  const again = () => place.ok("send", "-r", "--if-new", "new", "top");
  assert.match((await assertStores(server, 0, again)).err, /^61 files already there: 0 B in/m);
  await place.write("new/d0/f0", "X");
  await place.write("new/d0/f61", "new");
  const { out, err } = await assertStores(server, 2, again);
  assert.match(err, /^2 files stored, 60 already there: 4 B in/m);
  assert.match(out, /^new\/d0\/f0: stored as files\/public\/new\/d0\/f0 \(2\)/m);
  const json = events((await place.ok("send", "-r", "--if-new", "--json", "top")).out);
  assert.equal(json[0].event, "stored");
  assert.deepEqual([json[0].existing, json[0].attempts], [true, 0]);
});

test("send keeps times and the executable bit, and --no-rename refuses a taken name", async (server) => {
  await using place = await Place.make(server, { prog: "#!/bin/sh" });
  await Deno.chmod(place.dir.join("prog"), 0o755);
  await Deno.utime(place.dir.join("prog"), 1000, 1_000_000_000.123);
  await place.ok("send", "--name", "keep/prog", "prog");
  const line = (await readManifest(server.storage)).find(({ name }) => name === "keep/prog");
  assert.equal(line?.mtime_ms, 1_000_000_000_123);
  assert.equal(line?.executable, true);
  await place.write("prog", "other");
  await assertStores(server, 0, async () => {
    const refused = await place.run("send", "--no-rename", "--name", "keep/prog", "prog");
    assert.equal(refused.code, 3);
    assert.match(refused.err, /another file has this name/);
  });
});

test("a server says who may list, get and remove", async () => {
  await using other = await Program.serve();
  await using place = await Place.make(other, { x: "x" });
  await place.ok("send", "x");
  for (const command of [["ls"], ["get", "x"], ["rm", "-y", "x"]] as const) {
    const [name, ...args] = command;
    const { code, err } = await place.run(name, ...args);
    assert.equal(code, 4, command.join(" "));
    assert.match(err, /^fxfer: Cannot (list|fetch|remove) files: the server does not allow it/);
  }
  const { code, err } = await place.run("send", "--if-new", "x");
  assert.equal(code, 4);
  assert.match(err, /this client may not do that/);
});
