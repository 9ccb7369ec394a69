import assert from "node:assert/strict";
import { LATE, pause, unlessAborted, within } from "../src/within.ts";

const pure = { permissions: "none" } as const;

Deno.test(
  "within() gives the value or the error that came in time, and LATE otherwise",
  pure,
  async () => {
    assert.equal(await within(10_000, Promise.resolve(7)), 7);
    await assert.rejects(within(10_000, Promise.reject(new Error("no"))), /^Error: no$/);
    const { promise, reject } = Promise.withResolvers<never>();
    assert.equal(await within(1, promise), LATE);
    reject(new Error("a rejection that comes late ends nothing"));
  },
);

Deno.test("pause() lasts its time, or until an abort", pure, async () => {
  const { signal } = new AbortController();
  const start = performance.now();
  await pause(20, signal);
  assert.ok(performance.now() - start >= 19);
  const abort = new AbortController();
  const pauses = [pause(60_000, abort.signal), pause(undefined, abort.signal)];
  abort.abort();
  await Promise.all(pauses);
  await pause(60_000, abort.signal);
});

Deno.test(
  "unlessAborted() gives what the promise gives, but an abort comes first",
  pure,
  async () => {
    const abort = new AbortController();
    assert.equal(await unlessAborted(Promise.resolve(7), abort.signal), 7);
    await assert.rejects(
      unlessAborted(Promise.reject(new Error("no")), abort.signal),
      /^Error: no$/,
    );
    const { promise, reject } = Promise.withResolvers<never>();
    const waiting = unlessAborted(promise, abort.signal);
    abort.abort(new Error("enough"));
    await assert.rejects(waiting, /^Error: enough$/);
    await assert.rejects(unlessAborted(promise, abort.signal), /^Error: enough$/);
    reject(new Error("a rejection that comes late ends nothing"));
  },
);
