/** What the parent and a worker say to each other. @module */
import type { ReadyState } from "../../admin/mod.ts";
import type { Config } from "../../config/mod.ts";
import type { Code } from "../../errors.ts";
import type { EventFacts, ServerEvent } from "../../events.ts";
import type { LogEvent } from "../../log.ts";
import type { SharedMemory } from "./shared_memory.ts";

/** The first message: everything a worker needs to serve. */
export interface StartWorker {
  readonly type: "start";
  /** Counted from 1. */
  readonly worker: number;
  /** Its `server.port` is the port to share, `limits.rate` the worker's part. */
  readonly config: Config;
  /** Whether the parent wants all events, or those that the level of the log lets through. */
  readonly allEvents: boolean;
  readonly shared: SharedMemory;
}

/** From the parent. */
export type ToWorker =
  | StartWorker
  /** Asks whether it is ready; answered by `checked`. */
  | { readonly type: "check"; readonly check: number }
  /** Stop gracefully (S-DRN-1); answered by `stopped`. */
  | { readonly type: "stop" };

/** Where a worker listens, and what its storage promises. */
export interface Listening
  extends Pick<EventFacts["server.listening"], "hostname" | "tier" | "durability"> {
  /** True when it does not learn which upload ids the other workers have stored. */
  readonly uploadIdsApart?: boolean;
}

/** From a worker. */
export type FromWorker =
  | { readonly type: "listening" } & Listening
  /** It cannot start, and why. */
  | { readonly type: "refused"; readonly code: Code; readonly message: string }
  | { readonly type: "event"; readonly event: ServerEvent }
  /** A line of the log that no event stands behind. */
  | { readonly type: "log"; readonly event: LogEvent }
  | { readonly type: "checked"; readonly check: number; readonly state: ReadyState }
  | { readonly type: "stopped" };
