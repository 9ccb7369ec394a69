import assert from "node:assert/strict";
import { keepServing } from "../../src/app/mod.ts";
import { createLogger, type LogEvent } from "../../src/log.ts";

Deno.test("a rejection that no part awaits, and an error in a timer, are logged and end nothing", async () => {
  const events: LogEvent[] = [];
  using _guard = keepServing(createLogger((event) => events.push(event)));
  void Promise.reject(new Error("nobody waits"));
  setTimeout(() => {
    throw new Error("in a timer");
  }, 1);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual(
    events.map(({ event, level, fields }) => [event, level, (fields.cause as Error).message]),
    [["error.uncaught", "error", "nobody waits"], ["error.uncaught", "error", "in a timer"]],
  );
});
