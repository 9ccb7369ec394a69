/** What all connections of one server have in common. @module */
import type { Events } from "../events.ts";
import type { RequestHandler } from "../handler/mod.ts";
import type { BufferPools } from "./buffers.ts";
import type { ClockLimits } from "./clocks.ts";
import type { Drain } from "./drain.ts";
import type { Gate } from "./gate.ts";
import type { V1Ack } from "./output.ts";
import type { Turns } from "./turns.ts";

/**
 * Counts the open connections of servers that listen on one port, so that `maxConnections` holds for
 * all of them together. Two servers that accept at the same instant may both take the last place.
 * @category Server
 */
export interface ConnectionCount {
  /** Open connections of all servers. */
  readonly total: number;
  /** Says that this server has one more, or one less. */
  add(change: 1 | -1): void;
}

/** See the module's text; `C` is the class of the connections. */
export interface SharedSettings<C> {
  readonly handler: RequestHandler;
  /** Changes while the server runs, as the keep-alive of new connections does. */
  clocks: ClockLimits;
  keepaliveMs: number;
  readonly v1Ack: V1Ack;
  /** What is known of users. */
  readonly gate: Gate;
  readonly pools: BufferPools;
  /** Counts the connections that do not wait for bytes. */
  readonly workload: { busy: number };
  /** Where connections wait that have had their turn. */
  readonly turns: Turns;
  /** Counts what is read away. */
  readonly drain: Drain;
  readonly events: Events;
  /** Called once, when a connection is closed and its handler was told. */
  closed(connection: C): void;
}
