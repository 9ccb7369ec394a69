import assert from "node:assert/strict";
import { EventLog } from "../helpers/event_log.ts";
import { type ConnectionPlan, FaultProxy, type ProxyEvent } from "../../src/chaos/mod.ts";
import { proxied } from "../helpers/fault_proxy.ts";
import { Random } from "../helpers/random.ts";

/** What the target saw of one connection. */
interface Seen {
  readonly bytes: Uint8Array;
  readonly error?: string;
}

/** A target that answers with what it read, at the end of it, and says what it saw. */
class EchoTarget implements AsyncDisposable {
  readonly seen: EventLog<Seen> = new EventLog();
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #tasks: Promise<void>[] = [this.#accept()];

  get address(): { hostname: string; port: number } {
    return this.#listener.addr as Deno.NetAddr;
  }

  async #accept(): Promise<void> {
    while (true) {
      try {
        const conn = await this.#listener.accept();
        this.#tasks.push(this.#serve(conn));
      } catch (error) {
        if (error instanceof Deno.errors.BadResource) return;
        // accept() also fails for a connection that was reset before it was accepted.
        this.seen.push({ bytes: new Uint8Array(), error: (error as Error).name });
      }
    }
  }

  async #serve(conn: Deno.Conn): Promise<void> {
    const { bytes, error } = await readAll(conn);
    if (error === undefined) {
      try {
        for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
        await conn.closeWrite();
      } catch {
        // The proxy has cut the way back: what was seen is told all the same.
      }
    }
    conn.close();
    this.seen.push(error === undefined ? { bytes } : { bytes, error });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await Promise.all(this.#tasks);
  }
}

async function readAll(conn: Deno.Conn): Promise<{ bytes: Uint8Array; error?: string }> {
  const parts: Uint8Array[] = [];
  const buffer = new Uint8Array(65536);
  let error: string | undefined;
  try {
    for (let n; (n = await conn.read(buffer)) !== null;) parts.push(buffer.slice(0, n));
  } catch (caught) {
    error = (caught as Error).name;
  }
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (bytes.set(part, at), at + part.length), 0);
  return error === undefined ? { bytes } : { bytes, error };
}

async function withProxy(
  plan: (connection: number) => ConnectionPlan,
  fn: (proxy: FaultProxy, events: EventLog<ProxyEvent>, target: EchoTarget) => Promise<void>,
): Promise<void> {
  await using target = new EchoTarget();
  await using net = await proxied(target.address, plan);
  await fn(net.proxy, net.events, target);
}

/** Sends bytes and the end of them; returns what came back. */
async function exchange(port: number, bytes: Uint8Array) {
  return await converse(await Deno.connect({ hostname: "127.0.0.1", port }), bytes);
}

async function converse(conn: Deno.Conn, bytes: Uint8Array) {
  try {
    for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
    await conn.closeWrite();
  } catch {
    // The proxy cut the connection while bytes were sent: what can still be read is what matters.
  }
  const back = await readAll(conn);
  conn.close();
  return back;
}

const SAMPLE = new Random(1).bytes(300_000);

Deno.test("FaultProxy forwards both ways and both ends when it has no rules", async () => {
  await withProxy(() => ({}), async (proxy, events) => {
    const back = await exchange(proxy.port, SAMPLE);
    assert.deepEqual(back.bytes, SAMPLE);
    const closed = await events.wait((event) => event.type === "closed");
    assert.deepEqual(closed, { type: "closed", connection: 0, up: 300_000, down: 300_000 });
  });
});

Deno.test("FaultProxy cuts into pieces of one byte without changing the bytes", async () => {
  const plan = { up: { chunk: 1 }, down: { chunk: 1 } };
  await withProxy(() => plan, async (proxy) => {
    const bytes = SAMPLE.subarray(0, 2000);
    assert.deepEqual((await exchange(proxy.port, bytes)).bytes, bytes);
  });
});

for (const after of [0, 1, 777, 65_536, 299_999, 300_000]) {
  Deno.test(`FaultProxy closes after exactly ${after} bytes`, async () => {
    const plan = { up: { faults: [{ after, kind: "close" }] } } as const;
    await withProxy(() => plan, async (proxy, events, target) => {
      await exchange(proxy.port, SAMPLE);
      const seen = await target.seen.wait(() => true);
      assert.deepEqual(seen.bytes, SAMPLE.subarray(0, after));
      assert.equal(seen.error, undefined);
      await events.wait((event) => event.type === "fault");
    });
  });
}

Deno.test("FaultProxy resets both sides", async () => {
  const plan = { up: { faults: [{ after: 1000, kind: "reset" }] } } as const;
  await withProxy(() => plan, async (proxy, _events, target) => {
    const back = await exchange(proxy.port, SAMPLE);
    assert.ok(back.error !== undefined, "the client saw a reset");
    const seen = await target.seen.wait(() => true);
    assert.ok(seen.error !== undefined, "the target saw a reset");
    assert.ok(seen.bytes.length <= 1000);
  });
});

Deno.test("FaultProxy half-closes one direction and leaves the other open", async () => {
  const plan = { up: { faults: [{ after: 10, kind: "half-close" }] } } as const;
  await withProxy(() => plan, async (proxy) => {
    assert.deepEqual((await exchange(proxy.port, SAMPLE)).bytes, SAMPLE.subarray(0, 10));
  });
});

Deno.test("FaultProxy swallows everything after a black hole", async () => {
  const plan = { down: { faults: [{ after: 5, kind: "black-hole" }] } } as const;
  await withProxy(() => plan, async (proxy, events) => {
    using conn = await Deno.connect({ hostname: "127.0.0.1", port: proxy.port });
    await conn.write(SAMPLE.subarray(0, 100));
    await conn.closeWrite();
    const buffer = new Uint8Array(100);
    assert.equal(await conn.read(buffer), 5);
    await events.wait((event) => event.type === "fault" && event.fault.kind === "black-hole");
  });
});

Deno.test("FaultProxy stalls until it is released, then goes on", async () => {
  const plan = { up: { faults: [{ after: 100, kind: "stall" }] } } as const;
  await withProxy(() => plan, async (proxy, events) => {
    const answer = exchange(proxy.port, SAMPLE);
    await events.wait((event) => event.type === "fault");
    proxy.release();
    assert.deepEqual((await answer).bytes, SAMPLE);
  });
});

Deno.test("FaultProxy stalls for a time and delays each piece", async () => {
  const plan = {
    up: { chunk: 10, delayMs: 5, faults: [{ after: 20, kind: "stall", ms: 30 }] },
  } as const;
  await withProxy(() => plan, async (proxy) => {
    const start = performance.now();
    await exchange(proxy.port, SAMPLE.subarray(0, 100));
    assert.ok(performance.now() - start >= 10 * 5 + 30 - 5);
  });
});

Deno.test("FaultProxy has a plan for each connection", async () => {
  const plan = (connection: number): ConnectionPlan =>
    connection === 0 ? { up: { faults: [{ after: 3, kind: "close" }] } } : {};
  await withProxy(plan, async (proxy, _events, target) => {
    await exchange(proxy.port, SAMPLE);
    assert.equal((await target.seen.wait(() => true)).bytes.length, 3);
    assert.deepEqual((await exchange(proxy.port, SAMPLE)).bytes, SAMPLE);
  });
});

Deno.test("FaultProxy lets go of stalled and open connections when disposed", async () => {
  const plan = { up: { faults: [{ after: 0, kind: "stall" }] } } as const;
  await using target = new EchoTarget();
  const { proxy, events } = await proxied(target.address, () => plan);
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: proxy.port });
  const answer = converse(conn, SAMPLE);
  await events.wait((event) => event.type === "fault");
  await proxy[Symbol.asyncDispose]();
  assert.equal((await answer).bytes.length, 0);
});

Deno.test("FaultProxy shows onBytes what was forwarded, each way, and nothing that was lost", async () => {
  await using target = new EchoTarget();
  const seen = { up: [] as number[], down: [] as number[] };
  await using proxy = await FaultProxy.listen({
    target: target.address,
    plan: () => ({ down: { faults: [{ after: 1000, kind: "black-hole" }] } }),
    onBytes: (connection, direction, bytes) => {
      assert.equal(connection, 0);
      seen[direction].push(...bytes);
    },
  });
  const sample = SAMPLE.subarray(0, 5000);
  await exchange(proxy.port, sample);
  assert.deepEqual(seen.up, [...sample]);
  assert.deepEqual(seen.down, [...sample.subarray(0, 1000)]);
});
