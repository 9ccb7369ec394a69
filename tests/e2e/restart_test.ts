import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { assertContents } from "../helpers/files.ts";
import { FLAGS_W, Program } from "../helpers/program.ts";
import { Random } from "../helpers/random.ts";
import { RawPeer } from "../helpers/raw_peer.ts";
import { assertStored, resume, session } from "../helpers/sessions.ts";
import { TempDir } from "../helpers/temp.ts";

const BYTES = new Random(11).bytes(300_000);
const TERMS = { length: BYTES.length };

/** Kills the server at once, as a power cut or `kill -9` does. */
async function crash(server: Program): Promise<void> {
  server.signal("SIGKILL");
  await server.status();
  await server[Symbol.asyncDispose]();
}

/** Makes all sessions older than they are, as if nobody had come for so long. */
function age(storage: string, ms: number): void {
  using db = new DatabaseSync(`${storage}/sessions.db`);
  for (const { id, record } of db.prepare("SELECT id, record FROM session").all()) {
    const fields = JSON.parse(String(record));
    for (const name of ["leaseUntil", "createdAt", "lastActivityAt", "detachedAt"]) {
      if (fields[name] !== null) fields[name] -= ms;
    }
    db.prepare("UPDATE session SET record = ? WHERE id = ?").run(JSON.stringify(fields), id!);
  }
}

Deno.test("S-CON-2 S-CLK-1 without a setting a file goes on after the server was killed, also much later", async () => {
  await using dir = await TempDir.make();
  const first = await Program.serve({ cwd: dir.path });
  assert.equal((await first.event("server.listening")).sessions, "sqlite");
  using begun = await session(first);
  using idle = await session(first);
  const half = await begun.upload(BYTES.subarray(0, 100_000), { ...TERMS, complete: false });
  assert.equal(half.data.code, "partial");
  await crash(first);

  const second = await Program.serve({ cwd: dir.path });
  const { peer, upload } = await resume(second, begun.id);
  assert.equal(upload?.offset, 100_000);
  const more = await peer.upload(BYTES.subarray(100_000, 200_000), {
    ...{ ...TERMS, offset: 100_000, complete: false },
  });
  assert.equal(more.data.code, "partial");
  peer.close();
  await crash(second);

  age(second.storage, 20 * 60_000);
  await using third = await Program.serve({ cwd: dir.path });
  using late = await RawPeer.open(third);
  assert.equal((await late.connect({}, idle.id)).data.code, "session_expired");
  const back = await resume(third, begun.id);
  assert.equal(back.upload?.offset, 200_000);
  const done = await back.peer.upload(BYTES.subarray(200_000), { ...TERMS, offset: 200_000 });
  await assertStored(third, done.data, BYTES);
  back.peer.close();
  await assertContents(third.storage, [BYTES]);
});

Deno.test("S-CLK-1 after a day without its client the file that was begun is gone", async () => {
  await using dir = await TempDir.make();
  const first = await Program.serve({ cwd: dir.path });
  using begun = await session(first);
  await begun.upload(BYTES.subarray(0, 100_000), { ...TERMS, complete: false });
  await crash(first);
  age(first.storage, 86_400_000 + 60_000);
  await using second = await Program.serve({ cwd: dir.path });
  using late = await RawPeer.open(second);
  assert.equal((await late.connect({}, begun.id)).data.code, "session_expired");
  assert.deepEqual(Array.from(Deno.readDirSync(`${second.storage}/.incoming`)), []);
});

Deno.test({
  name: "where the storage may not be read, sessions are in memory, and the server says so",
  ignore: !!Deno.env.get("FXFER_BIN"), // its permissions are baked in
  async fn() {
    await using server = await Program.serve({ flags: FLAGS_W });
    assert.equal((await server.event("server.listening")).sessions, "memory");
    const names = Array.from(Deno.readDirSync(server.storage), ({ name }) => name);
    assert.ok(!names.some((name) => name.startsWith("sessions.db")), names.join());
  },
});
