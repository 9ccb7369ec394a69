/** `fxfer admin` against a running server. @module */
import assert from "node:assert/strict";
import { operated } from "../operate/operators.ts";
import { fxfer } from "../helpers/fxfer.ts";
import type { Program } from "../helpers/program.ts";
import { session } from "../helpers/sessions.ts";
import { TempDir } from "../helpers/temp.ts";

/** Runs `fxfer admin` at the door of a server. */
async function admin(it: { server: Program; door: number }, ...args: string[]) {
  return await fxfer(["admin", "--door", `127.0.0.1:${it.door}`, ...args], { cwd: it.server.cwd });
}

Deno.test("fxfer admin shows sessions, and revokes one", async () => {
  await using it = await operated();
  const none = await admin(it, "sessions");
  assert.deepEqual([none.code, none.out], [0, "no sessions\n"]);
  using peer = await session(it.server);
  await peer.send(
    peer.transfer(new Uint8Array(50), { length: 100, name: "a\x1b[31m.txt" }, { size: 100 }),
  );
  const id = peer.id!.slice(0, 8);
  let ran = await admin(it, "sessions");
  assert.match(
    ran.out,
    new RegExp(`^ID +STATE .*\n${id} +(Active|Authenticated) +127\\.0\\.0\\.1 `),
  );
  assert.ok(!ran.out.includes("\x1b"), "what a client has chosen colours nothing");
  const { sessions } = JSON.parse((await admin(it, "sessions", "--json")).out);
  assert.equal(sessions[0].id, id);
  assert.match((await admin(it, "sessions", id)).out, /^kept replies +-$/m);
  ran = await admin(it, "sessions", "revoke", id);
  assert.deepEqual([ran.code, ran.out], [0, `${id} is revoked\n`]);
  assert.equal((await peer.reply()).data.code, "session_revoked");
  ran = await admin(it, "sessions", "00000000");
  assert.deepEqual([ran.code, ran.err], [1, "fxfer: The door refuses: no such session\n"]);
});

Deno.test("fxfer admin changes settings, all or none, and says what was meant", async () => {
  await using it = await operated();
  let ran = await admin(it, "settings", "server.mode=stateless", "limits.min_rate=2k");
  assert.deepEqual([ran.code, ran.out], [0, "changed: server.mode, limits.min_rate\n"]);
  ran = await admin(it, "settings");
  assert.match(ran.out, /^server\.mode +stateless +live +Requests served/m);
  assert.match(ran.out, /^limits\.min_rate +2048 +live /m);
  ran = await admin(it, "settings", "server.mode=dual", "limits.min_rat=1");
  assert.equal(ran.code, 1);
  assert.match(ran.err, /limits\.min_rat: unknown key, did you mean limits\.min_rate\?/);
  assert.match((await admin(it, "settings")).out, /^server\.mode +stateless/m);
});

Deno.test("fxfer admin top tells rates and sessions, and drain ends the server", async () => {
  await using it = await operated();
  using peer = await session(it.server);
  const top = await admin(it, "top");
  assert.match(top.out, /^fxfer \S+ +ready +mode dual +1 worker +up /);
  assert.match(top.out, /^sessions 1 of 50 \(1 Authenticated, 0 Active, 0 Detached\)/m);
  assert.match(top.out, new RegExp(`^${peer.id!.slice(0, 8)} `, "m"));
  const ran = await admin(it, "drain");
  assert.deepEqual([ran.code, ran.out], [0, "the server stops\n"]);
  it.server.signal("SIGTERM"); // it stops already
  assert.equal((await it.server.status()).code, 0);
});

for (
  const [what, args, code, words] of [
    ["no door", ["top"], 1, /--door is missing/],
    ["nobody at the door", ["--door=127.0.0.1:1", "top"], 2, /nobody answers/],
    ["a faulty ID", ["--door=127.0.0.1:1", "sessions", "x"], 1, /8 characters or more/],
    ["a verb it does not have", ["--door=127.0.0.1:1", "tops"], 1, /found "tops"/],
    ["a token it cannot read", ["--door=127.0.0.1:1", "--token-file=t", "top"], 8, /token t/],
  ] as const
) {
  Deno.test(`fxfer admin with ${what} says so`, async () => {
    await using temp = await TempDir.make();
    const ran = await fxfer(["admin", ...args], { cwd: temp.path });
    assert.equal(ran.code, code, ran.err);
    assert.match(ran.err, words);
  });
}

Deno.test("fxfer admin shows its token, and a wrong one is exit code 4", async () => {
  await using temp = await TempDir.make();
  await Deno.writeTextFile(`${temp.path}/right`, "right-right-right-right\n");
  await Deno.writeTextFile(`${temp.path}/wrong`, "wrong-wrong-wrong-wrong\n");
  const set = { "admin.token_file": `${temp.path}/right` };
  await using it = await operated({ flags: ["-A"], set });
  assert.equal((await admin(it, `--token-file=${temp.path}/right`, "settings")).code, 0);
  const wrong = await admin(it, `--token-file=${temp.path}/wrong`, "settings");
  assert.deepEqual([wrong.code, wrong.err], [4, "fxfer: The door refuses: the token is wrong\n"]);
  assert.equal((await admin(it, "settings")).code, 4);
});

Deno.test("fxfer admin lists and removes files, and says what there is of keys and hooks", async () => {
  await using it = await operated();
  assert.equal((await admin(it, "files")).out, "no files\n");
  using peer = await session(it.server);
  const { path } = (await peer.upload("bytes", { name: "a\x1b[31m.txt" })).data.file;
  await peer.upload("bytes", { name: "b.txt" });
  const { out } = await admin(it, "files", "a");
  assert.ok(out.includes(path) && !out.includes("b.txt") && !out.includes("\x1b"));
  assert.deepEqual((await admin(it, "files", "remove", path)).out, `${path} is removed\n`);
  assert.equal((await admin(it, "files", "remove", "no/such")).code, 1);
  assert.equal((await admin(it, "keys")).out, "no keys\n");
  assert.equal((await admin(it, "keys", "revoke", "nobody")).code, 1);
  assert.equal((await admin(it, "hooks")).out, "no hooks: hooks.url is none\n");
  assert.match((await admin(it, "files", "remove")).err, /needs one more word/);
});
