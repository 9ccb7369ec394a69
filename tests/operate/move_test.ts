/** Moves sessions by the door of one server to another one. @module */
import assert from "node:assert/strict";
import { sha256, storedSha256 } from "../helpers/files.ts";
import { fxfer } from "../helpers/fxfer.ts";
import { Program } from "../helpers/program.ts";
import { Random } from "../helpers/random.ts";
import { RawPeer } from "../helpers/raw_peer.ts";
import { session } from "../helpers/sessions.ts";
import { type Operated, operated } from "./operators.ts";

const SECRET = "A secret that two servers share, and nobody else.";
const set = { "stateful.persistence": "sqlite" };

/** Runs `fxfer admin` at the door of a server, in its folder. */
const admin = ({ door, server: { cwd } }: Operated, ...args: string[]) =>
  fxfer(["admin", "--door", `127.0.0.1:${door}`, ...args], { cwd, flags: ["-A"] });

for (const workers of [1, 2]) {
  Deno.test(`S-ADM-4 a session moves with its open file, with ${workers} workers`, async () => {
    await using target = await Program.serve({ set });
    await Deno.writeTextFile(`${target.cwd}/key`, SECRET, { mode: 0o600 });
    await using from = await operated({
      flags: ["-A"],
      set: { ...set, "server.workers": workers, "admin.move_key_file": `${target.cwd}/key` },
    });
    const to = `127.0.0.1:${target.port}`;
    const bytes = new Random(4).bytes(300_000);
    using peer = await RawPeer.open(from.server);
    const { token } = (await peer.connect({ want_token: true })).data;
    const half = peer.transfer(bytes.subarray(0, 150_000), { complete: false, length: 300_000 });
    await peer.send(half);
    assert.equal((await peer.reply()).data.code, "partial");

    const id = peer.id!.slice(0, 8);
    const ran = await admin(from, "sessions", "move", id, to, "--out", `${target.cwd}/blob`);
    assert.equal(ran.code, 0, ran.err);
    assert.match(ran.err, new RegExp(`session ${id} goes to ${to}: import it there within`));
    assert.equal((await peer.reply()).data.code, "use_another_server", "its client is told");
    assert.equal((await from.ask(`/api/v1/sessions/${id}`)).json.moved_to, to);
    const moved = await from.server.event("admin.changed", ({ what }) => what === "session.move");
    assert.deepEqual([moved.session, moved.to], [id, to]);

    // Who asks again gets the same hand-over again; nobody gets it for another server.
    const again = await from.ask(`/api/v1/sessions/${id}/move`, { method: "POST", body: { to } });
    assert.equal(again.status, 200);
    const body = { to: "127.0.0.1:1" };
    const elsewhere = await from.ask(`/api/v1/sessions/${id}/move`, { method: "POST", body });
    assert.deepEqual([elsewhere.status, elsewhere.json.code], [409, "use_another_server"]);

    const imported = await fxfer(
      ["session", "import", "blob", "--as", to, "--key-file", "key", "--persistence", "sqlite"],
      { cwd: target.cwd, flags: ["-A"] },
    );
    assert.equal(imported.code, 0, imported.err);
    using asking = await RawPeer.open(from.server);
    const { ticket } = (await asking.connect({ token }, peer.id)).data;
    using there = await RawPeer.open(target);
    assert.equal((await there.connect({ token: ticket }, peer.id)).data.code, "session_resumed");
    const rest = await there.upload(bytes.subarray(150_000), { offset: 150_000, length: 300_000 });
    assert.equal(rest.data.code, "ok");
    assert.equal(await storedSha256(target.storage, rest.data.file.path), sha256(bytes));
  });
}

Deno.test("S-ADM-4 a session stays where it is if it cannot be moved", async () => {
  await using keyless = await operated({ flags: ["-A"], set });
  await Deno.writeTextFile(`${keyless.server.cwd}/key`, SECRET, { mode: 0o600 });
  const key = `${keyless.server.cwd}/key`;
  await using fleeting = await operated({
    flags: ["-A"],
    set: { "stateful.persistence": "memory", "admin.move_key_file": key },
  });
  for (const [it, words] of [[keyless, /admin\.move_key_file/], [fleeting, /memory/]] as const) {
    using peer = await session(it.server);
    const id = peer.id!.slice(0, 8);
    const ran = await admin(it, "sessions", "move", id, "b.example:1", "--out", "blob");
    assert.equal(ran.code, 1);
    assert.match(ran.err, words);
    await assert.rejects(Deno.stat(`${it.server.cwd}/blob`), Deno.errors.NotFound);
    assert.equal((await peer.upload("still here")).data.code, "ok");
  }
  const wrong = await admin(keyless, "sessions", "move", "123", "nowhere", "more");
  assert.equal(wrong.code, 1);
  for (const words of [/ID/, /HOST:PORT/, /an ID and an address/]) assert.match(wrong.err, words);
});
