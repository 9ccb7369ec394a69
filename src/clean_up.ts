/** Has V8 collect all garbage and give the memory back. Open to all folders; imports nothing of fxfer. @module */

/**
 * A function that has V8 collect all garbage and return the memory; undefined where Deno does not give it to
 * a program, as 2.6.8 does not.
 */
export async function cleaner(): Promise<(() => void) | undefined> {
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

/** Bytes that the heap takes of the system, used or not. */
export const heapBytes = (): number => Deno.memoryUsage().heapTotal;
