import assert from "node:assert/strict";
import { listFiles, sha256, storedSha256 } from "../helpers/files.ts";
import { fxfer, start } from "../helpers/fxfer.ts";
import { Program } from "../helpers/program.ts";
import type { Ran } from "../helpers/ran.ts";
import { Random } from "../helpers/random.ts";
import { utf8 } from "../helpers/raw_frame.ts";
import { RawPeer } from "../helpers/raw_peer.ts";
import { received } from "../helpers/serving.ts";
import { session } from "../helpers/sessions.ts";
import { TempDir } from "../helpers/temp.ts";

const MIB = 1 << 20;
const SECRET = "A secret that two servers share, and nobody else. \n";

/** Two servers that share a key and nothing else. */
async function twoServers() {
  const set = { "stateful.persistence": "sqlite" };
  const [a, b] = await Promise.all([Program.serve({ set }), Program.serve({ set })]);
  for (const { cwd } of [a, b]) {
    await Deno.writeTextFile(`${cwd}/key`, SECRET, { mode: 0o600 });
  }
  return {
    a,
    b,
    [Symbol.asyncDispose]: async () => {
      await a[Symbol.asyncDispose]();
      await b[Symbol.asyncDispose]();
    },
  };
}

const at = ({ port }: Program) => `127.0.0.1:${port}`;

/** `fxfer session` beside a running server. */
function sessionCommand(server: Program, ...args: string[]): Promise<Ran> {
  return withInput(server, undefined, ...args);
}

/** The same, with standard input. */
function withInput({ cwd }: Program, stdin: Uint8Array | undefined, ...args: string[]) {
  const flags = ["--no-prompt", "--allow-read=.", "--allow-write=."];
  const options = ["--persistence", "sqlite", "--key-file", "key"];
  const input = stdin === undefined ? {} : { stdin };
  return fxfer(["session", ...args, ...options], { cwd, flags, ...input });
}

/** Exports to a file and hands it over. */
async function move(from: Program, to: Program, id: string): Promise<Ran[]> {
  const exported = await sessionCommand(from, "export", id, "--to", at(to), "--out", "blob");
  assert.equal(exported.code, 0, exported.err);
  await Deno.rename(`${from.cwd}/blob`, `${to.cwd}/blob`);
  const imported = await sessionCommand(to, "import", "blob", "--as", at(to));
  assert.equal(imported.code, 0, imported.err);
  return [exported, imported];
}

/** Waits until a server holds half of the file that the tests send. */
const halfReceived = ({ storage }: Program): Promise<void> => received(storage, 6 * MIB, 20_000);

const idOf = async (server: Program): Promise<string> =>
  (await server.event("session.created")).session;

/** The events of `send --json` that tell of stored files. */
// deno-lint-ignore no-explicit-any -- events as anybody would read them
const storedEvents = (out: string): any =>
  out.trimEnd().split("\n").map((line) => JSON.parse(line)).filter(({ event }) =>
    event === "stored"
  );

Deno.test("fxfer send follows its session to another server in the middle of a file", async () => {
  await using servers = await twoServers();
  const { a, b } = servers;
  await using folder = await TempDir.make();
  const bytes = new Random(1).bytes(12 * MIB);
  await Deno.writeFile(folder.join("big.bin"), bytes);
  await Deno.writeTextFile(folder.join("small.txt"), "before");
  const sending = start(
    [
      ...["send", "--port", `${a.port}`, "--trust", at(b), "--json", "--limit-rate", "4MiB"],
      ...["small.txt", "big.bin"],
    ],
    { cwd: folder.path },
  );
  await halfReceived(a);
  const [exported, imported] = await move(a, b, await idOf(a));
  assert.match(exported!.err, /is no longer served here: its client is sent to 127\.0\.0\.1:/);
  assert.match(exported!.err, /import it there within 10m00s, with \d.* MiB of an open file/);
  assert.match(imported!.out, /^session [0-9a-f]{8} goes on here, at \d.* MiB of its file\n$/);

  const { code, out, err } = await sending.ended;
  assert.equal(code, 0, err);
  const [small, big] = storedEvents(out);
  assert.equal(await storedSha256(a.storage, small.path), small.sha256);
  assert.equal(await storedSha256(b.storage, big.path), sha256(bytes));
  const [offset] = big.resumed_from;
  assert.ok(offset > 0 && offset < bytes.length, "it went on inside the file");
  const everywhere = [...await listFiles(a.storage), ...await listFiles(b.storage)];
  assert.equal(everywhere.filter((path) => /\.bin$/.test(path)).length, 1, "nothing is doubled");
  assert.deepEqual(await listFiles(folder.path), ["big.bin", "small.txt"], "no state is left");
  assert.equal((await b.event("session.closed")).session, await idOf(a));
});

Deno.test("fxfer send that was not told to trust says where the session is; told so, it goes on", async () => {
  await using servers = await twoServers();
  const { a, b } = servers;
  await using folder = await TempDir.make();
  const bytes = new Random(2).bytes(12 * MIB);
  await Deno.writeFile(folder.join("big.bin"), bytes);
  const args = ["send", "--port", `${a.port}`, "--json", "big.bin"];
  const sending = start([...args, "--limit-rate", "4MiB"], { cwd: folder.path });
  await halfReceived(a);
  await move(a, b, await idOf(a));
  const refused = await sending.ended;
  assert.equal(refused.code, 2, refused.err);
  const words = `${at(b)} is not among the trusted servers (--trust ${at(b)})`;
  assert.ok(refused.err.includes(words), refused.err);
  assert.match(refused.err, /the same command goes on/);

  const { code, out, err } = await fxfer([...args, "--trust", at(b)], { cwd: folder.path });
  assert.equal(code, 0, err);
  const [{ path, resumed_from: [offset] }] = storedEvents(out);
  assert.ok(offset > 0 && offset < bytes.length, "it went on inside the file");
  assert.equal(await storedSha256(b.storage, path), sha256(bytes));
});

Deno.test("the token is good at the first server, the ticket at the second, each blob once", async () => {
  await using servers = await twoServers();
  const { a, b } = servers;
  using old = await session(a, { want_token: true });
  const { id } = old;
  using known = await session(a);
  const exported = await sessionCommand(a, "export", id!.slice(0, 8), "--to", at(b), "--out", "x");
  assert.equal(exported.code, 0, exported.err);
  assert.equal((await Deno.stat(`${a.cwd}/x`)).mode! & 0o777, 0o600);
  const notice = await old.reply();
  assert.deepEqual([notice.data.code, notice.data.address], ["use_another_server", at(b)]);
  using stranger = await RawPeer.open(a);
  assert.equal((await stranger.connect({ token: "guessed" }, id)).data.code, "unauthorized");
  assert.equal((await known.heartbeat()).data.code, "pong", "other sessions go on");

  await Deno.rename(`${a.cwd}/x`, `${b.cwd}/x`);
  const wrong = await sessionCommand(b, "import", "x", "--as", "127.0.0.1:1");
  assert.equal(wrong.code, 3);
  assert.ok(wrong.err.includes(`it is for ${at(b)}`), wrong.err);
  await Deno.writeTextFile(`${b.cwd}/key`, SECRET.toUpperCase());
  const forged = await sessionCommand(b, "import", "x", "--as", at(b));
  assert.equal(forged.code, 4, forged.err);
  await Deno.writeTextFile(`${b.cwd}/key`, SECRET.trim());
  // The same once more, through a pipe as it would go through ssh.
  const piped = await sessionCommand(a, "export", id!, "--to", at(b));
  assert.equal(piped.code, 0, piped.err);
  const imported = await withInput(b, utf8(piped.out), "import", "-", "--as", at(b));
  assert.equal(imported.code, 0, imported.err);
  const again = await sessionCommand(b, "import", "x", "--as", at(b));
  assert.equal(again.code, 4, again.err);
  assert.match(again.err, /it was imported before/);
  const elsewhere = await sessionCommand(a, "export", id!, "--to", "127.0.0.1:1", "--out", "y");
  assert.equal(elsewhere.code, 2, elsewhere.err);
  assert.deepEqual((await listFiles(a.cwd)).filter((path) => path === "y"), []);
  for (const server of [a, b]) assert.ok(!server.output().includes(SECRET.trim()));
});

Deno.test("fxfer session says what it cannot do, and then has done nothing", async () => {
  await using server = await Program.serve({ set: { "stateful.persistence": "sqlite" } });
  const { cwd } = server;
  using peer = await session(server);
  const id = peer.id!;
  const run = (...args: string[]) => sessionCommand(server, ...args);
  const to = ["--to", "b.example:65432"];
  const faults: [string[], number, RegExp][] = [
    [["export", id], 1, /--to is missing/],
    [["export", "../..", ...to, "--as", "b:1"], 1, /--as is not a flag of export; ID: wanted/],
    [["delete", id], 1, /wanted export or import, found "delete"/],
    [["export", id, ...to], 8, /Cannot use key file key: .*os error 2/],
  ];
  for (const [args, code, words] of faults) {
    const ran = await run(...args);
    assert.equal(ran.code, code, ran.err);
    assert.match(ran.err, words);
  }
  await Deno.writeTextFile(`${cwd}/key`, "short", { mode: 0o600 });
  assert.match((await run("export", id, ...to)).err, /it needs 32 bytes or more/);
  await Deno.writeTextFile(`${cwd}/key`, SECRET);
  if (Deno.build.os !== "windows") {
    await Deno.chmod(`${cwd}/key`, 0o644);
    assert.match((await run("export", id, ...to)).err, /others than its owner may use it/);
    await Deno.chmod(`${cwd}/key`, 0o600);
  }
  const more: [string[], number, RegExp][] = [
    [["export", "00000000", ...to], 3, /none begins with 00000000/],
    [["export", id, ...to, "--out", "key"], 8, /Cannot write key: it exists/],
    [["import", "key", "--as", "b:1"], 3, /this is no exported session/],
    [["import", "absent", "--as", "b:1"], 8, /Cannot read absent/],
    [["import", "key", "--set", "server.host=0.0.0.0"], 1, /--as is missing/],
    [["import", "key", "--set", "server.mode=stateless"], 1, /nobody else sees them/],
  ];
  for (const [args, code, words] of more) {
    const ran = await run(...args);
    assert.equal(ran.code, code, ran.err);
    assert.match(ran.err, words);
  }
  assert.equal((await peer.upload("still here")).data.code, "ok");
});
