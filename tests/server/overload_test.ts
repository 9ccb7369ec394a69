import assert from "node:assert/strict";
import { FxferError } from "../../src/errors.ts";
import { Events, type ServerEvent } from "../../src/events.ts";
import { connect } from "../../src/client/mod.ts";
import { Overload } from "../../src/server/overload.ts";
import { expectCode, InProcess } from "../helpers/in_process.ts";
import { until } from "../helpers/serving.ts";

const pure = { permissions: "none" } as const;

/** Whether one more session is admitted. */
function admits(overload: Overload, live = 0): boolean {
  try {
    overload.admit(live);
    return true;
  } catch (error) {
    assert(error instanceof FxferError && error.code === "busy");
    assert.ok(Number(error.fields.retry_after_ms) > 0);
    return false;
  }
}

Deno.test(
  "Overload: with both limits at 0 everything is admitted and no timer runs (S-DEG-1)",
  pure,
  () => {
    // The op sanitizer would find a timer: it is not disposed of.
    const overload = new Overload({ sessions: 0, eventLoopDelayMs: 0 }, new Events(), 0);
    overload.measure(60_000);
    assert.ok(admits(overload, 1e6));
  },
);

Deno.test("Overload: sessions take hold at the limit and let go a tenth below it", pure, () => {
  const overload = new Overload({ sessions: 20, eventLoopDelayMs: 0 }, new Events(), 0);
  const admitted = [0, 19, 20, 25, 20, 19, 18, 19, 20].map((live) => admits(overload, live));
  assert.deepEqual(admitted, [true, true, false, false, false, false, true, true, false]);
  const one = new Overload({ sessions: 1, eventLoopDelayMs: 0 }, new Events(), 0);
  assert.deepEqual([0, 1, 1, 0].map((live) => admits(one, live)), [true, false, false, true]);
});

Deno.test(
  "Overload: a late event loop takes hold as an average and lets go at half of the limit",
  pure,
  () => {
    const told: ServerEvent[] = [];
    const events = new Events();
    events.subscribe((event) => told.push(event));
    using overload = new Overload({ sessions: 0, eventLoopDelayMs: 50 }, events, 0);
    let now = 0;
    const turns = (count: number, late: number) => {
      for (let i = 0; i < count; i++) overload.measure(now += 100 + late);
    };
    turns(50, 0);
    assert.equal(overload.delayMs, 0);
    turns(1, 150);
    assert.ok(admits(overload), "one slow turn is not yet a load");
    turns(20, 100);
    assert.equal(admits(overload), false);
    assert.ok(overload.delayMs > 50 && overload.delayMs < 100);
    turns(30, 40);
    assert.equal(admits(overload), false, "below the limit, but not by half");
    turns(20, 0);
    assert.ok(admits(overload));
    turns(1, 5000);
    assert.equal(admits(overload), false, "a loop that stood still");
    const what = "event_loop_delay_ms";
    const [degraded, recovered, again] = told;
    assert.ok(degraded?.type === "server.degraded" && degraded.above === what);
    assert.ok(recovered?.type === "server.recovered" && recovered.below === what);
    assert.ok(again?.type === "server.degraded" && again.value > again.limit);
    assert.equal(told.length, 3);
  },
);

Deno.test("Overload: its one timer measures a loop that is really late", async () => {
  using overload = new Overload({ sessions: 0, eventLoopDelayMs: 60 }, new Events());
  const end = performance.now() + 400;
  while (performance.now() < end); // the loop stands still
  await until(() => overload.delayMs > 60, "the delay is seen", 2000);
  assert.equal(admits(overload), false);
  await until(() => admits(overload), "and forgotten", 8000);
});

Deno.test("degrade_above: a connect that allows it is served stateless, and back again (S-DEG-1)", async () => {
  await using server = await InProcess.start({ degradeAbove: { sessions: 2 } });
  using one = await server.attached();
  using two = await server.attached();
  using other = await server.open();
  const refused = expectCode(await other.connect(), "busy");
  assert.ok(refused.retry_after_ms > 0);
  const { header, data } = await other.connect({ fallback: "stateless" });
  assert.deepEqual(
    [data.code, data.mode, data.degraded, header.session.id],
    ["ok", "stateless", "busy", null],
  );
  expectCode(await other.stateless("served all the same"), "ok");

  // Sessions that exist go on, and can be resumed.
  expectCode(await one.upload("in the session"), "ok");
  using again = await server.attached({}, two.id);
  expectCode(await again.upload("in the other"), "ok");

  expectCode(await one.disconnect(), "session_closed");
  expectCode(await again.disconnect(), "session_closed");
  expectCode(await other.connect({ fallback: "stateless" }), "session_created");
});

Deno.test("degrade_above: the client library goes on stateless and says so (S-DEG-1)", async () => {
  await using server = await InProcess.start({ degradeAbove: { sessions: 1 } });
  using _held = await server.attached();
  const reasons: string[] = [];
  await using client = await connect({
    port: server.port,
    mode: "auto",
    onEvent: (event) => event.type === "degraded" && reasons.push(event.reason),
  });
  const { file } = await client.send(new Uint8Array(1000));
  assert.equal(file?.size, 1000);
  assert.deepEqual(reasons, ["busy"]);
});

Deno.test("Where stateless mode is off there is nothing to fall back to (S-DEG-1)", async () => {
  await using server = await InProcess.start({
    mode: "stateful",
    degradeAbove: { sessions: 1 },
    stateful: { maxSessions: 2 },
  });
  using _held = await server.attached();
  using other = await server.open();
  expectCode(await other.connect({ fallback: "stateless" }), "busy");
});
