/** Connections that are not served: told why, read away for a while, and closed. @module */
import { FxferError } from "../errors.ts";
import type { Events } from "../events.ts";
import type { Logger } from "../log.ts";
import { encodeReply } from "../protocol/mod.ts";
import type { BufferPools } from "./buffers.ts";
import type { Drain } from "./drain.ts";
import { Output } from "./output.ts";
import { Reader, type Socket } from "./reader.ts";
import { NOTICE, refusalOf } from "./refusal.ts";

/** So many refused connections may read their refusal at a time; more are just closed. */
const MAX_REFUSING = 200;

/** What a refused or stopped client waits before it comes back, in milliseconds. */
export const RETRY_MS = 1000;

/** The refusal of a connection for which there is no place. @param limit The setting that is reached. */
export function tooMany(limit: string): FxferError {
  return new FxferError("too_many_connections", `Cannot accept: ${limit} are open`, {
    fields: { retry_after_ms: RETRY_MS },
    limit,
  });
}

/** The refused connections of one server. */
export class Refusals {
  readonly #telling: { readonly log: Logger; readonly events: Events };
  readonly #drain: Drain;
  readonly #pools: BufferPools;
  readonly #open = new Set<Promise<void>>();

  /** @param drain Counts what is read away. */
  constructor(
    telling: { readonly log: Logger; readonly events: Events },
    { drain, pools }: { readonly drain: Drain; readonly pools: BufferPools },
  ) {
    this.#telling = telling;
    this.#drain = drain;
    this.#pools = pools;
  }

  /** Refuses a connection: the caller has nothing more to do with it. */
  add(conn: Socket, error: unknown, address: string = conn.remoteAddr.hostname): void {
    const told = this.#tell(conn, error, address).finally(() => this.#open.delete(told));
    this.#open.add(told);
  }

  /** Settles when all have been told, after 2 s at most. */
  async told(): Promise<void> {
    await Promise.all(this.#open);
  }

  /** Tells a connection why it is not served, so that its client can read it (S-TRF-8). Never rejects. */
  async #tell(conn: Socket, error: unknown, address: string): Promise<void> {
    const body = refusalOf(error, { type: "connection.refused", address }, this.#telling);
    const output = new Output(conn, this.#pools);
    try {
      if (this.#open.size >= MAX_REFUSING) return;
      output.add(encodeReply(NOTICE, body));
      await output.flush();
      await conn.closeWrite();
      await new Reader(conn, output).linger(this.#drain);
    } catch {
      // The client left before it was told.
    } finally {
      conn[Symbol.dispose]();
    }
  }
}
