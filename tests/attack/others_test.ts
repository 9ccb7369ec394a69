/** What belongs to another user: sessions, files, lists, kept replies, quotas (S-KEY-5, S-ACT-2). @module */
import assert from "node:assert/strict";
import type { RawPeer } from "../helpers/raw_peer.ts";
import { shownConnect } from "../helpers/shown_connect.ts";
import { line, type Serving, withUsers } from "../helpers/users.ts";

/** A connection that acts for a user, in a session unless it is to have none. */
async function acting(
  users: Serving,
  name: string,
  mode: "stateful" | "stateless" = "stateful",
  id: string | null = null,
): Promise<RawPeer> {
  const peer = await users.server.open();
  const { key } = users.lines.find(({ key }) => key.name === name)!;
  await peer.send(shownConnect(key, { mode, id }));
  const { header, data } = await peer.reply();
  assert.match(data.code, /^(ok|session_created|session_resumed)$/);
  peer.id = header.session.id;
  return peer;
}

const ALL = ["put", "get", "list", "remove"] as const;

Deno.test("S-ACT-2 another user's files are not found, not listed and not removed", async () => {
  await using users = await withUsers([
    line("alice"),
    line("bob"),
    line("root", { can: [...ALL, "all"] }),
  ], {
    anonymous: ALL,
  });
  using alice = await acting(users, "alice");
  const { data: { file } } = await alice.upload("alice's", { name: "diary.txt" });
  const ask = async (peer: RawPeer, action: string, data: Record<string, unknown>) =>
    (await peer.request({ action, data })).data;
  using stranger = await users.server.open();
  using bob = await acting(users, "bob", "stateless");
  for (const peer of [bob, stranger]) {
    for (const data of [{ path: file.path }, { name: "diary.txt" }]) {
      assert.equal((await ask(peer, "fetch", data)).code, "not_found");
    }
    for (const data of [{}, { prefix: "d" }, { name: "diary.txt" }, { session: alice.id }]) {
      assert.deepEqual((await ask(peer, "list", data)).files, []);
    }
    assert.equal((await ask(peer, "remove", { path: file.path })).code, "not_found");
  }
  using root = await acting(users, "root", "stateless");
  const { files } = await ask(root, "list", {});
  assert.deepEqual(files.map(({ name, user }: { name: string; user: string }) => [name, user]), [
    ["diary.txt", "alice"],
  ]);
  using again = await acting(users, "alice", "stateless");
  assert.equal((await ask(again, "list", {})).files.length, 1);
});

Deno.test("S-KEY-5 another user's session cannot be attached to, cleaned or asked for its replies", async () => {
  await using users = await withUsers([line("alice"), line("bob")]);
  const alice = await acting(users, "alice");
  const { id } = alice;
  const { data: first } = await alice.upload("hello");
  assert.equal(first.code, "ok");
  alice[Symbol.dispose]();
  await users.server.idle();
  const [, bob] = users.lines;
  for (const mode of ["stateful", "stateless"] as const) {
    using peer = await users.server.open();
    await peer.send(shownConnect(bob!.key, { mode, id }));
    const { data, header } = await peer.reply();
    if (mode === "stateful") assert.equal(data.code, "unauthorized");
    else assert.notEqual(header.session.id, id);
    // The number of a frame that has run, to be answered from memory.
    const kept = await peer.request({
      ...{ action: "transfer", mode: "stateful", id, sequence: 1, payload: "hello" },
    });
    assert.equal(kept.data.code, mode === "stateful" ? "unauthorized" : "not_connected");
    assert.equal(kept.data.file, undefined);
  }
  using own = await acting(users, "bob");
  const kept = await own.request({
    ...{ action: "transfer", mode: "stateful", id, sequence: 1, payload: "hello" },
  });
  assert.equal(kept.data.code, "not_connected");
  using back = await acting(users, "alice", "stateful", id);
  back.sequence = 0;
  const { data } = await back.upload("hello");
  assert.equal(data.replayed, true);
  assert.equal(data.file.path, first.file.path);
});

Deno.test("S-REM-1 removing a file gives its user the room back, in both modes", async () => {
  await using users = await withUsers([line("alice", { limits: { bytes: 10, files: 2 } })]);
  for (const mode of ["stateful", "stateless"] as const) {
    using peer = await acting(users, "alice", mode);
    const put = async (text: string) =>
      (await (mode === "stateful" ? peer.upload(text) : peer.stateless(text))).data;
    const { file } = await put("0123456789");
    assert.equal((await put("1")).code, "quota_exceeded");
    const removed = await peer.request({
      ...{ action: "remove", mode, id: peer.id, data: { path: file.path } },
      sequence: 2, // the refused one has used none up
    });
    assert.equal(removed.data.code, "ok");
    peer.sequence = 2;
    const again = await put("abc");
    assert.equal(again.code, "ok");
    const rest = await acting(users, "alice", "stateless");
    await rest.request({ action: "remove", data: { path: again.file.path } });
    rest[Symbol.dispose]();
  }
});
