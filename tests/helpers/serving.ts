/** Tests that share one running server: starting a process for each would take most of the time. @module */
import assert from "node:assert/strict";
import { listStored, partialSizes } from "./files.ts";
import { FLAGS_RW, FLAGS_W, Program, type ServeOptions } from "./program.ts";
import { RawPeer } from "./raw_peer.ts";

/** Declares a test that gets the shared server. */
export type ServerTest = (name: string, fn: (server: Program) => Promise<void>) => void;

/** Both permission tiers; a compiled binary has its permissions baked in, so there is one. */
export const TIERS: readonly (readonly [name: string, flags: readonly string[]])[] =
  Deno.env.get("FXFER_BIN") ? [["binary", []]] : [["RW", FLAGS_RW], ["W", FLAGS_W]];

/**
 * A server for the tests of one file: it starts before the first and is stopped after the last, and
 * that fails if it had died or left an error uncaught. Tests with servers of their own go into other
 * files: a shared server's log that is read meanwhile looks to them like a leak.
 *
 * @param label Put in front of each test's name.
 */
export function serving(label: string, options: ServeOptions = {}): ServerTest {
  let server: Program | undefined;
  Deno.test.beforeAll(async () => {
    server = await Program.serve(options);
  });
  Deno.test.afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
  });
  return (name, fn) => {
    Deno.test({
      name: label === "" ? name : `${label}: ${name}`,
      fn: () => fn(server!),
      // Reads of the shared server's output are under way before, during and after each test. Leaked
      // sockets and files are still found: they are resources.
      sanitizeOps: false,
    });
  };
}

/** Fails unless a fresh upload on a new connection succeeds, and within a second. */
export async function assertAlive(server: Program): Promise<void> {
  let best = Infinity;
  // A busy machine may be slow once; a server that hangs is slow each time.
  for (let tries = 0; tries < 3 && best >= 1000; tries++) {
    const start = performance.now();
    using peer = await RawPeer.open(server);
    const { data } = await peer.stateless("still here");
    assert.equal(data.code, "ok");
    best = Math.min(best, performance.now() - start);
  }
  assert.ok(best < 1000, `a fresh upload takes less than a second, not ${Math.round(best)} ms`);
}

/** Runs `fn` and fails unless it stored exactly `count` files. */
export async function assertStores<T>(
  server: Program,
  count: number,
  fn: () => Promise<T>,
): Promise<T> {
  const before = (await listStored(server.storage)).length;
  const result = await fn();
  assert.equal((await listStored(server.storage)).length - before, count, "files stored");
  return result;
}

/**
 * Waits for something that only looking can tell, such as a file that goes away; fails when it has
 * not come true in time.
 */
export async function until(
  isTrue: () => boolean | Promise<boolean>,
  what: string,
  timeoutMs = 5000,
): Promise<void> {
  const end = performance.now() + timeoutMs;
  for (let pause = 1; !await isTrue(); pause = Math.min(2 * pause, 16)) {
    if (performance.now() > end) throw new Error(`Not in ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

/** Waits until a file with so many bytes is being received into a storage folder. */
export async function received(storage: string, bytes = 0, timeoutMs?: number): Promise<void> {
  const isThere = async () => (await partialSizes(storage)).some((size) => size >= bytes);
  await until(isThere, `${bytes} bytes of a file are received`, timeoutMs);
}
