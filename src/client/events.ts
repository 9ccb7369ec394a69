/** What a client reports while it works, for progress lines, logs and tests. @module */
import type { Code, FxferError } from "../errors.ts";

/** One thing that happened. Durations in milliseconds, offsets in bytes.
 * @category Client */
export type ClientEvent =
  /** Requests can be sent; `resumed` says that the session is an earlier one. */
  | {
    readonly type: "connected";
    readonly mode: "stateful" | "stateless" | "v1";
    readonly sessionId: string | null;
    readonly resumed: boolean;
  }
  /** The server has no session to give: files are sent without one (S-DEG-1). */
  | { readonly type: "degraded"; readonly reason: string }
  /** The connection was lost or could not be made; another try follows unless this was the last. */
  | { readonly type: "connection_lost"; readonly error: FxferError }
  /** The pause before the next try; `attempt` counts tries without progress from 1. */
  | {
    readonly type: "retrying";
    readonly attempt: number;
    readonly delayMs: number;
    readonly code: Code;
  }
  /** The session has moved to another trusted server, `address` as `host:port`: the client follows. */
  | { readonly type: "moved"; readonly address: string }
  /** A file goes on from the offset that the server has (S-CON-2). */
  | { readonly type: "resumed"; readonly uploadId: string; readonly offset: number }
  /** The session ended on the server's side; unfinished files start over in a new one. */
  | { readonly type: "session_lost"; readonly sessionId: string; readonly code: Code }
  /** The server sent a notice: it closes the connection. */
  | { readonly type: "notice"; readonly code: Code; readonly retryAfterMs: number | undefined }
  /** A frame was refused and is sent again after a pause, or from another offset. */
  | {
    readonly type: "refused";
    readonly uploadId: string;
    readonly code: Code;
    readonly retryAfterMs: number | undefined;
  };
