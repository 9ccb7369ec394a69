/**
 * Gives memory back while a program serves (S-FAIR-2).
 *
 * V8 doubles its space for new objects, up to 64 MiB, when much of what lies in it is in use at the same time,
 * as with a thousand connections, and makes it smaller again only when it is told that memory is short. The
 * flag `--v8-flags=--max-semi-space-size=8` bounds that space, and the tasks and the compiled programs have it;
 * but whoever starts the program with `deno run` need not know it. So the program looks how far the heap has
 * grown, and has V8 clean up when it is too much.
 *
 * A clean-up takes some 30 ms in which nobody is served. So it comes after growth only, takes a few hundredths
 * of the time at most, and with few connections, which cannot hold much, it is rare.
 *
 * @module
 */

/** The heap is looked at so often, in milliseconds: in an attack it grows by some 10 MiB in this time. */
const LOOK_MS = 250;

/** What starts a clean-up: so many bytes more than after the last one, and how long ago that was. */
const FEW_CONNECTIONS = { grownBytes: 32 * 2 ** 20, everyMs: 10_000 };
const MANY_CONNECTIONS = { grownBytes: 16 * 2 ** 20, everyMs: 1000 };

/** From so many connections on they count as many: a benchmark has 100. */
const MANY = 200;

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

/** Keeps the heap small until disposed. @param server Whose connections are counted. */
export function spareMemory(server: { readonly connections: number }): Disposable {
  let floor = Deno.memoryUsage().heapTotal;
  let lastEnded = 0;
  let lastMs = 0;
  let clean: (() => void) | undefined;
  const look = async (): Promise<void> => {
    const { grownBytes, everyMs } = server.connections < MANY ? FEW_CONNECTIONS : MANY_CONNECTIONS;
    if (performance.now() - lastEnded < Math.max(everyMs, lastMs / MAX_SHARE)) return;
    if (Deno.memoryUsage().heapTotal - floor < grownBytes) return;
    clean ??= await cleaner();
    if (clean === undefined) return clearInterval(timer);
    const begun = performance.now();
    clean();
    lastEnded = performance.now();
    lastMs = lastEnded - begun;
    floor = Deno.memoryUsage().heapTotal;
  };
  const timer = setInterval(look, LOOK_MS);
  return {
    [Symbol.dispose]() {
      clearInterval(timer);
    },
  };
}
