import assert from "node:assert/strict";
import { Events, type ServerEvent } from "../src/events.ts";
import { pure } from "./helpers/pure.ts";
import { createLogger, isLogged, type LogEvent, logEvents, silentLogger } from "../src/log.ts";

const OPENED: ServerEvent = { type: "connection.opened", connection: 1, address: "10.0.0.1" };
const STOPPED: ServerEvent = { type: "server.stopped", rule: "S-DRN-1" };

pure("Events tells each listener what it wants, in order, until it is disposed", () => {
  const events = new Events();
  const told: string[] = [];
  assert.equal(events.wants("server.stopped"), false);
  events.emit(STOPPED);
  const all = events.subscribe(({ type }) => told.push(`all ${type}`));
  const some = events.subscribe(
    ({ type }) => told.push(`some ${type}`),
    (type) => type === "server.stopped",
  );
  assert.ok(events.wants("connection.opened"));
  events.emit(OPENED);
  events.emit(STOPPED);
  all[Symbol.dispose]();
  assert.deepEqual([events.wants("connection.opened"), events.wants("server.stopped")], [
    false,
    true,
  ]);
  events.emit(OPENED);
  events.emit(STOPPED);
  some[Symbol.dispose]();
  some[Symbol.dispose]();
  events.emit(STOPPED);
  assert.deepEqual(told, [
    "all connection.opened",
    "all server.stopped",
    "some server.stopped",
    "some server.stopped",
  ]);
});

pure("A listener that throws, or whose promise is rejected, harms nobody", async () => {
  const causes: unknown[] = [];
  const events = new Events((cause) => causes.push(cause));
  let told = 0;
  events.subscribe(() => {
    throw new Error("thrown");
  });
  events.subscribe(() => Promise.reject(new Error("rejected")));
  events.subscribe(() => told++);
  events.emit(STOPPED);
  await Promise.resolve();
  assert.deepEqual(causes.map(String), ["Error: thrown", "Error: rejected"]);
  assert.equal(told, 1);
  // Without anybody to hear of it, too.
  const quiet = new Events();
  quiet.subscribe(() => Promise.reject(new Error("rejected")));
  quiet.emit(STOPPED);
});

pure("A listener may subscribe and end listening while it is told", () => {
  const events = new Events();
  const told: string[] = [];
  const first = events.subscribe(() => {
    told.push("first");
    first[Symbol.dispose]();
    events.subscribe(() => told.push("later"), ({ length }) => length === STOPPED.type.length);
  });
  events.emit(OPENED);
  events.emit(STOPPED);
  assert.deepEqual(told, ["first", "later"]);
});

pure("logEvents() writes a line for each event: its level, its name and its facts", () => {
  const lines: LogEvent[] = [];
  const events = new Events();
  const log = createLogger((line) => lines.push(line), "debug");
  {
    using _lines = logEvents(events, log);
    const step = { session: "a1b2c3d4", from: "Detached", to: "Authenticated" } as const;
    const attach = { connection: 7, ...step, epoch: 2, sequence: 3, address: "::1" };
    events.emit({ type: "session.resumed", rule: "S-CON-2", ...attach, offset: 5 });
    events.emit({ type: "session.taken_over", rule: "S-TAKE-2", ...attach });
    const refusal = { code: "too_large", reason: "Cannot take file" } as const;
    events.emit({ type: "connection.refused", address: "::1", ...refusal });
    events.emit({ type: "transfer.refused", rule: "S-TRF-2", connection: 7, ...refusal });
    events.emit({ ...OPENED, worker: 2 });
    events.emit({ type: "worker.died", worker: 2, reason: "out of luck" });
    events.emit({ type: "store.lost", store: "redis", cause: "Error: away" });
  }
  events.emit(STOPPED);
  const facts = { connection: 7, session: "a1b2c3d4", epoch: 2, sequence: 3, address: "::1" };
  const refusal = { code: "too_large", reason: "Cannot take file" };
  assert.deepEqual(lines.map(({ level, event, fields }) => [level, event, fields]), [
    ["info", "session.resumed", { ...facts, offset: 5 }],
    ["info", "session.resumed", facts],
    ["info", "request.refused", { address: "::1", ...refusal }],
    ["info", "request.refused", { connection: 7, ...refusal }],
    ["debug", "connection.opened", { connection: 1, address: "10.0.0.1", worker: 2 }],
    ["error", "worker.died", { worker: 2, reason: "out of luck" }],
    ["warn", "store.lost", { store: "redis", cause: "Error: away" }],
  ]);
});

pure("logEvents() wants only what the log has a line for", () => {
  const events = new Events();
  logEvents(events, silentLogger);
  assert.equal(events.wants("worker.died"), false);
  const warnings = createLogger(() => {}, "warn");
  logEvents(events, warnings);
  assert.deepEqual([events.wants("worker.died"), events.wants("transfer.stored")], [true, false]);
  assert.deepEqual([isLogged("store.lost", warnings), isLogged("store.back", warnings)], [
    true,
    false,
  ]);
});
