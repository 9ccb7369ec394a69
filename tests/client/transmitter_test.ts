import assert from "node:assert/strict";
import type { ClientConnection } from "../../src/client/client_connection.ts";
import { OutgoingFile } from "../../src/client/outgoing_file.ts";
import type { TransferFrame } from "../../src/client/requests.ts";
import { Transmitter } from "../../src/client/transmitter.ts";
import { Random } from "../helpers/random.ts";

/** Keeps what is written, each write by itself. */
function fakeConnection(): { writes: Uint8Array[]; connection: ClientConnection } {
  const writes: Uint8Array[] = [];
  const fake = {
    closed: new AbortController().signal,
    write: (bytes: Uint8Array) => Promise.resolve(void writes.push(bytes.slice())),
    untilClosed: <T>(operation: Promise<T>) => operation,
  };
  return { writes, connection: fake as unknown as ClientConnection };
}

/** A prepared frame with a whole file. */
async function frameOf(bytes: Uint8Array): Promise<TransferFrame> {
  const file = new OutgoingFile(bytes, {});
  await file.prepare(8 << 20);
  const span = file.prepared(8 << 20)!;
  return { kind: "transfer", file, sequence: 0, ...file.nextPart(span, true) };
}

const concat = (parts: readonly Uint8Array[]) => Uint8Array.from(parts.flatMap((p) => [...p]));

for (const seed of [1, 2, 3]) {
  Deno.test(`Transmitter: small frames go out in order, some 64 KiB in one write (seed ${seed})`, async () => {
    const random = new Random(seed);
    const { writes, connection } = fakeConnection();
    const transmitter = new Transmitter(() => 0);
    const sent: Uint8Array[] = [];
    for (let n = 0; n < 200; n++) {
      const head = random.bytes(random.int(1, 400));
      if (n % 10 === 9) {
        await transmitter.sendHead(connection, head);
        sent.push(head);
        continue;
      }
      const payload = random.bytes(random.int(0, 3000));
      assert.equal(await transmitter.send(connection, head, await frameOf(payload)), true);
      sent.push(head, payload);
    }
    assert.equal(transmitter.holds(connection), true);
    await transmitter.flush(connection);
    assert.equal(transmitter.holds(connection), false);
    assert.deepEqual(concat(writes), concat(sent));
    assert.ok(writes.every(({ length }) => length <= 65_536));
    assert.ok(
      writes.slice(0, -1).every(({ length }) => length > 60_000),
      `${writes.length} writes`,
    );
  });
}

Deno.test("Transmitter: a large frame goes behind what was gathered, and not before it", async () => {
  const { writes, connection } = fakeConnection();
  const transmitter = new Transmitter(() => 0);
  const large = new Random(4).bytes(200_000);
  await transmitter.sendHead(connection, new Uint8Array([1]));
  await transmitter.send(connection, new Uint8Array([2]), await frameOf(large));
  await transmitter.sendHead(connection, new Uint8Array([3]));
  await transmitter.flush(connection);
  assert.deepEqual(concat(writes), concat([new Uint8Array([1, 2]), large, new Uint8Array([3])]));
});

Deno.test("Transmitter: what was gathered for a lost connection does not go out on the next one", async () => {
  const [lost, next] = [fakeConnection(), fakeConnection()];
  const transmitter = new Transmitter(() => 0);
  await transmitter.sendHead(lost.connection, new Uint8Array([1]));
  await transmitter.sendHead(next.connection, new Uint8Array([2]));
  await transmitter.flush(next.connection);
  await transmitter.flush(lost.connection);
  assert.deepEqual([lost.writes, next.writes], [[], [new Uint8Array([2])]]);
});

Deno.test("Transmitter: a frame that is repeated without its bytes leaves those of the next one in memory", async () => {
  const { connection } = fakeConnection();
  const transmitter = new Transmitter(() => 0);
  const bytes = new Random(5).bytes(60_000);
  const file = new OutgoingFile(new Blob([bytes]), {});
  await file.prepare(50_000);
  const first = file.nextPart(file.prepared(50_000)!, true);
  await file.prepare(50_000);
  const again = { ...first, start: first.end, data: { ...first.data, offset: first.end } };
  const frame = { kind: "transfer", file, sequence: 1, ...again } as const;
  assert.ok(transmitter.gather(connection, new Uint8Array([1]), frame));
  assert.deepEqual(file.source.view(50_000, 10_000), bytes.subarray(50_000));
});
