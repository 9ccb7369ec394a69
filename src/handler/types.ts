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
import type { ComputedDigest } from "../storage/mod.ts";
import type { Identity } from "./identity.ts";

/** The bytes after a header. The handler asks for them, so a slow handler slows its client down through TCP.
 * @category Server */
export interface Payload {
  /** Bytes in all. */
  readonly size: number;
  /** Whether other connections wait to be served at this moment. Absent: no. */
  readonly crowded?: boolean;
  /**
   * Whether other frames of the connection came with this one, so that all of them are answered together. Absent: no.
   */
  readonly inBurst?: boolean;
  /** The digest of what `whole` has handed out, where it had to be computed already. */
  readonly digest?: ComputedDigest | undefined;
  /**
   * All of it in one piece, when it is small enough to be held in memory: at once if it has arrived
   * already, else a promise. The bytes are valid until `handle` settles.
   *
   * Undefined (or a promise of it) means: use `next`, which then also returns what was gathered so
   * far. After a rejection, `next` returns what had arrived and then throws the same error. To be
   * called once, before `next`.
   */
  whole(): Uint8Array | undefined | Promise<Uint8Array | undefined>;
  /**
   * The next bytes, valid until the next call but one, so that they can be written while more are
   * awaited; undefined at the end. Throws `incomplete` when the peer ends first, `stalled` or
   * `too_slow` by the clocks, and whatever {@linkcode ConnectionContext.interrupt} was called with.
   */
  next(): Promise<Uint8Array | undefined>;
}

/** One v2 request with its payload.
 * @category Server */
export interface V2Request {
  /** The wire it came by. */
  readonly version: 2;
  /** Header and session data. */
  readonly frame: RequestFrame;
  /** The bytes that follow. */
  readonly payload: Payload;
}

/** One v1 file with its payload.
 * @category Server */
export interface V1Request {
  /** The wire it came by. */
  readonly version: 1;
  /** Its header. */
  readonly frame: V1Header;
  /** The bytes that follow. */
  readonly payload: Payload;
}

/** One request with its payload.
 * @category Server */
export type Request = V2Request | V1Request;

/**
 * The bytes that follow a reply (S-GET-1). The connection reads one piece after the other and sends it
 * before it asks for the next, and calls `end` once, whatever happened.
 * @category Server */
export interface ReplyPayload {
  /** The media type that the reply's header has. */
  readonly mimeType: string;
  /** Bytes in all. */
  readonly size: number;
  /** Puts the next bytes into `into`, at least one; returns how many, or null if there are no more. */
  read(into: Uint8Array): Promise<number | null>;
  /** The same at once; absent where the bytes would have to be waited for. */
  readonly readNow?: ((into: Uint8Array) => number | null) | undefined;
  /** No more is read. @param isSent Whether all of it was sent. */
  end(isSent: boolean): void;
}

/** What a handler answers. The rest of the reply's header echoes the request.
 * @category Server */
export interface Reply {
  /** The reply's session data. */
  readonly body: ReplyBody;
  /** Echoed instead of the request's id: the new id at connect, null after a fallback. */
  readonly id?: string | null;
  /** Echoed instead of the request's mode, after a fallback. */
  readonly mode?: "stateless";
  /** Bytes of a file that follow. */
  readonly payload?: ReplyPayload;
  /** Close the connection after this reply (disconnect). */
  readonly close?: boolean;
  /**
   * Saves what the reply says: to be called before the reply is sent, and no later than the connection waits
   * for anything. Until then it may serve transfers that are here already: one save covers them all. Throws what
   * is answered instead. Absent: it is saved.
   */
  readonly saved?: () => void | Promise<void>;
}

/** What a handler knows of the connection it serves.
 * @category Server */
export interface ConnectionContext {
  /** Counts the connections of this server from 1; for logs. */
  readonly connectionId: number;
  /** The client's IP address, without port. */
  readonly clientAddress: string;
  /**
   * Who the client is, and what it may do, at this moment. At first that is somebody without a key; a
   * frame that shows one changes it before it is served (S-KEY-5). A handler may set it as well.
   */
  identity: Identity;
  /** The connection's logger. */
  readonly log: Logger;
  /** Keep-alive of this connection in milliseconds; a handler sets what was agreed at connect. */
  keepaliveMs: number;
  /** The `next` of the last page of a list (S-LST-2); absent where there was none, or it was refused. */
  listNext?: string | null | undefined;
  /**
   * Stops the connection: a pending `payload.next()` throws `error` at once (after a takeover, once
   * it has handed on what had arrived already, 100 ms at most); when the running
   * `handle` has settled and `closed` was called, the error is sent as a notice and the connection
   * closes. A second call changes nothing.
   */
  interrupt(error: FxferError): void;
}

/** Serves requests: one implementation for each way to serve.
 * @category Server */
export interface RequestHandler {
  /** Answers one request. */
  handle(request: Request, context: ConnectionContext): Reply | Promise<Reply>;
  /** The connection is over: let go of what it held. */
  closed?(context: ConnectionContext): void | Promise<void>;
}
