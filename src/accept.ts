/** The accept loop of every listener of the program. Open to all folders. @module */
import type { Logger } from "./log.ts";

/** The pause after a failed accept: a few connections end meanwhile and give their handles back. */
const ACCEPT_PAUSE_MS = 50;

const { BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected } = Deno.errors;
const PEER_GONE = [BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected];

/**
 * Hands each connection to `take`, until the listener is closed. A `for await` over the listener would
 * end for good at the first EMFILE, and `Deno.serve` ends the process. Never rejects.
 *
 * @param take Must not throw, and must close the connection in the end.
 * @param relieve Called when no connection can be accepted, before the pause: it may end some. Must not throw.
 */
export async function acceptEach<Conn extends Deno.Conn>(
  listener: Deno.Listener<Conn>,
  take: (conn: Conn) => void,
  log: Logger,
  relieve?: () => void,
): Promise<void> {
  for (let failures = 0;;) {
    try {
      take(await listener.accept());
      failures = 0;
    } catch (error) {
      if (error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted) {
        return; // closed
      }
      // A peer that was gone before it was accepted says nothing about the next one.
      if (PEER_GONE.some((kind) => error instanceof kind)) continue;
      // EMFILE and the like: logged once, not twenty times a second.
      if (failures++ === 0) log.warn("accept.failed", { cause: error });
      relieve?.();
      await new Promise((resolve) => setTimeout(resolve, ACCEPT_PAUSE_MS));
    }
  }
}
