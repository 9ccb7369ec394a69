/** Sessions in memory, with workers that die. */
import assert from "node:assert/strict";
import { Pool, type WorkerHandle } from "../../../src/app/workers/pool.ts";
import { configOfWorker, spawnWorker } from "../../../src/app/workers/parent.ts";
import { createSharedMemory, reclaim } from "../../../src/app/workers/shared_memory.ts";
import type { ToWorker } from "../../../src/app/workers/worker.ts";
import { parseConfig } from "../../../src/config/mod.ts";
import { Events, type ServerEvent } from "../../../src/events.ts";
import { EventLog } from "../../helpers/event_log.ts";
import { assertContents, sha256 } from "../../helpers/files.ts";
import { Random } from "../../helpers/random.ts";
import { RawPeer } from "../../helpers/raw_peer.ts";
import { TempDir } from "../../helpers/temp.ts";

/** Two workers of a server, in threads of this process. */
class Crew implements AsyncDisposable {
  readonly #handles: WorkerHandle[] = [];
  readonly #events = new EventLog<ServerEvent>();
  readonly #pool: Pool;

  private constructor(readonly storage: string, readonly port: number) {
    const config = parseConfig({
      server: { workers: 2, max_connections: 1000 },
      storage: { path: storage },
      stateful: { persistence: "memory", max_sessions: 1000 },
      limits: { rate: "off" },
    });
    const shared = createSharedMemory(2, true);
    const events = new Events();
    events.subscribe((event) => this.#events.push(event));
    this.#pool = new Pool({
      workers: 2,
      stopMs: 5000,
      pauseMs: 1,
      sink: () => {},
      events,
      reclaim: (worker) => reclaim(shared, worker),
      spawn: (worker, life) => {
        const start = {
          ...{ type: "start" as const, worker, allEvents: true, counts: false, shared },
          config: configOfWorker(config, { port }, 2),
        };
        const handle = spawnWorker(import.meta.resolve("./dying_worker.ts"), start, life);
        return this.#handles[worker] = handle;
      },
    });
  }

  static async start(storage: string): Promise<Crew> {
    using held = Deno.listen({ hostname: "127.0.0.1", port: 0, reusePort: true });
    const crew = new Crew(storage, (held.addr as Deno.NetAddr).port);
    await crew.#pool.listening;
    return crew;
  }

  #count(type: ServerEvent["type"]): number {
    return this.#events.all.filter((event) => event.type === type).length;
  }

  async #next<T extends ServerEvent["type"]>(type: T, before: number): Promise<ServerEvent> {
    let seen = 0;
    return await this.#events.wait((event) => event.type === type && ++seen > before, type, 30_000);
  }

  /** Opens a connection to this worker: the system chooses by the client's port. */
  async peerOf(wanted: number): Promise<RawPeer> {
    for (let tries = 0; tries < 64; tries++) {
      const before = this.#count("connection.opened");
      const peer = await RawPeer.open(this);
      const { worker } = await this.#next("connection.opened", before);
      if (worker === wanted) return peer;
      peer.close();
    }
    throw new Error("64 connections fell to the other worker");
  }

  /** A worker dies; resolves when another one has its place. */
  async kill(worker: number): Promise<void> {
    const before = this.#count("worker.back");
    this.#handles[worker]!.post({ type: "die" } as unknown as ToWorker);
    await this.#next("worker.back", before);
  }

  /** Resolves when so many files more are stored. */
  async stored(files: number): Promise<void> {
    await this.#next("transfer.stored", this.#count("transfer.stored") + files - 1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#pool.stop();
    await this.#pool.finished;
  }
}

function test(name: string, fn: (crew: Crew) => Promise<void>): void {
  Deno.test({
    name: `sessions in memory: ${name}`,
    ignore: Deno.build.os !== "linux",
    async fn() {
      await using dir = await TempDir.make();
      await using crew = await Crew.start(dir.path);
      await fn(crew);
    },
  });
}

test("a worker that dies in the middle of an upload loses none, the other one goes on", async (crew) => {
  const bytes = new Random(1).bytes(300_000);
  const whole = { length: bytes.length, sha256: sha256(bytes) };
  using old = await crew.peerOf(1);
  assert.equal((await old.connect()).data.code, "session_created");
  const part = await old.upload(bytes.subarray(0, 100_000), { ...whole, complete: false });
  assert.deepEqual([part.data.code, part.data.offset], ["partial", 100_000]);
  const rest = old.transfer(bytes.subarray(100_000), { ...whole, offset: 100_000 });
  await old.send(rest.subarray(0, 50_000));
  await crew.kill(1);
  assert.equal(await old.rest(), "", "its connection ends");
  using peer = await crew.peerOf(2);
  const { data } = await peer.connect({}, old.id);
  assert.equal(data.code, "session_resumed");
  assert.equal(data.next_sequence, 2);
  const { offset } = data.upload;
  assert.ok(offset >= 100_000, `what was acknowledged is kept, ${offset} bytes`);
  const { data: stored } = await peer.upload(bytes.subarray(offset), { ...whole, offset });
  assert.equal(stored.code, "ok");
  await assertContents(crew.storage, [bytes]);
});

test("a frame whose worker has died is answered by the other from what it kept", async (crew) => {
  using old = await crew.peerOf(2);
  await old.connect();
  const { data: first } = await old.upload("first");
  assert.equal(first.code, "ok");
  await crew.kill(2);
  using peer = await crew.peerOf(1);
  assert.equal((await peer.connect({}, old.id)).data.next_sequence, 2);
  const { data: again } = await peer.upload("first", undefined, { sequence: 1 });
  assert.deepEqual(again, { ...first, replayed: true });
  await assertContents(crew.storage, [new TextEncoder().encode("first")]);
});

test("whenever workers die, each file of each client is stored once", async (crew) => {
  const random = new Random(7);
  const contents: Uint8Array[] = [];
  let over = false;
  const clients = Array.from({ length: 12 }, async (_, client) => {
    let peer: RawPeer | undefined;
    let id: string | null = null;
    for (let sequence = 1; !over || sequence <= 20;) {
      // Up to here the small way, and beyond the one through the thread pool.
      const bytes = new Random(client * 1000 + sequence).bytes(sequence % 4 === 0 ? 40_000 : 500);
      try {
        if (peer === undefined) {
          peer = await RawPeer.open(crew);
          const { data } = await peer.connect({}, id);
          if (data.next_sequence === undefined) throw new Error(data.code);
          id = peer.id;
        }
        const { data } = await peer.upload(bytes, undefined, { sequence });
        assert.equal(data.code, "ok");
        contents.push(bytes);
        sequence++;
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
        peer?.close();
        peer = undefined;
      }
    }
    peer?.close();
  });
  for (let deaths = 0; deaths < 8; deaths++) {
    await crew.stored(random.int(1, 40));
    await crew.kill(1 + deaths % 2);
  }
  over = true;
  await Promise.all(clients);
  assert.ok(contents.length >= 240, `${contents.length} files`);
  await assertContents(crew.storage, contents);
});

test("a frame that its client sends again through the other worker is stored once", async (crew) => {
  const contents: Uint8Array[] = [];
  await Promise.all(Array.from({ length: 6 }, async (_, client) => {
    const random = new Random(client);
    for (let session = 0; session < 12; session++) {
      let old = await RawPeer.open(crew);
      assert.equal((await old.connect()).data.code, "session_created");
      // More takeovers in a row of connections that are alive would be refused.
      for (let sequence = 1; sequence <= 4; sequence++) {
        const bytes = random.bytes(random.int(1, 3) === 1 ? 30_000 : 300);
        const next = await RawPeer.open(crew);
        // Both are on the way at once: the frame on the old connection, and the connect that ends it.
        const sending = old.send(old.transfer(bytes, {}, { sequence })).catch(() => {});
        for (let turns = random.int(0, 20); turns > 0; turns--) await Promise.resolve();
        const { data } = await next.connect({}, old.id);
        assert.equal(data.code, "session_resumed");
        await sending;
        const { data: stored } = await next.upload(bytes, {}, { sequence });
        assert.equal(stored.code, "ok");
        contents.push(bytes);
        old.close();
        old = next;
      }
      old.close();
    }
  }));
  await assertContents(crew.storage, contents);
});
