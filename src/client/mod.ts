/**
 * The client: sends files to a server, over as many connections as it takes.
 *
 * One direction of calls: `client.ts` is what programs see; `session_manager.ts` keeps the session
 * over its connections; `link.ts` runs one connection, `outbox.ts` decides without any I/O what is
 * sent next and what a reply means; `upload.ts` is one file, `feed.ts` where its bytes come from,
 * `transmit.ts` how they get onto the wire; `route.ts` is where to, when a session has moved. `v1.ts`
 * is the older way, on its own.
 *
 * @module
 */
export { connect } from "./client.ts";
export type { ClientEvent } from "./events.ts";
export { type Backoff, DEFAULT_BACKOFF, DEFAULT_RETRIES, retryDelay } from "./retry.ts";
export { fileSource } from "./source.ts";
export type {
  Client,
  ConnectOptions,
  Progress,
  SendOptions,
  SendResult,
  SessionTotals,
  Source,
  SourceInput,
  Terms,
} from "./types.ts";
