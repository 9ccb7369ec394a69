/**
 * The contract between a connection and what serves its requests.
 *
 * The connection guarantees: one request at a time on a connection, in order; `payload` belongs to
 * this request alone; after `handle` it drains what was not read, and it calls `closed` exactly once
 * when the connection is over, after the last `handle` has settled.
 *
 * A handler must: read the payload only through `payload`; throw {@linkcode FxferError} to refuse
 * (the connection turns it into a reply, anything else into `internal_error`); keep what belongs to
 * a connection under its `context`, never in module state.
 *
 * @module
 */
import type { FxferError } from "../errors.ts";
import type { Logger } from "../log.ts";
import type { ReplyBody, RequestFrame, V1Header } from "../protocol/mod.ts";

/** The bytes after a header, pulled by the handler: back-pressure is TCP's own. */
export interface Payload {
  /** Bytes in all. */
  readonly size: number;
  /** All of it, if it has arrived already and nothing was taken yet: the fast way for small files. */
  whole(): Uint8Array | undefined;
  /**
   * The next bytes, valid until the next call; undefined at the end. Throws `incomplete` when the
   * peer ends first, `stalled` or `too_slow` by the clocks, and whatever
   * {@linkcode ConnectionContext.interrupt} was called with.
   */
  next(): Promise<Uint8Array | undefined>;
}

/** One request with its payload. */
export type Request =
  | { readonly version: 2; readonly frame: RequestFrame; readonly payload: Payload }
  | { readonly version: 1; readonly frame: V1Header; readonly payload: Payload };

/** What a handler answers. The rest of the reply's header echoes the request. */
export interface Reply {
  /** The reply's session data. */
  readonly body: ReplyBody;
  /** Echoed instead of the request's id: the new id at connect, null after a fallback. */
  readonly id?: string | null;
  /** Echoed instead of the request's mode, after a fallback. */
  readonly mode?: "stateless";
  /** Close the connection after this reply (disconnect). */
  readonly close?: boolean;
}

/** What a handler knows of the connection it serves. */
export interface ConnectionContext {
  /** Counts the connections of this server from 1; for logs. */
  readonly connectionId: number;
  /** The client's IP address, without port. */
  readonly clientAddress: string;
  /** The connection's logger. */
  readonly log: Logger;
  /**
   * Stops the connection: a pending `payload.next()` throws `error` at once; after the running
   * `handle` has settled the error is sent as a notice and the connection closes.
   */
  interrupt(error: FxferError): void;
  /** Keep-alive of this connection in milliseconds; a handler sets what was agreed at connect. */
  keepaliveMs: number;
}

/** Serves requests: one implementation for each way to serve. */
export interface RequestHandler {
  /** Answers one request. */
  handle(request: Request, context: ConnectionContext): Reply | Promise<Reply>;
  /** The connection is over: let go of what it held. */
  closed?(context: ConnectionContext): void | Promise<void>;
}
