import assert from "node:assert/strict";
import type { FromWorker, ToWorker } from "../../../src/app/workers/worker.ts";
import { Pool, type WorkerEvents } from "../../../src/app/workers/pool.ts";
import { configOfWorker, spawnWorker } from "../../../src/app/workers/parent.ts";
import { createSharedMemory } from "../../../src/app/workers/shared_memory.ts";
import { DEFAULT_CONFIG } from "../../../src/config/mod.ts";
import { FxferError } from "../../../src/errors.ts";
import { Events, type ServerEvent } from "../../../src/events.ts";
import { createLogger, type LogEvent, logEvents } from "../../../src/log.ts";
import { EventLog } from "../../helpers/event_log.ts";

const LISTENING: FromWorker = {
  type: "listening",
  hostname: "127.0.0.1",
  tier: "RW",
  durability: "process",
};

/** A worker that does what the test says. */
interface Puppet {
  readonly worker: number;
  readonly events: WorkerEvents;
  readonly told: ToWorker[];
  ended: boolean;
}

/** Events whose lines go to a log. */
function eventsOf(log: EventLog<LogEvent>): Events {
  const events = new Events();
  logEvents(events, createLogger((event) => log.push(event)));
  return events;
}

/** A pool of puppets. */
class Stage {
  readonly log: EventLog<LogEvent> = new EventLog<LogEvent>();
  readonly events: Events = eventsOf(this.log);
  readonly spawned: EventLog<Puppet> = new EventLog<Puppet>();
  readonly reclaimed: number[] = [];
  readonly pool: Pool;

  constructor(workers: number, stopMs = 10_000) {
    this.pool = new Pool({
      workers,
      stopMs,
      pauseMs: 1,
      sink: (event) => this.log.push(event),
      events: this.events,
      reclaim: (worker) => this.reclaimed.push(worker),
      spawn: (worker, events) => {
        const puppet: Puppet = { worker, events, told: [], ended: false };
        this.spawned.push(puppet);
        return {
          post: (message) => puppet.told.push(message),
          terminate: () => puppet.ended = true,
        };
      },
    });
  }

  get puppets(): readonly Puppet[] {
    return this.spawned.all;
  }

  /** All listen. */
  async listening(): Promise<void> {
    for (const { events } of this.puppets) events.message(LISTENING);
    await this.pool.listening;
  }

  /** The nth puppet that was ever made, once it is. */
  async nth(n: number): Promise<Puppet> {
    let seen = 0;
    return await this.spawned.wait(() => ++seen === n, `worker start ${n}`);
  }

  stopped(): void {
    for (const { events } of this.puppets) events.message({ type: "stopped" });
  }
}

Deno.test("Pool.listening settles when the last worker listens", async () => {
  const stage = new Stage(2);
  let settled = false;
  const listening = stage.pool.listening.then(() => settled = true);
  stage.puppets[0]!.events.message(LISTENING);
  await Promise.resolve();
  assert.equal(settled, false);
  stage.puppets[1]!.events.message(LISTENING);
  await listening;
  stage.pool.stop();
  stage.stopped();
  await stage.pool.finished;
  assert.deepEqual(stage.puppets.map(({ ended }) => ended), [true, true]);
});

Deno.test("Pool.listening rejects with the reason of a worker that cannot start", async () => {
  const stage = new Stage(2);
  stage.puppets[1]!.events.message({ type: "refused", code: "local_io", message: "Cannot listen" });
  await assert.rejects(stage.pool.listening, new FxferError("local_io", "Cannot listen"));
  stage.pool.stop();
  stage.stopped();
  await stage.pool.finished;
});

Deno.test("a worker that dies before all listen ends the start", async () => {
  const stage = new Stage(2);
  stage.puppets[0]!.events.died("no module");
  await assert.rejects(stage.pool.listening, /Cannot start worker: no module/);
  stage.pool.stop();
  stage.puppets[1]!.events.message({ type: "stopped" });
  await stage.pool.finished;
});

Deno.test("a worker that dies is logged, what it held is given back, and it is started again", async () => {
  const stage = new Stage(2);
  await stage.listening();
  stage.puppets[1]!.events.died("out of luck");
  assert.equal(stage.puppets[1]!.ended, true);
  assert.deepEqual(stage.reclaimed, [2]);
  const again = await stage.nth(3);
  assert.equal(again.worker, 2);
  const died = await stage.log.wait(({ event }) => event === "worker.died");
  assert.deepEqual(died.fields, { worker: 2, reason: "out of luck", again_ms: 1 });
  again.events.message(LISTENING);
  await stage.log.wait(({ event }) => event === "worker.back");
  stage.puppets[1]!.events.died("a second time"); // nobody listens to the dead
  assert.equal(stage.puppets.length, 3);
  stage.pool.stop();
  assert.deepEqual(stage.puppets[1]!.told, []);
  stage.stopped();
  await stage.pool.finished;
});

Deno.test("what a worker tells is told by the pool, with the worker's number", async () => {
  const stage = new Stage(2);
  const told: ServerEvent[] = [];
  using _listening = stage.events.subscribe((event) => told.push(event));
  await stage.listening();
  const event = { type: "connection.opened", connection: 7, address: "10.0.0.1" } as const;
  stage.puppets[1]!.events.message({ type: "event", event });
  assert.deepEqual(told, [
    { type: "worker.started", worker: 1 },
    { type: "worker.started", worker: 2 },
    { worker: 2, ...event },
  ]);
  stage.pool.stop();
  stage.stopped();
  await stage.pool.finished;
});

Deno.test("a worker that dies too often stays away, and without any the server has failed", async () => {
  const stage = new Stage(2);
  await stage.listening();
  for (const worker of [1, 2]) {
    for (let deaths = 0; deaths < 6; deaths++) {
      const last = stage.puppets.findLast((puppet) => puppet.worker === worker)!;
      const next = stage.puppets.length + 1;
      last.events.died("again");
      if (deaths < 5) (await stage.nth(next)).events.message(LISTENING);
    }
    if (worker === 1) {
      const ready = stage.pool.check();
      answer(stage.puppets[1]!, true);
      assert.deepEqual(await ready, { ready: true }, "the other one goes on");
    }
  }
  assert.equal(stage.puppets.length, 12);
  await assert.rejects(stage.pool.finished, /Cannot go on: every worker has died/);
});

/** Answers the last question whether it is ready. */
function answer({ told, events }: Puppet, ready: boolean): void {
  const question = told.findLast(({ type }) => type === "check");
  assert.ok(question?.type === "check");
  const { check } = question;
  const state = ready ? { ready } as const : { ready, reason: "storage" } as const;
  events.message({ type: "checked", check, state });
}

Deno.test("Pool.check() is ready when every worker is", async () => {
  const stage = new Stage(2);
  await stage.listening();
  for (const [one, two] of [[true, true], [true, false], [false, true]] as const) {
    const state = stage.pool.check();
    answer(stage.puppets[0]!, one);
    answer(stage.puppets[1]!, two);
    const expected = one && two ? { ready: true } : { ready: false, reason: "storage" };
    assert.deepEqual(await state, expected);
  }
  const asked = stage.pool.check();
  answer(stage.puppets[0]!, true);
  stage.puppets[1]!.events.died("meanwhile");
  assert.deepEqual(await asked, { ready: false, reason: "workers" });
  stage.pool.stop();
  assert.deepEqual(await stage.pool.check(), { ready: false, reason: "stopping" });
  stage.stopped();
  await stage.pool.finished;
});

Deno.test("a stop before all listen is a stop", async () => {
  const stage = new Stage(2);
  stage.puppets[0]!.events.message(LISTENING);
  stage.pool.stop();
  stage.puppets[0]!.events.message({ type: "stopped" });
  stage.puppets[1]!.events.message(LISTENING);
  stage.puppets[1]!.events.message({ type: "stopped" });
  assert.equal(await Promise.race([stage.pool.listening, stage.pool.finished]), undefined);
});

Deno.test("a worker that does not stop is ended when the time is over", async () => {
  const stage = new Stage(2, 10);
  await stage.listening();
  stage.pool.stop();
  stage.puppets[0]!.events.message({ type: "stopped" });
  await stage.pool.finished;
  assert.deepEqual(stage.puppets.map(({ ended }) => ended), [true, true]);
  const hung = await stage.log.wait(({ event }) => event === "worker.hangs");
  assert.equal(hung.fields.worker, 2);
});

Deno.test("a worker that dies while all stop is not started again", async () => {
  const stage = new Stage(2);
  await stage.listening();
  stage.pool.stop();
  stage.puppets[0]!.events.died("on the way out");
  stage.puppets[1]!.events.message({ type: "stopped" });
  await stage.pool.finished;
  assert.equal(stage.puppets.length, 2);
});

Deno.test({
  name: "real workers that throw are started again on their port",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const held = Deno.listen({ hostname: "127.0.0.1", port: 0, reusePort: true });
    const { port } = held.addr as Deno.NetAddr;
    const log = new EventLog<LogEvent>();
    const config = configOfWorker(DEFAULT_CONFIG, { port }, 2);
    const shared = createSharedMemory(2, false);
    const pool = new Pool({
      workers: 2,
      stopMs: 5000,
      sink: () => {},
      events: eventsOf(log),
      reclaim: () => {},
      spawn: (worker, events) =>
        spawnWorker(
          import.meta.resolve("./mortal_worker.ts"),
          { type: "start", worker, config, allEvents: false, counts: false, shared },
          events,
        ),
    });
    await pool.listening;
    held.close();
    // Both die of the question.
    assert.deepEqual(await pool.check(), { ready: false, reason: "workers" });
    for (const worker of [1, 2]) {
      const died = await log.wait(({ event, fields }) =>
        event === "worker.died" && fields.worker === worker
      );
      assert.match(String(died.fields.reason), /told to die/);
      await log.wait(({ event, fields }) => event === "worker.back" && fields.worker === worker);
    }
    for (let n = 0; n < 20; n++) {
      using conn = await Deno.connect({ hostname: "127.0.0.1", port });
      assert.equal(await conn.read(new Uint8Array(1)), null);
    }
    pool.stop();
    await pool.finished;
  },
});
