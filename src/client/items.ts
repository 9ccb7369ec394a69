/** What passes between the outbox, a link and the manager. @module */
import type { FxferError } from "../errors.ts";
import type { ReplyBody } from "../protocol/mod.ts";
import type { SessionTotals } from "./types.ts";
import type { Frame } from "./outgoing_file.ts";

/** One request of a session or without one. */
export type Item =
  | { readonly kind: "transfer"; readonly frame: Frame }
  | { readonly kind: "cancel"; readonly sequence: number; readonly uploadId: string | undefined }
  | { readonly kind: "heartbeat"; readonly sequence: number }
  | { readonly kind: "disconnect"; readonly sequence: number };

/** What a reply or the end of a connection means, beyond its own request. */
export type Outcome =
  /** The session is closed. */
  | { readonly kind: "closed"; readonly totals: SessionTotals | undefined }
  /** This connection is of no more use; another is. */
  | { readonly kind: "lost"; readonly error: FxferError }
  /** No connection will be of use. */
  | { readonly kind: "fatal"; readonly error: FxferError };

/** The server's word on a session at connect (S-CON-2). */
export interface Resumption {
  readonly nextSequence: number;
  /** The file it holds a part of; without an id if its client gave none. */
  readonly upload: { readonly uploadId: string | undefined; readonly offset: number } | undefined;
}

/** What a session did in all, from the reply to its end. */
export function totalsOf({ files, bytes, messages, duration_ms }: ReplyBody): SessionTotals {
  const count = (value: unknown) => typeof value === "number" ? value : 0;
  return {
    files: count(files),
    bytes: count(bytes),
    messages: count(messages),
    durationMs: count(duration_ms),
  };
}
