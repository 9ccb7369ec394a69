/** Connections with keys: who is let in, whose sessions they are, and codes of frames (S-KEY, S-MAC-1). @module */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { connect } from "../../src/client/mod.ts";
import type { Stored } from "../../src/handler/mod.ts";
import { formatKey, type Grant, newKey } from "../../src/keys/mod.ts";
import { omitUndefined } from "../../src/omit_undefined.ts";
import { AfterFind } from "../helpers/after_find.ts";
import { rejectsWith } from "../helpers/errors.ts";
import { InProcess } from "../helpers/in_process.ts";
import { randomBytes } from "../helpers/random.ts";
import { line, withUsers } from "../helpers/users.ts";

for (const mode of ["stateful", "stateless"] as const) {
  for (const wantMac of [false, true]) {
    Deno.test(`S-KEY-5 S-MAC-1 ${mode}, ${wantMac ? "with" : "without"} codes: files are the user's`, async () => {
      const owners: (string | undefined)[] = [];
      const onStored = ({ user }: Stored) => owners.push(user);
      await using users = await withUsers([line("alice")], { onStored });
      const small = randomBytes(1000, 1);
      const large = randomBytes(3_000_000, 2);
      await using client = await connect(users.options("alice", { mode, wantMac }));
      assert.equal(client.token, undefined);
      assert.equal(client.terms?.mac, wantMac);
      assert.deepEqual([...client.terms!.may!], ["put", "get", "list", "remove"]);
      for (const bytes of [small, large, new Uint8Array(0)]) {
        const { confirmed } = await client.send(bytes, { name: "a.bin" });
        assert.ok(confirmed);
      }
      const lazy = {
        size: large.length,
        read: (into: Uint8Array, offset: number) => {
          const part = large.subarray(offset, offset + Math.min(into.length, 70_000));
          into.set(part);
          return Promise.resolve(part.length);
        },
      };
      assert.ok((await client.send(lazy, { name: "b.bin" })).confirmed);
      await client.disconnect();
      assert.deepEqual(owners, ["alice", "alice", "alice", "alice"]);
    });
  }
}

Deno.test("S-KEY-4 a client with no key, a wrong key or an unknown name is unauthorized", async () => {
  await using users = await withUsers([line("alice")]);
  await rejectsWith(connect({ port: users.server.port, retries: 0 }), "unauthorized");
  for (const name of ["alice", "bob"]) {
    const key = formatKey(newKey(name));
    await rejectsWith(connect({ port: users.server.port, retries: 0, key }), "unauthorized");
  }
  await users.server.assertStored();
});

Deno.test("S-KEY-4 a client with a key accepts no server without it", async () => {
  await using server = await InProcess.start();
  const key = formatKey(newKey("alice"));
  await rejectsWith(connect({ port: server.port, retries: 0, key }), "unauthorized");
});

Deno.test("S-KEY-5 a user's session is resumed by the key alone, and by nobody else", async () => {
  await using users = await withUsers([line("alice"), line("bob")]);
  const first = await connect(users.options("alice"));
  const { sessionId } = first;
  await first[Symbol.asyncDispose]();
  const resume = { sessionId: sessionId! };
  await rejectsWith(connect(users.options("bob", resume)), "unauthorized");
  await using again = await connect(users.options("alice", resume));
  assert.equal(again.sessionId, sessionId);
  assert.equal((await users.server.record(sessionId)).user, "alice");
});

Deno.test("S-MAC-1 where codes are required, nobody does without", async () => {
  await using users = await withUsers([line("alice")], {
    security: { mac: "required" },
    anonymous: ["put"],
  });
  await using client = await connect(users.options("alice"));
  assert.equal(client.terms?.mac, true);
  const bytes = randomBytes(100, 3);
  await client.send(bytes);
  using peer = await users.server.open();
  assert.equal((await peer.stateless("hello")).data.code, "hmac_required");
  await users.server.assertStored(bytes);
});

Deno.test("S-KEY-6 a key that is taken away ends its connections, and others go on", async () => {
  await using users = await withUsers([line("alice"), line("bob")]);
  await using alice = await connect(users.options("alice"));
  await using bob = await connect(users.options("bob"));
  await alice.send(randomBytes(10, 1));
  users.keys.replace(users.lines.filter(({ key }) => key.name !== "alice"));
  await rejectsWith(alice.send(randomBytes(10, 2)), "session_revoked");
  await bob.send(randomBytes(10, 3));
});

Deno.test("S-KEY-6 a key ends by itself at its time", async () => {
  await using users = await withUsers([line("alice", { until: Date.now() + 500 })]);
  await using alice = await connect(users.options("alice"));
  await users.server.idle();
  await rejectsWith(alice.send(randomBytes(10, 2)), "session_revoked");
});

Deno.test("a rotated key: old and new are valid together for a time", async () => {
  const before = newKey("alice");
  const old = { secret: before.secret, until: Date.now() + 60_000 };
  await using users = await withUsers([line("alice", { old })]);
  await using one = await connect(users.options("alice"));
  await using two = await connect(users.options("alice", { key: formatKey(before) }));
  assert.ok((await one.send(randomBytes(10, 1))).confirmed);
  assert.ok((await two.send(randomBytes(10, 2))).confirmed);
});

Deno.test("S-ACT-2 S-KEY-7 a user may do what its key says", async () => {
  const can: Grant[] = ["get"];
  await using users = await withUsers([line("alice", { can })]);
  await using client = await connect(users.options("alice"));
  assert.deepEqual([...client.terms!.may!], ["get"]);
  await rejectsWith(client.send(randomBytes(10, 1)), "forbidden");
});

Deno.test("a user has no more connections and sessions than its limits", async () => {
  await using users = await withUsers([
    line("alice", { limits: { connections: 2 } }),
    line("bob", { limits: { sessions: 1 } }),
  ]);
  {
    await using _one = await connect(users.options("alice"));
    await using _two = await connect(users.options("alice"));
    await rejectsWith(connect(users.options("alice")), "too_many_connections");
  }
  await users.server.idle();
  await using _again = await connect(users.options("alice"));
  await using _bob = await connect(users.options("bob"));
  await rejectsWith(connect(users.options("bob", { mode: "stateful" })), "max_sessions");
});

for (const mode of ["stateful", "stateless"] as const) {
  Deno.test(`S-TRF-2 ${mode}: a quota holds for all connections together, to the byte`, async () => {
    await using users = await withUsers([line("alice", { limits: { bytes: 10_000, files: 50 } })]);
    const client = () => connect(users.options("alice", { mode, sessionExpiryS: 60 }));
    await using one = await client();
    await using two = await client();
    const sends = Array.from(
      { length: 30 },
      (_, n) =>
        (n % 2 === 0 ? one : two).send(randomBytes(1000, n)).then(() => 1, ({ code }) => code),
    );
    const results = await Promise.all(sends);
    assert.equal(results.filter((result) => result === 1).length, 10);
    assert.equal(results.filter((result) => result === "quota_exceeded").length, 20);
    assert.equal((await users.server.stored()).length, 10);
    await rejectsWith(one.send(new Uint8Array(1)), "quota_exceeded");
    assert.ok((await two.send(new Uint8Array(0))).confirmed);
    await using three = await client();
    assert.deepEqual({ ...three.terms!.quota }, {
      bytes: 10_000,
      files: 50,
      used_bytes: 10_000,
      used_files: 11,
    });
  });
}

Deno.test("S-TRF-2 what a refused, cut or cancelled file has counted is given back", async () => {
  await using users = await withUsers([line("alice", { limits: { bytes: 10_000 } })]);
  await using client = await connect(users.options("alice"));
  const wrong = { sha256: "0".repeat(64) };
  await rejectsWith(client.send(randomBytes(10_000, 1), wrong), "checksum_mismatch");
  const bytes = randomBytes(9000, 2);
  const uploadId = crypto.randomUUID();
  await client.send(bytes, { uploadId });
  assert.ok((await client.send(bytes, { uploadId })).replayed, "a file that is there counts once");
  await client.send(randomBytes(1000, 3));
  await rejectsWith(client.send(randomBytes(1, 4)), "quota_exceeded");
});

Deno.test("S-REM-1 a quota counts a file that takes the path of one while its removal is saved", async () => {
  const after = new AfterFind();
  await using users = await withUsers([line("alice", { limits: { bytes: 100 } })], {
    disk: { naming: "original" },
    storage: (disk) => after.over(disk),
  });
  await using one = await connect(users.options("alice"));
  await using two = await connect(users.options("alice"));
  const path = "files/alice/a.bin";
  await one.send(randomBytes(10, 1), { name: "a.bin" });
  after.next = async () => {
    await two.remove(path);
    await two.send(randomBytes(20, 2), { name: "a.bin" });
  };
  await one.remove(path);
  await using three = await connect(users.options("alice"));
  assert.equal(three.terms!.quota!.used_bytes, 20);
});

Deno.test("a user's bandwidth holds for all of its connections", async () => {
  await using users = await withUsers([line("alice", { limits: { rate: 400_000 } }), line("bob")]);
  const took = async (name: string) => {
    await using one = await connect(users.options(name));
    await using two = await connect(users.options(name));
    const begun = performance.now();
    await Promise.all([one, two].map((client, n) => client.send(randomBytes(200_000, n))));
    return performance.now() - begun;
  };
  // 400 kB at 400 kB/s, of which a quarter of a second may come at once.
  const ms = await took("alice");
  assert.ok(ms > 650 && ms < 5000, `${ms} ms`);
  assert.ok(await took("bob") < 650);
});

for (const mode of ["stateful", "stateless"] as const) {
  for (const rate of [undefined, 50_000_000]) {
    Deno.test(`S-MAC-1 ${mode}${rate ? ", with a bandwidth" : ""}: under a code the digest is computed once for check and storage`, async () => {
      const digests: (string | undefined)[] = [];
      await using users = await withUsers([line("alice", { limits: omitUndefined({ rate }) })], {
        storage: (disk) => {
          const { label, durability, find, refresh } = disk;
          return {
            ...{ label, durability, find, refresh },
            put: (spec, bytes, crowded, mayPublish, digest) => {
              digests.push(digest?.of(bytes));
              return disk.put(spec, bytes, crowded, mayPublish, digest);
            },
            begin: async (spec) => {
              const upload = await disk.begin(spec);
              const write = upload.write.bind(upload);
              upload.write = (bytes, digest) => {
                digests.push(digest?.of(bytes));
                return write(bytes, digest);
              };
              return upload;
            },
            check: () => disk.check(),
            [Symbol.asyncDispose]: () => disk[Symbol.asyncDispose](),
          };
        },
      });
      const bytes = randomBytes(60_000, 5);
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      for (const wantMac of [true, false]) {
        await using client = await connect(users.options("alice", { mode, wantMac }));
        assert.equal((await client.send(bytes)).sha256, sha256);
      }
      assert.deepEqual(digests, [sha256, undefined]);
    });
  }
}
