/** What a connection reads at once. @module */
import assert from "node:assert/strict";
import { Input } from "../../src/server/input.ts";
import { BufferPools } from "../../src/server/buffers.ts";
import { Output } from "../../src/server/output.ts";
import { Reader } from "../../src/server/reader.ts";
import { Random } from "../helpers/random.ts";
import { concat, frame } from "../helpers/raw_frame.ts";

/** A socket on which all bytes have come, and which gives as many at a time as are asked for, up to `most`. */
function socketWith(bytes: Uint8Array, most = Infinity): Deno.TcpConn & { reads: number } {
  let at = 0;
  const socket = {
    reads: 0,
    read(into: Uint8Array) {
      socket.reads++;
      const part = bytes.subarray(at, at + Math.min(most, into.length));
      into.set(part);
      at += part.length;
      return Promise.resolve(part.length === 0 ? null : part.length);
    },
  };
  return socket as unknown as Deno.TcpConn & { reads: number };
}

/** Reads files to the end, as a connection does that stores each. */
async function filesOf(socket: Deno.TcpConn): Promise<Uint8Array[]> {
  const pools = new BufferPools();
  const input = new Input(new Reader(socket, new Output(socket, pools)), pools);
  const files: Uint8Array[] = [];
  for (;;) {
    const head = input.bufferedHead() ?? await input.head();
    if (head === undefined) break;
    assert.equal(head.type, "request");
    const bytes = await input.whole();
    files.push(bytes!.slice());
  }
  input.release();
  return files;
}

Deno.test("Input.whole() reads the end of a file together with what comes behind it", async () => {
  const random = new Random(7);
  const files = Array.from({ length: 100 }, () => random.bytes(10_240));
  const socket = socketWith(concat(...files.map((payload) => frame({ payload }))));
  assert.deepEqual(await filesOf(socket), files);
  // A megabyte in buffers of 128 KiB; to read the end of each cut file by itself takes eight reads more.
  assert.ok(socket.reads <= 12, `${socket.reads} reads`);
});

Deno.test("Input.whole() gives every file as it was sent, wherever a read ends", async () => {
  const random = new Random(8);
  for (let round = 0; round < 30; round++) {
    const files = Array.from(
      { length: random.int(1, 30) },
      () => random.bytes(random.int(0, random.pick([10, 3000, 40_000, 128 * 1024]))),
    );
    const most = random.pick([700, 5000, 65_536, 131_072, Infinity]);
    const sent = concat(...files.map((payload) => frame({ payload })));
    assert.deepEqual(await filesOf(socketWith(sent, most)), files, `round ${round}`);
  }
});
