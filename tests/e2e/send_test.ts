import assert from "node:assert/strict";
import { sha256, storedSha256 } from "../helpers/files.ts";
import { FaultProxy, proxied } from "../helpers/fault_proxy.ts";
import { fxfer, start } from "../helpers/fxfer.ts";
import { command } from "../helpers/program.ts";
import { ranToEnd } from "../helpers/ran.ts";
import { Random } from "../helpers/random.ts";
import { utf8 } from "../helpers/raw_frame.ts";
import { findProgram } from "../helpers/require.ts";
import { assertStores, received, serving } from "../helpers/serving.ts";
import { TempDir } from "../helpers/temp.ts";

const MIB = 1 << 20;
const test = serving("fxfer send");

/** A folder with a sample file. */
async function folderWith(files: Readonly<Record<string, Uint8Array>>): Promise<TempDir> {
  const folder = await TempDir.make();
  for (const [name, bytes] of Object.entries(files)) await Deno.writeFile(folder.join(name), bytes);
  return folder;
}

const to = ({ port }: { port: number }) => ["send", "--port", String(port)];
/** The events of `--json` that say how it ended: one a file, and the sum. */
const jsonLines = (text: string) =>
  text.trimEnd().split("\n").map((line) => JSON.parse(line))
    .filter(({ event }) => !["start", "progress", "resumed"].includes(event));
const result = (text: string) => jsonLines(text)[0];

/** Fails if `--json` tells anything of a file after its end, or anything after the sum. */
function assertInOrder(text: string): void {
  const over = new Set<unknown>();
  for (const line of text.trimEnd().split("\n")) {
    const { event, file } = JSON.parse(line);
    assert.ok(!over.has("summary") && !over.has(file), line);
    if (event === "summary") over.add(event);
    if (event === "stored" || event === "failed") over.add(file);
  }
  assert.ok(over.has("summary"), text);
}

test("files go in order over one session, each with a line and the type of its name", async (server) => {
  await using folder = await folderWith({ "b.png": utf8("b"), "a.txt": utf8("a"), c: utf8("") });
  const { code, out, err } = await fxfer([...to(server), "b.png", "a.txt", "c"], {
    cwd: folder.path,
  });
  assert.equal(code, 0, err);
  const lines = out.trimEnd().split("\n");
  assert.match(lines[0]!, /^b\.png: stored as session_([^/]+)\/file_1_[^/]+\.png \(1 B\)$/);
  assert.match(lines[1]!, /^a\.txt: stored as session_([^/]+)\/file_2_[^/]+\.txt \(1 B\)$/);
  assert.match(lines[2]!, /^c: stored as session_([^/]+)\/file_3_[^/]+\.bin \(0 B\)$/);
  assert.equal(new Set(lines.map((line) => /session_([^/]+)/.exec(line)?.[1])).size, 1);
  assert.match(err, /3 files stored: 2 B in /);
  const names = [...Deno.readDirSync(folder.path)].map(({ name }) => name).sort();
  assert.deepEqual(names, ["a.txt", "b.png", "c"], "no state is left behind");
});

test("--json writes an event a line: each start, what the server said of each file, then the sum", async (server) => {
  const bytes = new Random(1).bytes(100_000);
  await using folder = await folderWith({ "one.pdf": bytes, "two.txt": utf8("two") });
  const single = await fxfer([...to(server), "--json", "one.pdf"], { cwd: folder.path });
  assert.deepEqual([single.code, single.err], [0, ""]);
  assert.deepEqual(JSON.parse(single.out.split("\n")[0]!), {
    event: "start",
    file: "one.pdf",
    size: 100_000,
  });
  const object = result(single.out);
  assert.equal(await storedSha256(server.storage, object.path), sha256(bytes));
  assert.deepEqual({ ...object, path: "" }, {
    event: "stored",
    file: "one.pdf",
    code: "ok",
    name: "one.pdf",
    path: "",
    size: 100_000,
    mime_type: "application/pdf",
    sha256: sha256(bytes),
    durability: "process",
    replayed: false,
    existing: false,
    attempts: 1,
    resumed_from: [],
  });
  const all = await fxfer([...to(server), "--json", "two.txt", "none", "one.pdf"], {
    cwd: folder.path,
  });
  assert.equal(all.code, 9);
  const [two, one, sum] = jsonLines(all.out).filter(({ file }) => file !== "none");
  assert.deepEqual([two.file, two.mime_type, one.file], ["two.txt", "text/plain", "one.pdf"]);
  assert.deepEqual([sum.event, sum.stored, sum.unconfirmed, sum.failed], ["summary", 2, 0, 1]);
  const none = jsonLines(all.out).find(({ file }) => file === "none");
  assert.deepEqual(none, {
    event: "failed",
    file: "none",
    code: "local_io",
    exit: 8,
    message: "Cannot read none: there is no such file",
  });
});

test("--quiet says nothing at all when all is well, and errors otherwise", async (server) => {
  await using folder = await folderWith({ "a.txt": utf8("a") });
  const well = await fxfer([...to(server), "-q", "a.txt"], { cwd: folder.path });
  assert.deepEqual(well, { code: 0, out: "", err: "" });
  const wrong = await fxfer([...to(server), "-q", "gone.txt"], { cwd: folder.path });
  assert.deepEqual(wrong, {
    code: 8,
    out: "",
    err: "fxfer: Cannot read gone.txt: there is no such file\n",
  });
});

test("what cannot be read is exit 8, the others go on, and nobody needs to be there for it", async (server) => {
  await using folder = await folderWith({ "a.txt": utf8("a"), "locked.txt": utf8("x") });
  await Deno.mkdir(folder.join("dir"));
  await assertStores(server, 1, async () => {
    const { code, err } = await fxfer([...to(server), "none", "a.txt", "dir"], {
      cwd: folder.path,
    });
    assert.equal(code, 9);
    assert.match(err, /^fxfer: Cannot read none: there is no such file$/m);
    assert.match(err, /^fxfer: Cannot read dir: it is a folder/m);
  });
  // Nothing listens on port 1, and nothing has to.
  const alone = await fxfer(["send", "-p", "1", "none", "dir"], { cwd: folder.path });
  assert.equal(alone.code, 8);
});

// The permissions of a compiled program are baked in.
const fromSource = Deno.env.has("FXFER_BIN") ? () => {} : test;

fromSource("no permission is asked for: what is missing is named", async (server) => {
  await using folder = await folderWith({ "a.txt": utf8("a") });
  const options = { cwd: folder.path };
  const read = await fxfer([...to(server), "a.txt"], { ...options, flags: ["--allow-net"] });
  assert.deepEqual([read.code, read.err], [
    8,
    "fxfer: Cannot read a.txt: reading it is not permitted (--allow-read=a.txt)\n",
  ]);
  const net = await fxfer([...to(server), "a.txt"], { ...options, flags: ["--allow-read"] });
  const place = `127.0.0.1:${server.port}`;
  assert.deepEqual([net.code, net.err], [
    8,
    `fxfer: Cannot connect to ${place}: it is not permitted (--allow-net=${place})\n`,
  ]);
  const least = await fxfer([...to(server), "a.txt"], {
    ...options,
    flags: ["--allow-read=a.txt", `--allow-net=${place}`],
  });
  assert.equal(least.code, 0, least.err);
});

test("standard input of unknown length is sent in a session, also over the request limit", async (server) => {
  const bytes = new Random(2).bytes(25 * MIB);
  await using folder = await TempDir.make();
  const { code, out, err } = await fxfer(
    [...to(server), "--json", "--name", "dump.tar", "--mode", "stateful", "-"],
    { cwd: folder.path, stdin: bytes },
  );
  assert.equal(code, 0, err);
  const sent = result(out);
  assert.deepEqual([sent.file, sent.name, sent.mime_type], ["-", "dump.tar", "application/x-tar"]);
  assert.equal(sent.size, bytes.length);
  assert.equal(await storedSha256(server.storage, sent.path), sha256(bytes));
});

test("a connection cut in the middle is made again, and the file goes on where it was", async (server) => {
  const bytes = new Random(3).bytes(20 * MIB);
  await using folder = await folderWith({ "big.bin": bytes });
  const cuts = [9 * MIB, 5 * MIB];
  await using net = await proxied(server, (connection) => {
    const after = cuts[connection];
    return after === undefined ? {} : { up: { faults: [{ after, kind: "reset" }] } };
  });
  const { code, out, err } = await fxfer([...to(net.proxy), "--json", "big.bin"], {
    cwd: folder.path,
  });
  assert.equal(code, 0, err);
  const sent = result(out);
  assert.equal(sent.attempts, 3);
  assert.equal(sent.resumed_from.length, 2);
  assert.ok(sent.resumed_from[0] > 0 && sent.resumed_from[1] > sent.resumed_from[0]);
  assert.equal(await storedSha256(server.storage, sent.path), sha256(bytes));
});

test("a server that stays away uses up the tries: exit 2, and the same command goes on", async (server) => {
  const bytes = new Random(4).bytes(12 * MIB);
  await using folder = await folderWith({ "big.bin": bytes });
  await using net = await proxied(server, (connection) => ({
    // Closed, not reset: all that was sent is read.
    up: {
      faults: [connection === 0 ? { after: 9 * MIB, kind: "close" } : { after: 0, kind: "reset" }],
    },
  }));
  const gave = await fxfer([...to(net.proxy), "--retries", "1", "big.bin"], { cwd: folder.path });
  assert.equal(gave.code, 2, gave.err);
  assert.match(gave.err, /gave up after 2 tries/);
  assert.match(gave.err, /^fxfer: Gave up: the same command goes on; .* for 1d00h$/m);

  // The state is kept by where it was sent to: another proxy on the same port that breaks nothing.
  const { port } = net.proxy;
  await net[Symbol.asyncDispose]();
  await using _whole = await FaultProxy.listen({
    target: { hostname: server.hostname, port: server.port },
    port,
  });
  await assertStores(server, 1, async () => {
    const again = await fxfer([...to({ port }), "--json", "big.bin"], { cwd: folder.path });
    assert.equal(again.code, 0, again.err);
    const sent = result(again.out);
    assert.ok(sent.resumed_from[0] >= 1 * MIB, `goes on at ${sent.resumed_from}`);
    assert.equal(await storedSha256(server.storage, sent.path), sha256(bytes));
  });
});

for (const signal of ["SIGINT", "SIGKILL"] as const) {
  test(`after ${signal} the same command goes on where the server is`, async (server) => {
    // Far more than fits into the sockets, which the proxy still empties when the client is gone.
    const bytes = new Random(5).bytes(64 * MIB);
    await using folder = await folderWith({ "a.txt": utf8("a"), "big.bin": bytes });
    await using net = await proxied(server, (connection) => ({
      up: connection === 0 ? { faults: [{ after: 17 * MIB, kind: "stall" }] } : {},
    }));
    const args = [...to(net.proxy), "--json", "a.txt", "big.bin"];
    const first = start(args, { cwd: folder.path });
    await net.events.wait(({ type }) => type === "fault", "the stall");
    // What is still in the sockets dies with the client: only what the server has read is kept.
    await received(server.storage, 16 * MIB, 20_000);
    await first.output.wait((line) => JSON.parse(line).code === "ok", "the reply to a.txt");
    first.kill(signal);
    const { code, out, err } = await first.ended;
    if (signal === "SIGINT") {
      assert.equal(code, 130);
      assert.match(err, /^fxfer: Interrupted: the same command goes on; .*\n$/, "and once");
      assertInOrder(out);
      assert.deepEqual(jsonLines(out).map(({ code }) => code ?? "sum"), [
        "ok",
        "interrupted",
        "sum",
      ]);
    }
    net.proxy.release();
    await net.events.wait(({ type }) => type === "closed", "the end of the connection");
    await assertStores(server, 1, async () => {
      const again = await fxfer(args, { cwd: folder.path });
      assert.equal(again.code, 0, again.err);
      assertInOrder(again.out);
      // The file that the server has open comes first.
      const [big, small, { present }] = jsonLines(again.out);
      assert.equal(small.replayed, true, "what was stored is not sent again");
      assert.equal(present, 1);
      // At most a checkpoint of 8 MiB is sent again (S-TRF-4).
      assert.ok(big.resumed_from[0] >= 8 * MIB, `goes on at ${big.resumed_from}`);
      assert.equal(await storedSha256(server.storage, big.path), sha256(bytes));
    });
    assert.deepEqual(await listStateFiles(folder), []);
  });
}

test("a file that changed since the interruption starts over, and it is said", async (server) => {
  await using folder = await folderWith({ "big.bin": new Random(6).bytes(12 * MIB) });
  await using net = await proxied(server, (connection) => ({
    up: connection === 0 ? { faults: [{ after: 9 * MIB, kind: "stall" }] } : {},
  }));
  const args = [...to(net.proxy), "--json", "big.bin"];
  const first = start(args, { cwd: folder.path });
  await net.events.wait(({ type }) => type === "fault", "the stall");
  first.kill("SIGINT");
  await first.ended;
  const changed = new Random(7).bytes(11 * MIB);
  await Deno.writeFile(folder.join("big.bin"), changed);
  const again = await fxfer(args, { cwd: folder.path });
  assert.equal(again.code, 0, again.err);
  assert.match(again.err, /^fxfer: big\.bin has changed since the run before: it starts over$/m);
  const { path } = result(again.out);
  assert.equal(await storedSha256(server.storage, path), sha256(changed));
});

test("the same command twice at a time is refused: the first keeps its session", async (server) => {
  await using folder = await folderWith({ "big.bin": new Random(8).bytes(4 * MIB) });
  await using net = await proxied(server, () => ({
    up: { faults: [{ after: 2 * MIB, kind: "stall" }] },
  }));
  const args = [...to(net.proxy), "big.bin"];
  const first = start(args, { cwd: folder.path });
  await net.events.wait(({ type }) => type === "fault", "the stall");
  const second = await fxfer(args, { cwd: folder.path });
  assert.equal(second.code, 8);
  assert.match(second.err, /the same command is running already/);
  net.proxy.release();
  assert.equal((await first.ended).code, 0);
});

test("a refusal of one file lets the others go on; of all of them it is the exit code", async (server) => {
  await using folder = await folderWith({
    "big.bin": new Uint8Array(11 * MIB),
    "a.txt": utf8("a"),
  });
  const mixed = await fxfer([...to(server), "--mode", "stateless", "big.bin", "a.txt"], {
    cwd: folder.path,
  });
  assert.equal(mixed.code, 9);
  assert.match(mixed.err, /big\.bin: Cannot send file: it is over the server's limit/);
  assert.match(mixed.out, /^a\.txt: stored as received_/);
  const alone = await fxfer([...to(server), "--mode", "stateless", "big.bin"], {
    cwd: folder.path,
  });
  assert.equal(alone.code, 3);
});

test("nothing is told of a file after its end, although bytes of it are still under way", async (server) => {
  await using folder = await folderWith({ "slow.bin": new Random(9).bytes(4 * MIB) });
  const args = [...to(server), "--json", "--limit-rate", "1M", "slow.bin"];
  const run = start(args, { cwd: folder.path });
  await run.output.wait((line) => JSON.parse(line).event === "progress", "progress");
  run.kill("SIGINT");
  const { code, out } = await run.ended;
  assert.equal(code, 130);
  assertInOrder(out);
});

if (findProgram("script") && Deno.build.os === "linux") {
  test("a dumb terminal gets no cursor codes", async (server) => {
    await using folder = await folderWith({ "a.bin": new Uint8Array(3 * MIB) });
    const line = command([...to(server), "--limit-rate", "2M", "a.bin"], ["-A", "--quiet"]);
    const options = {
      args: ["-qec", line.map((arg) => `'${arg}'`).join(" "), "/dev/null"],
      cwd: folder.path,
    };
    const dumb = await ranToEnd("script", { ...options, env: { TERM: "dumb" } });
    assert.equal(dumb.code, 0, dumb.out);
    assert.match(dumb.out, /a\.bin: start \(3\.0 MiB\)/);
    assert.ok(!dumb.out.includes("\r\x1b[K"), dumb.out);
    const clever = await ranToEnd("script", { ...options, env: { TERM: "xterm" } });
    assert.ok(clever.out.includes("\r\x1b[K"), clever.out);
  });
}

test("memory does not grow with the file", async (server) => {
  if (Deno.build.os !== "linux") return;
  await using folder = await TempDir.make();
  const size = 256 * MIB;
  await Deno.writeFile(folder.join("sparse.bin"), new Uint8Array());
  await Deno.truncate(folder.join("sparse.bin"), size);
  await using net = await proxied(server, () => ({
    up: { faults: [{ after: size - MIB, kind: "stall" }] },
  }));
  const run = start([...to(net.proxy), "-q", "sparse.bin"], { cwd: folder.path });
  await net.events.wait(({ type }) => type === "fault", "the stall", 30_000);
  const status = await Deno.readTextFile(`/proc/${run.pid}/status`);
  const peak = Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
  net.proxy.release();
  assert.equal((await run.ended).code, 0);
  assert.ok(peak > 0 && peak < 160 * MIB, `${peak} bytes at most`);
});

test("200 small files go over one connection", async (server) => {
  const names = Array.from({ length: 200 }, (_, index) => `f${index}.txt`);
  await using folder = await folderWith(
    Object.fromEntries(names.map((name) => [name, utf8(name)])),
  );
  await using net = await proxied(server, () => ({}));
  await assertStores(server, 200, async () => {
    const { code, err } = await fxfer([...to(net.proxy), "-q", ...names], { cwd: folder.path });
    assert.equal(code, 0, err);
  });
  await net.events.wait(({ type }) => type === "closed", "the end");
  assert.equal(net.events.all.filter(({ type }) => type === "open").length, 1);
});

Deno.test("fxfer send to a port where nobody listens gives up with exit 2", async () => {
  await using folder = await folderWith({ "a.txt": utf8("a") });
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  const { code, err } = await fxfer([...to({ port }), "--retries", "0", "a.txt"], {
    cwd: folder.path,
  });
  assert.equal(code, 2);
  assert.match(err, new RegExp(`Cannot connect to 127.0.0.1:${port}: .*refused`, "i"));
});

Deno.test("fxfer send to an older server needs --allow-v1, and is exit 6 with it", async () => {
  await using folder = await folderWith({ "a.txt": utf8("a") });
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const received: string[] = [];
  const serve = async () => {
    for await (const conn of listener) {
      const buffer = new Uint8Array(4096);
      let text = "";
      // As the old servers did: read a header and its payload, say OK.
      for (let n; !/\n./.test(text) && (n = await conn.read(buffer)) !== null;) {
        text += new TextDecoder().decode(buffer.subarray(0, n));
        if (text.includes("session")) break;
      }
      received.push(text);
      await conn.write(utf8("OK\n")).catch(() => {});
      conn.close();
    }
  };
  const served = serve().catch(() => {});
  const { port } = listener.addr as Deno.NetAddr;
  const without = await fxfer([...to({ port }), "--retries", "0", "a.txt"], { cwd: folder.path });
  assert.equal(without.code, 3, without.err);
  const { code, out } = await fxfer([...to({ port }), "--allow-v1", "a.txt"], {
    cwd: folder.path,
  });
  assert.equal(code, 6);
  assert.match(out, /^a\.txt: sent, unconfirmed \(1 B\)$/m);
  assert.equal(received.at(-1), '{"mime_type":"text/plain","size":1}\na');
  listener.close();
  await served;
});

async function listStateFiles(folder: TempDir): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name } of Deno.readDir(folder.join(".fxfer"))) names.push(name);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return names;
}
