/** Keys as their users meet them: `fxfer key`, `serve --keys`, `send --key-file` (S-KEY). @module */
import assert from "node:assert/strict";
import { assertContents } from "../helpers/files.ts";
import { fxfer } from "../helpers/fxfer.ts";
import { FLAGS_RW, FLAGS_W, Program, type ServeOptions } from "../helpers/program.ts";
import { randomBytes } from "../helpers/random.ts";
import { TempDir } from "../helpers/temp.ts";

const FLAGS = FLAGS_RW.map((flag) => flag.startsWith("--allow-read") ? `${flag},fxfer.keys` : flag);
const FILE = randomBytes(2_500_000, 1);

/** A folder with a file of keys, the users' own keys, and a file to send. */
async function withKeys(...users: readonly (readonly string[])[]): Promise<TempDir> {
  const dir = await TempDir.make();
  for (const [name, ...flags] of users) {
    const { code, out, err } = await fxfer(["key", "new", name!, ...flags], { cwd: dir.path });
    assert.equal(code, 0, err);
    await Deno.writeTextFile(dir.join(`${name}.key`), out, { mode: 0o600 });
  }
  await Deno.writeFile(dir.join("a.bin"), FILE);
  return dir;
}

const serve = (dir: TempDir, options: ServeOptions = {}) =>
  Program.serve({ cwd: dir.path, flags: FLAGS, ...options });

const send = (dir: TempDir, { port }: Program, ...args: readonly string[]) =>
  fxfer(["send", "--retries", "2", "--port", String(port), ...args, "a.bin"], { cwd: dir.path });

Deno.test("a user sends with a key, with and without codes; nobody else does", async () => {
  await using dir = await withKeys(["alice"], ["bob", "--can", "get"]);
  await using server = await serve(dir, {
    args: ["--host", "0.0.0.0", "--keys", "fxfer.keys"],
  });
  for (const more of [[], ["--mac"]]) {
    const sent = await send(
      dir,
      server,
      "--key-file",
      "alice.key",
      "--state",
      `s${more.length}`,
      ...more,
    );
    assert.equal(sent.code, 0, sent.err);
  }
  const nobody = await send(dir, server);
  assert.equal(nobody.code, 4);
  assert.match(nobody.err, /not authorised \(it serves only those who have a key\)/);
  const bob = await send(dir, server, "--key-file", "bob.key");
  assert.equal(bob.code, 4);
  assert.match(bob.err, /may not/);
  const access = await server.event("server.access");
  assert.deepEqual(
    [access.from, access.users, access.anonymous, access.mac],
    ["the network", 2, "nothing", "optional"],
  );
  await server.event("connection.proven", ({ user }) => user === "alice");
  await assertContents(server.storage, [FILE, FILE]);
});

Deno.test("keys come from standard input where nothing may be read, and codes are required", async () => {
  await using dir = await withKeys(["alice"]);
  await using server = await serve(dir, {
    flags: FLAGS_W,
    wrap: ["sh", "-c", 'exec "$@" < fxfer.keys', "sh"],
    args: ["--keys", "-"],
    set: { "security.mac": "required" },
  });
  const sent = await send(dir, server, "--key-file", "alice.key");
  assert.equal(sent.code, 0, sent.err);
  await assertContents(server.storage, [FILE]);
});

Deno.test("S-KEY-6 a key that is revoked ends, one that is rotated goes on: within a second, in all workers", async () => {
  await using dir = await withKeys(["alice"], ["bob"]);
  await using server = await serve(dir, {
    flags: ["-A"],
    args: ["--keys", "fxfer.keys", "--persistence", "sqlite", "--workers", "2"],
  });
  const rotated = await fxfer(["key", "rotate", "bob", "-q"], { cwd: dir.path });
  assert.equal(rotated.code, 0, rotated.err);
  await Deno.writeTextFile(dir.join("bob2.key"), rotated.out, { mode: 0o600 });
  const revoked = await fxfer(["key", "revoke", "alice"], { cwd: dir.path });
  assert.equal(revoked.code, 0, revoked.err);
  await server.event("keys.read", ({ users }) => users === 1, 1500);
  for (const key of ["bob.key", "bob2.key"]) {
    const sent = await send(dir, server, "--key-file", key, "--state", key + ".state");
    assert.equal(sent.code, 0, sent.err);
  }
  assert.equal((await send(dir, server, "--key-file", "alice.key")).code, 4);
});

Deno.test("S-KEY-6 a send under way ends with session_revoked", async () => {
  await using dir = await withKeys(["alice"]);
  await using server = await serve(dir, { args: ["--keys", "fxfer.keys"] });
  const sending = send(dir, server, "--key-file", "alice.key", "--limit-rate", "200k");
  await server.event("connection.proven");
  await fxfer(["key", "revoke", "alice"], { cwd: dir.path });
  const { code, err } = await sending;
  assert.equal(code, 4);
  assert.match(err, /revoked/);
  await assertContents(server.storage, []);
});

Deno.test("a quota is the user's own, over runs and sessions", async () => {
  await using dir = await withKeys(["alice", "--quota", "3MB"], ["bob"]);
  await using server = await serve(dir, { args: ["--keys", "fxfer.keys"] });
  assert.equal((await send(dir, server, "--key-file", "alice.key", "--state", "1")).code, 0);
  const over = await send(dir, server, "--key-file", "alice.key", "--name", "b", "--state", "2");
  assert.equal(over.code, 3, over.err);
  assert.match(over.err, /quota/);
  assert.equal((await send(dir, server, "--key-file", "bob.key", "--state", "3")).code, 0);
  // What is stored counts after a restart as well, although nothing but the files remembers it.
  await server.stop();
  await using again = await serve(dir, { args: ["--keys", "fxfer.keys"] });
  const still = await send(dir, again, "--key-file", "alice.key", "--name", "b", "--state", "4");
  assert.equal(still.code, 3, still.err);
  const bigger = await Deno.readTextFile(dir.join("fxfer.keys"));
  await Deno.writeTextFile(dir.join("fxfer.keys"), bigger.replace("quota=3000000", "quota=6MB"));
  await again.event("keys.read");
  assert.equal(
    (await send(dir, again, "--key-file", "alice.key", "--name", "b", "--state", "5")).code,
    0,
  );
});

Deno.test("what is wrong with keys is one sentence each, exit 4, and nothing starts or is sent", async () => {
  await using dir = await withKeys(["alice", "--until", "2999-01-01"]);
  const start = (...args: readonly string[]) =>
    fxfer(["serve", "--port", "0", ...args], { cwd: dir.path });
  const says = async (ran: Promise<{ code: number; err: string }>, code: number, words: RegExp) => {
    const { code: exit, err } = await ran;
    assert.match(err, words);
    assert.equal(exit, code, err);
    assert.equal(err.trim().split("\n").length, 1, err);
  };
  const text = await Deno.readTextFile(dir.join("fxfer.keys"));
  await Deno.chmod(dir.join("fxfer.keys"), 0o640);
  await says(start("--keys", "fxfer.keys"), 4, /others may read it.*chmod 600 fxfer\.keys/);
  await says(fxfer(["key", "list"], { cwd: dir.path }), 4, /others may read it/);
  await Deno.chmod(dir.join("fxfer.keys"), 0o600);
  await Deno.writeTextFile(dir.join("fxfer.keys"), text + text);
  await says(start("--keys", "fxfer.keys"), 4, /line \d: alice has a key in line \d already/);
  await says(
    start("--keys", "missing.keys"),
    4,
    /there is no such file \(fxfer key new NAME makes it\)/,
  );
  await says(
    start("--host", "0.0.0.0"),
    1,
    /Give users keys .* serve --share, or let everybody in/,
  );
  await says(start("--set", "security.mac=required"), 1, /nobody has a key/);
  await Deno.chmod(dir.join("alice.key"), 0o644);
  const send = (...args: readonly string[]) =>
    fxfer(["send", "--port", "1", ...args, "a.bin"], { cwd: dir.path });
  await says(send("--key-file", "alice.key"), 4, /others may read it.*chmod 600 alice\.key/);
  await says(send("--key-file", "a.bin"), 4, /others may read it|must be the whole text/);
  await says(send("--key", "fxfer_alice_secret"), 1, /--key: wanted fxfer_<name>_<43 characters>/);
  await says(send("--mac"), 1, /--mac needs a key/);
});

Deno.test("a key that has expired, or that the server does not have, is not taken, and its user is told", async () => {
  await using dir = await withKeys(["alice", "--until", "2999-01-01"], ["bob"]);
  const text = await Deno.readTextFile(dir.join("fxfer.keys"));
  const ended = text.replace(/until=\S+/, "until=2020-01-01T00:00:00.000Z");
  const lines = ended.split("\n").filter((line) => !line.startsWith("fxfer_bob_"));
  await Deno.writeTextFile(dir.join("fxfer.keys"), lines.join("\n"));
  await using server = await serve(dir, { args: ["--keys", "fxfer.keys"] });
  for (const user of ["alice", "bob"]) {
    const args = ["ls", "--port", String(server.port), "--key-file", `${user}.key`];
    const { code, err } = await fxfer(args, { cwd: dir.path });
    assert.equal(code, 4, err);
    assert.match(
      err,
      new RegExp(
        `not authorised \\(it does not take this key of ${user}, which may be mistyped, revoked or expired\\)`,
      ),
    );
  }
});

Deno.test("a clock that is wrong is told by how much", async () => {
  await using dir = await withKeys(["alice"]);
  await using server = await serve(dir, { args: ["--keys", "fxfer.keys"] });
  const key = (await Deno.readTextFile(dir.join("alice.key"))).trim();
  const code = `
    import { connect } from ${JSON.stringify(new URL("../../mod.ts", import.meta.url).href)};
    const { now } = Date;
    Date.now = () => now() - 12 * 60_000;
    const options = { port: ${server.port}, key: Deno.args[0], retries: 0 };
    await connect(options).catch(({ code, message }) => console.log(code, message));`;
  await Deno.writeTextFile(dir.join("late.ts"), code);
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", dir.join("late.ts"), key],
  }).output();
  assert.match(
    new TextDecoder().decode(stdout),
    /^clock_skew .*this machine's clock is 12m0\ds behind the server's/,
  );
});

Deno.test("fxfer key keeps comments, lists no secrets, and refuses a second key", async () => {
  await using dir = await withKeys(["alice", "--quota", "1GiB", "--rate", "5MiB"], ["bob"]);
  const text = await Deno.readTextFile(dir.join("fxfer.keys"));
  await Deno.writeTextFile(dir.join("fxfer.keys"), `# mine\n${text}# end\n`);
  const run = (...args: readonly string[]) => fxfer(["key", ...args], { cwd: dir.path });
  const again = await run("new", "alice");
  assert.equal(again.code, 1);
  assert.match(again.err, /alice has one already \(fxfer key rotate alice replaces it\)/);
  const list = await run("list");
  assert.match(list.out, /^alice +put,get,list,remove, 1\.0 GiB, 5\.0 MiB\/s$/m);
  const secrets = text.match(/fxfer_\w+?_([A-Za-z0-9_-]{43})/g)!;
  assert.equal(secrets.length, 2);
  for (const secret of secrets) assert.ok(!list.out.includes(secret.slice(-43)));
  assert.equal((await run("revoke", "alice")).code, 0);
  assert.match((await run("revoke", "alice")).err, /has no key of alice/);
  const left = await Deno.readTextFile(dir.join("fxfer.keys"));
  assert.match(left, /^# mine\n/);
  assert.match(left, /\n# end\n$/);
  assert.ok(!left.includes("alice"));
  if (Deno.build.os !== "windows") {
    assert.equal((await Deno.stat(dir.join("fxfer.keys"))).mode! & 0o777, 0o600);
  }
});

Deno.test("fxfer conformance --key-file holds a server against the rules of keys and codes", async () => {
  await using dir = await withKeys(["alice"]);
  await using server = await serve(dir, {
    args: ["--keys", "fxfer.keys"],
    set: { "security.anonymous": "put,get,list,remove" },
  });
  const { code, out } = await fxfer(
    ["conformance", "--json", "--key-file", "alice.key", `127.0.0.1:${server.port}`],
    { cwd: dir.path },
  );
  assert.equal(code, 0, out);
  const lines = out.trim().split("\n").map((line) => JSON.parse(line));
  const kept = lines.filter(({ verdict }) => verdict === "kept").map(({ rule }) => rule);
  for (const rule of ["S-KEY-2", "S-KEY-3", "S-KEY-4", "S-MAC-1"]) {
    assert.ok(kept.includes(rule), rule);
  }
});

Deno.test("a server without a user says that nobody may come in, and so does doctor", async () => {
  await using dir = await TempDir.make();
  await Deno.writeTextFile(dir.join("fxfer.keys"), "# none yet\n", { mode: 0o600 });
  await using server = await serve(dir, { args: ["--keys", "fxfer.keys"] });
  const access = await server.event("server.access");
  assert.equal(access.level, "warn");
  assert.match(String(access.effect), /nobody may come in/);
  const { out } = await fxfer(["doctor", "--set", "security.keys=fxfer.keys"], { cwd: dir.path });
  assert.match(out, /0 users; who has no key may do nothing/);
  assert.match(
    out.replace(/\s+/g, " "),
    /nobody may come in.*fxfer key new NAME --keys fxfer\.keys/,
  );
});
