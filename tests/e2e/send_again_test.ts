import assert from "node:assert/strict";
import { ScriptedPeer } from "../client/scripted_peer.ts";
import { FaultProxy, proxied } from "../helpers/fault_proxy.ts";
import { listStored, readManifest, sha256, storedSha256 } from "../helpers/files.ts";
import { fxfer, start } from "../helpers/fxfer.ts";
import { command, Program } from "../helpers/program.ts";
import { ranToEnd } from "../helpers/ran.ts";
import { Random } from "../helpers/random.ts";
import { type Json, utf8 } from "../helpers/raw_frame.ts";
import { findProgram } from "../helpers/require.ts";
import { assertStores, received, serving, until } from "../helpers/serving.ts";
import { TempDir } from "../helpers/temp.ts";

const MIB = 1 << 20;
const test = serving("fxfer send again");

async function folderWith(files: Readonly<Record<string, string | Uint8Array>>): Promise<TempDir> {
  const folder = await TempDir.make();
  for (const [name, content] of Object.entries(files)) {
    await Deno.writeFile(folder.join(name), typeof content === "string" ? utf8(content) : content);
  }
  return folder;
}

const to = ({ port }: { port: number }, ...args: string[]) => ["send", "-p", String(port), ...args];
const events = (out: string): Json[] => out.trimEnd().split("\n").map((line) => JSON.parse(line));
const summary = (out: string): Json => events(out).at(-1)!;
const ends = (out: string): Json[] =>
  events(out).filter(({ event }) => event === "stored" || event === "failed");

/** The journals of a folder. */
async function journals(folder: TempDir, state = ".fxfer"): Promise<string[]> {
  const names: string[] = [];
  const entries = Deno.readDir(folder.join(state));
  try {
    for await (const { name } of entries) names.push(folder.join(state, name));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return names;
}

/** Leaves a journal behind: a, b and c are stored, and a file that is not there is still to come. */
async function interrupted(server: Program, folder: TempDir): Promise<void> {
  const { code } = await fxfer(to(server, "a", "b", "c", "missing"), { cwd: folder.path });
  assert.equal(code, 9);
  assert.equal((await journals(folder)).length, 1);
}

test("other files of another command line are known again, and the server is asked for them", async (server) => {
  await using folder = await folderWith({ a: "a", b: "b", c: "", d: "d" });
  await interrupted(server, folder);
  await assertStores(server, 1, async () => {
    const { code, err } = await fxfer(to(server, "d", "c", "b", "a"), { cwd: folder.path });
    assert.equal(code, 0, err);
    assert.match(err, /^1 file stored, 3 already there: 1 B in /m);
  });
  assert.deepEqual(await journals(folder), [], "all that it was for is sent");
  // From here on nothing is remembered: who sends a file again wants it there again.
  await assertStores(server, 1, () => fxfer(to(server, "a"), { cwd: folder.path }));
});

test("a command that has some of the files leaves the journal to the command that has all", async (server) => {
  await using folder = await folderWith({ a: "a", b: "b", c: "c" });
  await interrupted(server, folder);
  await assertStores(server, 0, async () => {
    const { out } = await fxfer(to(server, "--json", "a", "b"), { cwd: folder.path });
    assert.deepEqual([summary(out).stored, summary(out).present], [2, 2]);
  });
  assert.equal((await journals(folder)).length, 1);
  await Deno.writeTextFile(folder.join("missing"), "there it is");
  await assertStores(server, 1, async () => {
    const again = await fxfer(to(server, "--json", "a", "b", "c", "missing"), { cwd: folder.path });
    assert.deepEqual([again.code, summary(again.out).present], [0, 3], again.err);
  });
  assert.deepEqual(await journals(folder), []);
});

test("a file under another name, or with other bytes, is another file", async (server) => {
  await using folder = await folderWith({ a: "aa", b: "b", c: "c" });
  await interrupted(server, folder);
  const { mtime } = await Deno.stat(folder.join("a"));
  await Deno.writeTextFile(folder.join("a"), "AA");
  await Deno.utime(folder.join("a"), mtime!, mtime!);
  await assertStores(server, 2, async () => {
    const again = await fxfer(to(server, "--json", "a", "b"), { cwd: folder.path });
    assert.match(again.err, /^fxfer: a has changed since the run before: it starts over$/m);
    const [a] = ends(again.out).filter(({ file }) => file === "a");
    assert.equal(await storedSha256(server.storage, a!.path), sha256(utf8("AA")));
    const renamed = await fxfer(to(server, "--json", "--name", "bee", "b"), { cwd: folder.path });
    assert.deepEqual([renamed.code, summary(renamed.out).present], [0, 0]);
  });
});

test("a server that has lost the files gets them again", async (server) => {
  await using folder = await folderWith({ a: "a", b: "b", c: "c" });
  await using before = await proxied(server, () => ({}));
  const { port } = before.proxy;
  const first = await fxfer(to({ port }, "a", "b", "c", "missing"), { cwd: folder.path });
  assert.equal(first.code, 9);
  await before[Symbol.asyncDispose]();
  // Another server at the same address.
  await using other = await Program.serve();
  const target = { hostname: "127.0.0.1", port: other.port };
  await using _proxy = await FaultProxy.listen({ target, port });
  const again = await fxfer(to({ port }, "--json", "a", "b", "c"), { cwd: folder.path });
  assert.deepEqual([again.code, summary(again.out).present], [0, 0], again.err);
  const names = (await readManifest(other.storage)).map(({ name }) => name);
  assert.deepEqual(names.sort(), ["a", "b", "c"]);
});

test("killed before any reply came, the part of a large file is kept, and nothing is there twice", async (server) => {
  const bytes = new Random(1).bytes(40 * MIB);
  await using folder = await folderWith({ "a.txt": "a", "big.bin": bytes });
  await using net = await proxied(server, (connection) =>
    connection > 0 ? {} : {
      up: { faults: [{ after: 9 * MIB, kind: "stall" }] },
      // The reply to the connect comes through, and of the next one not all.
      down: { faults: [{ after: 900, kind: "stall" }] },
    });
  const args = to(net.proxy, "--json", "a.txt", "big.bin");
  const first = start(args, { cwd: folder.path });
  await received(server.storage, 8 * MIB, 20_000);
  first.kill("SIGKILL");
  const { out } = await first.ended;
  assert.deepEqual(ends(out), []);
  net.proxy.release();
  await net.events.wait(({ type }) => type === "closed", "the end of the connection");
  await assertStores(server, 1, async () => {
    const again = await fxfer(args, { cwd: folder.path });
    assert.equal(again.code, 0, again.err);
    const [big, small] = ends(again.out);
    assert.ok(big!.resumed_from[0] >= 8 * MIB, `goes on at ${big!.resumed_from}`);
    assert.equal(await storedSha256(server.storage, big!.path), sha256(bytes));
    assert.equal(small!.replayed, true);
  });
});

test("a journal is a hint: garbage in it, and a session that is of no use, keep nobody from sending", async (server) => {
  await using folder = await folderWith({ a: "a", b: "b", c: "c" });
  await using net = await proxied(server, (connection) => ({
    down: connection === 0 ? { faults: [{ after: 900, kind: "reset" }] } : {},
    up: connection === 0 ? {} : { faults: [{ after: 0, kind: "reset" }] },
  }));
  const gaveUp = await fxfer(to(net.proxy, "--retries", "0", "a", "b", "c"), { cwd: folder.path });
  assert.equal(gaveUp.code, 2, gaveUp.err);
  const [path] = await journals(folder);
  const text = await Deno.readTextFile(path!);
  assert.equal((await Deno.stat(path!)).mode! & 0o777, 0o600);
  const { port } = net.proxy;
  await net[Symbol.asyncDispose]();
  const target = { hostname: "127.0.0.1", port: server.port };
  await using _whole = await FaultProxy.listen({ target, port });
  const token = /"token":"([^"]+)"/.exec(text)![1]!;
  const damaged = {
    "a wrong secret": text.replace(token, [...token].reverse().join("")),
    "a session that is no id": text.replace(/"session":"[^"]+"/, '"session":"x y"'),
    "no text": new Random(2).bytes(5000),
    "lines of other things":
      `[1]\nnull\n{"file":1,"upload":{}}\n{"session":7}\n{"done":[]}\n${text}`,
    "a line that was cut": `${text}{"file":"/`,
  };
  for (const [name, content] of Object.entries(damaged)) {
    const bytes = typeof content === "string" ? utf8(content) : content;
    await Deno.mkdir(folder.join(".fxfer"), { recursive: true });
    await Deno.writeFile(path!, bytes, { mode: 0o644 });
    const again = await fxfer(to({ port }, "--json", "a", "b", "c"), { cwd: folder.path });
    assert.deepEqual([again.code, summary(again.out).stored], [0, 3], `${name}: ${again.err}`);
    assert.deepEqual(await journals(folder), [], name);
  }
});

test("a journal that others might read is made the owner's own; after 30 days it is removed", async (server) => {
  if (Deno.build.os === "windows") return;
  await using folder = await folderWith({ a: "a", b: "b", c: "c" });
  await interrupted(server, folder);
  const [path] = await journals(folder);
  await Deno.chmod(path!, 0o644);
  await interrupted(server, folder);
  assert.equal((await Deno.stat(path!)).mode! & 0o777, 0o600);
  const days = (number: number) => (Date.now() - number * 86_400_000) / 1000;
  const [old, young] = [31, 29].map((number) => {
    const other = folder.join(".fxfer", `send_${String(number).repeat(8)}_0123456789abcdef.jsonl`);
    Deno.writeTextFileSync(other, "");
    Deno.utimeSync(other, days(number), days(number));
    return other;
  });
  await fxfer(to(server, "a", "missing"), { cwd: folder.path });
  const left = await journals(folder);
  assert.deepEqual([left.includes(old!), left.includes(young!)], [false, true]);
});

test("a server that was never there leaves no journal, and none that was there is lost", async (server) => {
  await using folder = await folderWith({ a: "a", b: "b", c: "c" });
  const gone = await fxfer(to({ port: 1 }, "--retries", "0", "a"), { cwd: folder.path });
  assert.equal(gone.code, 2);
  assert.match(gone.err, /gave up after 1 try$/m);
  assert.match(gone.err, /^fxfer: Gave up: there is nothing to go on with$/m);
  assert.deepEqual(await journals(folder), []);
  await using net = await proxied(server, () => ({}));
  const { port } = net.proxy;
  const args = to({ port }, "--retries", "0", "a", "b", "c", "missing");
  assert.equal((await fxfer(args, { cwd: folder.path })).code, 9);
  await net[Symbol.asyncDispose]();
  const away = await fxfer(args, { cwd: folder.path });
  assert.match(away.err, /^fxfer: Gave up: the same command goes on$/m);
  assert.equal((await journals(folder)).length, 1);
});

test("a state folder that cannot be used is told once and changes nothing", async (server) => {
  await using folder = await folderWith({ a: "a", b: "b", file: "" });
  await assertStores(server, 2, async () => {
    const { code, err } = await fxfer(to(server, "--state", "file", "a", "b"), {
      cwd: folder.path,
    });
    assert.equal(code, 0, err);
    assert.equal(err.match(/Cannot keep state in file: /g)?.length, 1, err);
  });
});

test("a state folder that is removed meanwhile changes nothing", async (server) => {
  await using folder = await folderWith({ a: "a", "big.bin": new Random(3).bytes(4 * MIB) });
  await using net = await proxied(server, () => ({
    up: { faults: [{ after: 2 * MIB, kind: "stall" }] },
  }));
  for (const [connection, signal] of ([undefined, "SIGINT"] as const).entries()) {
    const run = start(to(net.proxy, "a", "big.bin"), { cwd: folder.path });
    await until(async () => (await journals(folder)).length > 0, "the journal");
    await net.events.wait((e) => e.type === "fault" && e.connection === connection, "the stall");
    await Deno.remove(folder.join(".fxfer"), { recursive: true });
    if (signal !== undefined) run.kill(signal);
    net.proxy.release();
    const { code, err } = await run.ended;
    assert.equal(code, signal === undefined ? 0 : 130, err);
    if (signal !== undefined) {
      assert.match(err, /^fxfer: Interrupted: there is nothing to go on with$/m);
    }
  }
});

test("a full disk for the journal changes nothing", async (server) => {
  // A file system of 4 KiB needs root and Linux.
  if (Deno.build.os !== "linux" || Deno.uid() !== 0 || !findProgram("unshare")) return;
  await using folder = await folderWith(
    Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`f${index}`, String(index)])),
  );
  await Deno.mkdir(folder.join("tiny"));
  const names = Array.from({ length: 30 }, (_, index) => `f${index}`);
  const line = command(to(server, "--state", "tiny", ...names), ["-A"]).map((arg) => `'${arg}'`);
  await assertStores(server, 30, async () => {
    const script = `mount -t tmpfs -o size=4k tmpfs tiny && exec ${line.join(" ")}`;
    const options = { args: ["-m", "sh", "-c", script], cwd: folder.path };
    const { code, err } = await ranToEnd("unshare", options);
    assert.equal(code, 0, err);
    assert.equal(err.match(/Cannot keep state in tiny: No space left/g)?.length, 1, err);
  });
});

test("standard output that cannot be written is told once and changes nothing", async (server) => {
  await using folder = await folderWith({ a: "a", b: "b" });
  const [program, ...args] = command(to(server, "--json", "a", "b"), ["-A"]);
  const told = (err: string) => err.match(/Cannot write to standard output: /g)?.length;
  await assertStores(server, 2, async () => {
    const child = new Deno.Command(program!, {
      ...{ args, cwd: folder.path },
      ...{ stdin: "null", stdout: "piped", stderr: "piped" },
    }).spawn();
    await child.stdout.cancel();
    const [{ code }, err] = await Promise.all([child.status, new Response(child.stderr).text()]);
    assert.deepEqual([code, told(err)], [0, 1], err);
  });
  if (Deno.build.os !== "linux") return;
  await assertStores(server, 2, async () => {
    const script = `exec ${[program!, ...args].map((arg) => `'${arg}'`).join(" ")} > /dev/full`;
    const { code, err } = await ranToEnd("sh", { args: ["-c", script], cwd: folder.path });
    assert.deepEqual([code, told(err)], [0, 1], err);
  });
});

test("a folder is written down while it is sent, and an interrupted one is stored once", async (server) => {
  const FILES = 3000;
  await using folder = await TempDir.make();
  await Deno.mkdir(folder.join("many"));
  for (let n = 0; n < FILES; n++) await Deno.writeFile(folder.join(`many/${n}`), utf8(`${n}`));
  // The connection is lost somewhere in the middle of the folder.
  await using net = await proxied(
    server,
    (connection) => connection > 0 ? {} : { up: { faults: [{ after: 300_000, kind: "reset" }] } },
  );
  const args = to(net.proxy, "--json", "--retries", "0", "-r", "many");
  const before = (await listStored(server.storage)).length;
  const first = await fxfer(args, { cwd: folder.path });
  assert.equal(first.code, 9, first.err);
  assert.equal(ends(first.out).length, FILES, "each file is told");
  const { stored, failed } = summary(first.out);
  assert.equal(stored + failed, FILES);
  const [journal] = await journals(folder);
  const begun = (await Deno.readTextFile(journal!)).match(/"upload":/g)!.length;
  assert.ok(begun >= stored && begun < stored + 1000, `${begun} written down, ${stored} stored`);
  const again = await fxfer(args, { cwd: folder.path });
  assert.equal(again.code, 0, again.err);
  assert.ok(summary(again.out).present >= stored);
  assert.equal((await listStored(server.storage)).length - before, FILES);
  assert.deepEqual(await journals(folder), []);
});

Deno.test({
  name: "fxfer send again: a server that has another file under every id does not keep it for ever",
  sanitizeOps: false, // reads of the shared server, as in serving()
  async fn() {
    await using folder = await folderWith({ a: "bytes" });
    const ids: unknown[] = [];
    await using peer = new ScriptedPeer(async (peer) => {
      await peer.session();
      ids.push((await peer.transfer()).frame.data.uploadId);
    }, async (peer) => {
      await peer.resumed(1);
      for (;;) {
        const request = await peer.request().catch(() => undefined); // it gives up, and closes
        if (request?.frame.action !== "transfer" || ids.length > 5) return;
        ids.push(request.frame.data.uploadId);
        await peer.reply(request, { code: "sequence_reuse", field: "upload_id" });
      }
    });
    const run = () => fxfer(to(peer, "--retries", "0", "--json", "a"), { cwd: folder.path });
    assert.equal((await run()).code, 2, "the first run is cut off");
    const { code, out } = await run();
    assert.deepEqual([ids.length, ids[0] === ids[1], ids[1] === ids[2]], [3, true, false]);
    assert.deepEqual([code, ends(out)[0]!.code], [3, "sequence_reuse"]);
  },
});
