/**
 * Has V8 collect digests in time. Open to all folders; imports nothing.
 *
 * A digest of `node:crypto` takes some 350 bytes outside V8's heap, which come back when V8 collects the small
 * object that stands for it. V8 begins a collection when its heap has grown by much, and of these bytes it
 * knows nothing: a server of small files would take 35 MiB more after 100,000 of them.
 *
 * @module
 */

/** After so many digests V8 is to collect: they take 11 MiB, and the collection some 10 ms of the program's time, in small steps. */
const DIGESTS = 32_768;

/**
 * An array of so many bytes has V8 begin a collection, most of which runs beside the program. Unlike one that
 * is asked for by name it keeps the space for new objects, without which files take longer for a while.
 */
const BYTES = 64 * 2 ** 20;

let digests = 0;

/** To be called where digests are begun, which includes copies. @param count How many. */
export function countDigests(count: number): void {
  digests += count;
  if (digests < DIGESTS) return;
  digests = 0;
  // Nobody writes to it, so the system gives it no memory.
  new ArrayBuffer(BYTES);
}
