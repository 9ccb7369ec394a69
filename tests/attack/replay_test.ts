/** Frames that somebody has captured and sends again, or changes on their way (S-KEY-3, S-MAC-1). @module */
import assert from "node:assert/strict";
import { connect } from "../../src/client/mod.ts";
import { MemoryLedger } from "../../src/keys/mod.ts";
import { SqliteLedger } from "../../src/keys/sqlite_ledger.ts";
import { rejectsWith } from "../helpers/errors.ts";
import { randomBytes } from "../helpers/random.ts";
import { TempDir } from "../helpers/temp.ts";
import { line, type Serving, withUsers } from "../helpers/users.ts";
import { Wiretap } from "../helpers/wiretap.ts";

const FILE = randomBytes(500, 1);

/** All that a client with codes sends for one file: connect, transfer, disconnect. */
async function captured(users: Serving, mode: "stateful" | "stateless", wantMac = true) {
  await using tap = new Wiretap(users.server.port);
  await using client = await connect(users.options("alice", { mode, wantMac, port: tap.port }));
  await client.send(FILE);
  await client.disconnect();
  return tap.stream();
}

/** The first frame of a stream: header line and session data. */
function firstFrame(stream: Uint8Array): Uint8Array {
  const lf = stream.indexOf(0x0a);
  const { session } = JSON.parse(new TextDecoder().decode(stream.subarray(0, lf)));
  return stream.slice(0, lf + 1 + (session.data_size ?? 0));
}

for (const mode of ["stateful", "stateless"] as const) {
  for (const wantMac of [true, false]) {
    const how = `${mode}, ${wantMac ? "with codes" : "by its connect alone"}`;

    Deno.test(`S-KEY-3 a captured connection sent again stores nothing: ${how}`, async () => {
      await using users = await withUsers([line("alice")]);
      const stream = await captured(users, mode, wantMac);
      for (let tries = 0; tries < 3; tries++) {
        using peer = await users.server.open();
        await peer.send(stream).catch(() => {});
        assert.equal((await peer.reply()).data.code, "replay_detected");
      }
      await users.server.assertStored(FILE);
    });

    Deno.test(`S-KEY-3 nor after a restart, nor at another instance: ${how}`, async () => {
      await using dir = await TempDir.make();
      await using ledger = await SqliteLedger.open(dir.join("users.db"));
      await using users = await withUsers([line("alice")], { security: { ledger } });
      const stream = await captured(users, mode, wantMac);
      await users.server.restart();
      {
        using peer = await users.server.open();
        await peer.send(firstFrame(stream));
        assert.equal((await peer.reply()).data.code, "replay_detected");
      }
      await using shared = await SqliteLedger.open(dir.join("users.db"));
      await using other = await withUsers(users.lines, { security: { ledger: shared } });
      using peer = await other.server.open();
      await peer.send(firstFrame(stream));
      assert.equal((await peer.reply()).data.code, "replay_detected");
      await other.server.assertStored();
    });
  }
}

Deno.test("S-KEY-3 a register in memory that was started again takes no connect from before", async () => {
  await using users = await withUsers([line("alice")]);
  const stream = await captured(users, "stateful");
  await using again = await withUsers(users.lines, {
    security: { ledger: new MemoryLedger(Date.now() + 1) },
  });
  using peer = await again.server.open();
  await peer.send(firstFrame(stream));
  const { data } = await peer.reply();
  assert.equal(data.code, "busy");
  assert.ok(data.retry_after_ms > 0);
});

Deno.test("S-MAC-1 a frame sent twice on its own connection ends it", async () => {
  await using users = await withUsers([line("alice")]);
  await using tap = new Wiretap(users.server.port);
  let doubled = false;
  tap.toServer = (bytes, at) => {
    if (at === 0 || doubled) return bytes;
    doubled = true;
    return new Uint8Array([...bytes, ...bytes]);
  };
  await using client = await connect(users.options("alice", { wantMac: true, port: tap.port }));
  await client.send(FILE).catch(() => {});
  await users.server.idle();
  await users.server.assertStored(FILE);
  const text = tap.answered[0]!.map((part) => new TextDecoder().decode(part)).join("");
  assert.match(text, /"code":"replay_detected"/);
});

Deno.test("S-MAC-1 frames of one connection are refused on another of the same user", async () => {
  await using users = await withUsers([line("alice")]);
  const stream = await captured(users, "stateless");
  const later = stream.slice(firstFrame(stream).length);
  await using tap = new Wiretap(users.server.port);
  tap.toServer = (bytes, at) => at === 0 ? bytes : later;
  await using client = await connect(
    users.options("alice", { mode: "stateless", wantMac: true, port: tap.port }),
  );
  await rejectsWith(client.send(randomBytes(10, 9)), "replay_detected");
  await users.server.assertStored(FILE);
});

Deno.test("S-MAC-1 one bit changed, in every byte of a frame: nothing is stored but the file itself", async () => {
  await using users = await withUsers([line("alice")]);
  const stream = await captured(users, "stateless");
  const connectLength = firstFrame(stream).length;
  const frame = firstFrame(stream.slice(connectLength));
  await users.server.restart();
  const begun = (await users.server.stored()).length;
  for (let at = 0; at < frame.length + FILE.length; at += at < frame.length ? 1 : 97) {
    await using tap = new Wiretap(users.server.port);
    tap.toServer = (bytes, before) => {
      const place = connectLength + at - before;
      if (before >= connectLength && place >= 0 && place < bytes.length) bytes[place]! ^= 1;
      return bytes;
    };
    await using client = await connect(
      users.options("alice", { mode: "stateless", wantMac: true, port: tap.port }),
    );
    const result = await client.send(FILE).then(() => "stored", (error) => error.code);
    assert.notEqual(result, "stored", `byte ${at}`);
  }
  assert.equal((await users.server.stored()).length, begun);
});

Deno.test("S-MAC-1 bytes changed on their way do not count, and the file arrives all the same", async () => {
  await using users = await withUsers([line("alice")]);
  await using tap = new Wiretap(users.server.port);
  const large = randomBytes(3_000_000, 5);
  let seen = 0;
  let hits = 0;
  tap.toServer = (bytes) => {
    const before = seen;
    seen += bytes.length;
    // Two bytes of all, the first two times that they pass.
    if (hits < 2 && Math.floor(before / 1_400_000) !== Math.floor(seen / 1_400_000)) {
      hits++;
      bytes[Math.floor(bytes.length / 2)]! ^= 4;
    }
    return bytes;
  };
  const options = {
    wantMac: true,
    port: tap.port,
    retries: 5,
    backoff: { initialMs: 1, maxMs: 2 },
  };
  await using client = await connect(users.options("alice", options));
  const { confirmed } = await client.send(large);
  assert.ok(confirmed && hits === 2);
  await users.server.assertStored(large);
});

Deno.test("S-MAC-1 a payload that is not the one its frame names is not stored", async () => {
  await using users = await withUsers([line("alice")]);
  for (const mode of ["stateful", "stateless"] as const) {
    await using tap = new Wiretap(users.server.port);
    await using client = await connect(
      users.options("alice", { mode, wantMac: true, port: tap.port }),
    );
    tap.toServer = (bytes) => {
      bytes[bytes.length - 1]! ^= 1; // the payload's last byte
      return bytes;
    };
    const error = await client.send(FILE).catch((error) => error);
    assert.match(`${error.code} ${error.cause?.code}`, /checksum_mismatch/);
  }
  await users.server.assertStored();
});

Deno.test("S-MAC-1 a reply that was changed on its way is no reply", async () => {
  await using users = await withUsers([line("alice")]);
  await using tap = new Wiretap(users.server.port);
  await using client = await connect(users.options("alice", { wantMac: true, port: tap.port }));
  tap.toClient = (bytes) => {
    const text = new TextDecoder().decode(bytes).replace('"size":500,', '"size":400,');
    return new TextEncoder().encode(text);
  };
  const error = await client.send(FILE).catch((error) => error);
  assert.equal(error.code, "connection_lost");
  assert.match(error.message, /a reply was changed on its way/);
});
