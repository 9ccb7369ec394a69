/** Ports for programs that cannot pick one themselves. @module */

/**
 * Where they are looked for: below those that systems give out by themselves, so that no connection
 * and no listener on port 0 takes one meanwhile, and 10000 above it, where a Redis Cluster talks.
 */
const [FIRST, LAST] = [10_000, 22_000];

/**
 * A port of this machine that nobody listens on: a random one, because tests of other files look for
 * theirs at the same time.
 *
 * @param beside The ports so far above it must be free as well.
 */
export function freePort(...beside: readonly number[]): number {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST));
    if ([0, ...beside].every((above) => isFree(port + above))) return port;
  }
}

function isFree(port: number): boolean {
  try {
    Deno.listen({ hostname: "127.0.0.1", port }).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return false;
    throw error;
  }
}
