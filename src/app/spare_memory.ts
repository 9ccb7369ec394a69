/**
 * Gives memory back while a program serves (S-FAIR-2).
 *
 * V8 doubles its space for new objects, up to 64 MiB, when much of what lies in it is in use at the same time,
 * as with a thousand connections, and makes it smaller again only when it is told that memory is short. The
 * flag `--v8-flags=--max-semi-space-size=8` bounds that space, and the tasks and the compiled programs have it;
 * but whoever starts the program with `deno run` need not know it. So the program looks how far the heap has
 * grown, and has V8 clean up when it is too much.
 *
 * A clean-up takes some 30 ms in which nobody is served, and until the space has grown again, files cost up to
 * a quarter more time. So it comes only where much was asked and nothing changed, as in an attack.
 *
 * @module
 */

/** The heap is looked at so often, in milliseconds: in an attack it grows by some 10 MiB in this time. */
const LOOK_MS = 250;

/** What starts a clean-up: so many bytes more than after the last one, and how long ago that was. */
const GROWN_BYTES = 16 * 2 ** 20;
const EVERY_MS = 1000;

/** There may be an attack once so many frames have changed nothing since the last clean-up. */
const IDLE_FRAMES = 5000;

/** The part of the time that clean-ups of a large heap may take. */
const MAX_SHARE = 0.1;

/**
 * A function that has V8 collect all garbage and return the memory; undefined where Deno does not give it to
 * a program, as 2.6.8 does not.
 */
async function cleaner(): Promise<(() => void) | undefined> {
  const [{ default: v8 }, { default: vm }] = await Promise.all([
    import("node:v8"),
    import("node:vm"),
  ]);
  v8.setFlagsFromString("--expose-gc");
  try {
    return vm.runInNewContext("gc");
  } catch {
    return undefined;
  }
}

/** Keeps the heap of a server's program small until disposed. */
export function spareMemory(server: { readonly idleFrames: number }): Disposable {
  let floor = heapBytes();
  let before = server.idleFrames;
  let restUntil = 0;
  let clean: (() => void) | undefined;
  const look = async (): Promise<void> => {
    const { idleFrames } = server;
    if (idleFrames - before < IDLE_FRAMES) return;
    if (performance.now() < restUntil || heapBytes() - floor < GROWN_BYTES) return;
    clean ??= await cleaner();
    if (clean === undefined) return clearInterval(timer);
    const begun = performance.now();
    clean();
    const ended = performance.now();
    restUntil = ended + Math.max(EVERY_MS, (ended - begun) / MAX_SHARE);
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

const heapBytes = (): number => Deno.memoryUsage().heapTotal;
