import assert from "node:assert/strict";
import { sha256 } from "../helpers/files.ts";
import { Random } from "../helpers/random.ts";
import { RawPeer } from "../helpers/raw_peer.ts";
import { assertStores, serving, TIERS } from "../helpers/serving.ts";
import { assertStored, resume, session } from "../helpers/sessions.ts";

const MIB = 1 << 20;

for (const [tier, flags] of TIERS) {
  const test = serving(`resume, tier ${tier}`, {
    flags,
    set: { "stateful.max_sessions": 1000 },
  });

  test("S-CON-2 S-TRF-4 a cut upload resumes on a new connection at the stated offset", async (server) => {
    await assertStores(server, 1, async () => {
      const bytes = new Random(8).bytes(6 * MIB);
      const uploadId = crypto.randomUUID();
      const terms = { length: bytes.length, upload_id: uploadId, sha256: sha256(bytes) };
      const first = await session(server);
      await first.send(first.transfer(bytes.subarray(0, 4 * MIB), terms, { size: 6 * MIB }));
      first.close();

      using second = await RawPeer.open(server);
      const { data } = await second.connect({}, first.id);
      assert.equal(data.code, "session_resumed");
      assert.equal(data.next_sequence, 1);
      assert.equal(data.upload.sequence, 1);
      assert.equal(data.upload.length, bytes.length);
      assert.equal(data.upload.upload_id, uploadId);
      const { offset } = data.upload;
      assert.ok(offset <= 4 * MIB, "no more than was sent");
      const done = await second.upload(bytes.subarray(offset), { ...terms, offset });
      await assertStored(server, done.data, bytes);
    });
  });

  test("S-TRF-4 everything that arrived before an orderly end is kept", async (server) => {
    const bytes = new Random(9).bytes(3 * MIB);
    using first = await session(server);
    await first.send(first.transfer(bytes.subarray(0, 1_234_567), {}, { size: bytes.length }));
    await first.halfClose();
    const [incomplete, ...more] = await first.replies();
    assert.equal(incomplete?.data.code, "incomplete");
    assert.equal(incomplete?.data.offset, 1_234_567);
    assert.deepEqual(more, []);

    const { peer, upload } = await resume(server, first.id);
    using second = peer;
    assert.equal(upload?.offset, 1_234_567);
    const done = await second.upload(bytes.subarray(1_234_567), { offset: 1_234_567 });
    await assertStored(server, done.data, bytes);
  });

  test("S-TRF-4 a reported offset never goes down over many cuts", async (server) => {
    const random = new Random(77);
    const bytes = random.bytes(2 * MIB);
    const first = await session(server);
    const { id } = first;
    first.close();
    for (let offset = 0, cuts = 0;; cuts++) {
      const { peer, upload } = await resume(server, id);
      using _ = peer;
      assert.ok((upload?.offset ?? 0) >= offset, "the offset went down");
      offset = upload?.offset ?? 0;
      if (cuts === 20) {
        await assertStored(
          server,
          (await peer.upload(bytes.subarray(offset), { offset })).data,
          bytes,
        );
        break;
      }
      const end = Math.min(bytes.length - 1, offset + random.int(0, 100_000));
      await peer.send(
        peer.transfer(bytes.subarray(offset, end), { offset }, { size: bytes.length - offset }),
      );
      await peer.halfClose();
      assert.equal((await peer.reply()).data.offset, end);
      offset = end;
    }
  });

  test("S-CON-2 a resumed session without a partial file says upload: null", async (server) => {
    const first = await session(server);
    await first.upload("whole");
    first.close();
    const { peer, upload, reply } = await resume(server, first.id);
    using _ = peer;
    assert.equal(upload, null);
    assert.equal(reply.data.next_sequence, 2);
    assert.equal((await peer.upload("goes on")).data.code, "ok");
  });
}
