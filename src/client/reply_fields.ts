/**
 * Reads the fields of connect and disconnect replies into typed values. A field that is absent or of
 * another type counts as not stated. Pure.
 *
 * @module
 */
import {
  CHECKPOINT_BYTES,
  DEFAULT_MAX_INFLIGHT,
  DEFAULT_MAX_REQUEST_SIZE,
  type ReplyBody,
} from "../protocol/mod.ts";
import type { Resumption } from "./requests.ts";
import type { SessionTotals, Terms } from "./types.ts";

/** The keep-alive of a server that states none. */
const DEFAULT_KEEPALIVE_S = 30;

/** The terms that the reply to a connect states (S-CON-6). */
export function termsOf(body: ReplyBody): Terms {
  const limits = record(body.limits);
  return {
    keepaliveS: count(body.keepalive_s, DEFAULT_KEEPALIVE_S),
    sessionExpiryS: count(body.session_expiry_s, 0),
    maxInflight: count(body.max_inflight, DEFAULT_MAX_INFLIGHT) || 1,
    limits: {
      maxRequestSize: count(limits.max_request_size, DEFAULT_MAX_REQUEST_SIZE),
      maxUploadSize: count(limits.max_upload_size, 0),
      checkpointBytes: count(limits.checkpoint_bytes, CHECKPOINT_BYTES),
    },
    server: record(body.server),
    ...(typeof body.challenge === "string" ? { challenge: body.challenge } : {}),
  };
}

/** What the reply to a connect says of a resumed session (S-CON-2). */
export function resumptionOf(body: ReplyBody): Resumption {
  const { upload_id: id, offset } = record(body.upload);
  const uploadId = typeof id === "string" ? id : undefined;
  return {
    nextSequence: count(body.next_sequence, 1),
    openFile: typeof offset === "number" ? { uploadId, offset } : undefined,
  };
}

/** What the reply to a disconnect says of the whole session (S-DIS-1). */
export function totalsOf({ files, bytes, messages, duration_ms }: ReplyBody): SessionTotals {
  return {
    files: count(files, 0),
    bytes: count(bytes, 0),
    messages: count(messages, 0),
    durationMs: count(duration_ms, 0),
  };
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? value as Record<string, unknown> : {};
}

function count(value: unknown, absent: number): number {
  return typeof value === "number" && value >= 0 ? value : absent;
}
