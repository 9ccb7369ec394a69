/**
 * The accept loop. A manual one: `for await (const conn of listener)` ends for good at the first
 * EMFILE, and then the server is deaf.
 *
 * @module
 */
import type { Logger } from "../log.ts";
import { isPeerGone } from "./peer_gone.ts";

/** After a failed accept: long enough for a few connections to end and give their handles back. */
const PAUSE_MS = 50;

/**
 * Accepts until the listener is closed.
 *
 * @param take Gets each connection and must not throw; it does not hold up the next one.
 */
export async function acceptAll(
  listener: Deno.Listener,
  take: (conn: Deno.TcpConn) => void,
  log: Logger,
): Promise<void> {
  for (let failures = 0;;) {
    try {
      take(await listener.accept() as Deno.TcpConn);
      failures = 0;
    } catch (error) {
      if (error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted) {
        return; // closed
      }
      // A peer that was gone before it was accepted says nothing about the next one.
      if (isPeerGone(error)) continue;
      // EMFILE and the like: said once, not twenty times a second.
      if (failures++ === 0) log.warn("accept.failed", { cause: error });
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}
