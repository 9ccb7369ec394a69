import assert from "node:assert/strict";
import { Road } from "../../src/lab/road.ts";
import { randomBytes } from "../helpers/random.ts";

/** A server that sends back what it gets, until disposed. */
class Echo implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #work: Promise<void>;
  connections = 0;

  constructor() {
    this.#work = this.#serve();
  }
  get port(): number {
    return this.#listener.addr.port;
  }
  async #serve(): Promise<void> {
    const all: Promise<void>[] = [];
    try {
      while (true) {
        const conn = await this.#listener.accept();
        this.connections++;
        all.push(conn.readable.pipeTo(conn.writable).catch(() => {}));
      }
    } catch {
      await Promise.all(all);
    }
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#work;
  }
}

async function readAll(conn: Deno.TcpConn): Promise<Uint8Array> {
  const parts: number[] = [];
  const buffer = new Uint8Array(65_536);
  for (let count = await conn.read(buffer); count !== null; count = await conn.read(buffer)) {
    parts.push(...buffer.subarray(0, count));
  }
  return Uint8Array.from(parts);
}

Deno.test("Road forwards every byte in order, late by its delay each way", async () => {
  await using echo = new Echo();
  await using road = new Road({ to: () => echo.port, delayMs: 40 });
  using conn = await Deno.connect({ hostname: "127.0.0.1", port: road.port });
  const bytes = randomBytes(300_000, 1);
  const begun = performance.now();
  const reading = readAll(conn);
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
  await conn.closeWrite();
  assert.deepEqual(await reading, new Uint8Array(bytes));
  assert.ok(performance.now() - begun >= 80, "there and back");
});

Deno.test("Road leads each connection where its plan says, and cut() breaks the open ones", async () => {
  await using first = new Echo();
  await using second = new Echo();
  let turn = 0;
  await using road = new Road({ to: () => [first, second][turn++ % 2]!.port });
  const conns = [];
  for (let at = 0; at < 4; at++) {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port: road.port });
    conns.push(conn);
    await conn.write(Uint8Array.of(at));
    const buffer = new Uint8Array(1);
    assert.equal(await conn.read(buffer), 1);
    assert.equal(buffer[0], at);
  }
  assert.deepEqual([first.connections, second.connections], [2, 2]);
  road.cut();
  for (const conn of conns) {
    assert.equal(await conn.read(new Uint8Array(1)).catch(() => null), null);
    conn.close();
  }
});

Deno.test("Road ends a connection to a port that nobody listens on", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  await using road = new Road({ to: () => port });
  using conn = await Deno.connect({ hostname: "127.0.0.1", port: road.port });
  assert.equal(await conn.read(new Uint8Array(1)).catch(() => null), null);
});
