/** What a client tells while it works: for progress lines, logs and tests. @module */
import type { Code, FxferError } from "../errors.ts";

/** One thing that happened. Durations in milliseconds, offsets in bytes. */
export type ClientEvent =
  /** Requests can be sent; `resumed`: the session is one of before. */
  | {
    readonly type: "connected";
    readonly mode: "stateful" | "stateless" | "v1";
    readonly sessionId: string | null;
    readonly resumed: boolean;
  }
  /** No session was to be had: files go stateless (S-DEG-1). */
  | { readonly type: "degraded"; readonly reason: string }
  /** The connection is gone; another try follows unless this was the last. */
  | { readonly type: "connection_lost"; readonly error: FxferError }
  /** The pause before the next try; `attempt` counts tries without progress from 1. */
  | {
    readonly type: "retrying";
    readonly attempt: number;
    readonly delayMs: number;
    readonly code: Code;
  }
  /** The session is on another server, a trusted one: it goes on at `address`, as `host:port`. */
  | { readonly type: "moved"; readonly address: string }
  /** A file goes on from the server's offset (S-CON-2). */
  | { readonly type: "resumed"; readonly uploadId: string; readonly offset: number }
  /** The session ended on the server's side; unfinished files start over in a new one. */
  | { readonly type: "session_lost"; readonly sessionId: string; readonly code: Code }
  /** The server said something unasked, before it closed. */
  | { readonly type: "notice"; readonly code: Code; readonly retryAfterMs: number | undefined }
  /** A frame was refused and is sent again after a pause, or from another offset. */
  | {
    readonly type: "refused";
    readonly uploadId: string;
    readonly code: Code;
    readonly retryAfterMs: number | undefined;
  };
