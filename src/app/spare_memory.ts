/**
 * Gives memory back while a program serves (S-FAIR-2).
 *
 * The first clean-up comes before anybody is told that the program serves: it takes what was needed to load and
 * compile it. Else V8 would look for that in the middle of the first few thousand files, which take up to a
 * tenth more time for it.
 *
 * V8 doubles its space for new objects, up to 64 MiB, when much of what lies in it is in use at the same time,
 * as with a thousand connections, and makes it smaller again only when it is told that memory is short. The
 * flag `--v8-flags=--max-semi-space-size=8` bounds that space, and the tasks and the compiled programs have it;
 * but whoever starts the program with `deno run` need not know it. So the program looks how far the heap has
 * grown, and has V8 clean up when it is too much.
 *
 * A later clean-up takes some 30 ms in which nobody is served, and until the space has grown again, files cost
 * up to a quarter more time. So it comes only where much was asked and nothing changed, where many
 * connections are open and little comes from them, or when next to nothing has come for half a minute.
 *
 * @module
 */
import { cleaner, heapBytes } from "../clean_up.ts";
import type { Server } from "../server/mod.ts";

/** The heap is looked at so often, in milliseconds: in an attack it grows by some 5 MiB in this time. */
const LOOK_MS = 100;

/** What starts a clean-up: so many bytes more than after the last one, and how long ago that was. */
const GROWN_BYTES = 12 * 2 ** 20;
const EVERY_MS = 1000;

/**
 * There may be an attack once so many frames have changed nothing since the last clean-up; or if so many
 * connections are open and send no more than this in the time from look to look.
 */
const IDLE_FRAMES = 5000;
const MANY_CONNECTIONS = 200;
const QUIET_BYTES = 128 * 1024;

/** A server that got and sent less than this from look to look, for so many milliseconds, has nothing to do. */
const IDLE_BYTES = 4096;
const IDLE_MS = 30_000;

/** The part of the time that clean-ups of a large heap may take, and the longest rest between two. */
const MAX_SHARE = 0.1;
const MAX_REST_MS = 3000;

/** What is looked at of a server. */
type Watched = Pick<Server, "connections" | "idleFrames" | "traffic">;

/**
 * Cleans up what starting a server has left, and keeps the heap of its program small until disposed.
 *
 * @param idleMs Overrides how long a server must have had nothing to do, for tests.
 */
export async function spareMemory(server: Watched, idleMs: number = IDLE_MS): Promise<Disposable> {
  const clean = await cleaner();
  if (clean === undefined) return { [Symbol.dispose]() {} };
  clean();
  let floor = heapBytes();
  let before = server.idleFrames;
  let received = 0;
  let moved = 0;
  let restUntil = 0;
  let idleSince = performance.now();
  const look = (): void => {
    const begun = performance.now();
    if (begun < restUntil || heapBytes() - floor < GROWN_BYTES) return;
    const { connections, idleFrames, traffic } = server;
    const bytes = traffic.received - received;
    received = traffic.received;
    if (received + traffic.sent - moved >= IDLE_BYTES) idleSince = begun;
    moved = received + traffic.sent;
    const isIdle = begun - idleSince >= idleMs;
    const isQuiet = connections >= MANY_CONNECTIONS && bytes < QUIET_BYTES;
    if (!isIdle && !isQuiet && idleFrames - before < IDLE_FRAMES) return;
    clean();
    const ended = performance.now();
    const rest = Math.max(EVERY_MS, (ended - begun) / MAX_SHARE);
    restUntil = ended + Math.min(rest, MAX_REST_MS);
    before = idleFrames;
    floor = heapBytes();
  };
  const timer = setInterval(look, LOOK_MS);
  return {
    [Symbol.dispose]() {
      clearInterval(timer);
    },
  };
}
