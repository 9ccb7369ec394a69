/** What replies say, and what they mean for a file and for the connection. Pure. @module */
import { CODES, type FxferError } from "../errors.ts";
import { omitUndefined } from "../omit_undefined.ts";
import {
  CHECKPOINT_BYTES,
  DEFAULT_MAX_INFLIGHT,
  DEFAULT_MAX_REQUEST_SIZE,
  type FileInfo,
  type Mode,
  type ReplyBody,
} from "../protocol/mod.ts";
import { refusal } from "./client_errors.ts";
import { tooLarge } from "./frame_size.ts";
import type { ConnectionEnd, Resumption, TransferFrame } from "./requests.ts";
import type { SessionTotals, Terms } from "./terms.ts";

/** The keep-alive of a server that states none. */
const DEFAULT_KEEPALIVE_S = 30;

/**
 * How many requests may be unanswered outside of sessions, where the server keeps no replies and so states no
 * number. Of files of 10 KiB, 16 MiB are then on their way: 320 MB a second over 50 ms.
 */
const MAX_STATELESS_INFLIGHT = 1600;

/** After these codes the client has to connect again before it can send anything else. */
const NEEDS_CONNECT: ReadonlySet<string> = new Set([
  "incomplete",
  "not_connected",
  "session_unknown",
  "session_expired",
  "use_another_server",
]);

const SHA256 = /^[0-9a-f]{64}$/;

/** The terms in the reply to a connect (S-CON-6). A field of another type counts as not stated. */
export function termsOf(body: ReplyBody, inSession: boolean): Terms {
  const mostInflight = inSession ? DEFAULT_MAX_INFLIGHT : MAX_STATELESS_INFLIGHT;
  const limits = record(body.limits);
  return {
    keepaliveS: count(body.keepalive_s, DEFAULT_KEEPALIVE_S),
    sessionExpiryS: count(body.session_expiry_s, 0),
    partialExpiryS: count(body.partial_expiry_s, count(body.session_expiry_s, 0)),
    maxInflight: count(body.max_inflight, mostInflight) || 1,
    limits: {
      maxRequestSize: count(limits.max_request_size, DEFAULT_MAX_REQUEST_SIZE),
      maxUploadSize: count(limits.max_upload_size, 0),
      checkpointBytes: count(limits.checkpoint_bytes, CHECKPOINT_BYTES),
    },
    server: record(body.server),
    ...(typeof body.challenge === "string" ? { challenge: body.challenge } : {}),
    features: texts(body.features) ?? [],
    ...omitUndefined({
      maxUnansweredBytes: count(body.max_unanswered_bytes, 0) || undefined,
      may: texts(body.may),
      quota: body.quota ? record(body.quota) : undefined,
    }),
    mac: body.mac === true,
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

/** The totals of a session that was closed before, if the error of the connect says them (S-DIS-3). */
export function confirmedTotals({ code, fields }: FxferError): SessionTotals | undefined {
  const isSaid = fields.state === "closed" && typeof fields.files === "number";
  return isSaid ? totalsOf({ ...fields, code }) : undefined;
}

function texts(value: unknown): readonly string[] | undefined {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : undefined;
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? value as Record<string, unknown> : {};
}

/** A stored file as a reply describes it; undefined if it is none. Fields of another type are left out. */
export function fileOf(value: unknown): FileInfo | undefined {
  const { path, size, sha256, mime_type, ...more } = record(value);
  if (typeof path !== "string" || typeof mime_type !== "string") return undefined;
  if (!Number.isSafeInteger(size) || typeof sha256 !== "string" || !SHA256.test(sha256)) {
    return undefined;
  }
  const text = (field: unknown) => typeof field === "string" ? field : undefined;
  const { mtime_ms: mtime, executable } = more;
  return omitUndefined({
    path,
    size: size as number,
    sha256,
    mime_type,
    name: text(more.name),
    stored_at: text(more.stored_at),
    mtime_ms: Number.isSafeInteger(mtime) ? mtime as number : undefined,
    executable: executable === true ? true : undefined,
    user: text(more.user),
  });
}

function count(value: unknown, absent: number): number {
  return typeof value === "number" && value >= 0 ? value : absent;
}

/** Whether another connection took the session over, or the session was revoked (S-TAKE-5). */
export function isSessionTaken({ code }: ReplyBody): boolean {
  return code === "session_taken_over" || code === "session_revoked";
}

/** What a reply means for the connection, whichever request it answers; undefined if nothing. */
export function connectionEndOf(body: ReplyBody): ConnectionEnd | undefined {
  if (isSessionTaken(body)) return endedBy(body, "fatal");
  // Bytes were changed on the way: the server closes, and nothing of them counts (S-MAC-1).
  if (body.code === "checksum_mismatch" && body.field === "payload_sha256") {
    return endedBy(body, "lost");
  }
  return NEEDS_CONNECT.has(body.code) ? endedBy(body, "lost") : undefined;
}

/** The end of the connection by a refusal or a notice; by default the class of its code decides. */
export function endedBy(
  body: ReplyBody,
  kind: "lost" | "fatal" = CODES[body.code].class === "fatal" ? "fatal" : "lost",
): ConnectionEnd {
  return { kind, error: refusal("Cannot go on with session", body) };
}

/** What becomes of the file of a frame. */
export type ReplyOutcome =
  /** The server has all bytes up to the frame's end. */
  | { readonly kind: "acknowledged" }
  /** The whole file is stored. */
  | { readonly kind: "stored" }
  /** The file is sent again from `offset`. `blockedBy` is another file whose part must go first. */
  | {
    readonly kind: "again";
    readonly offset: number;
    readonly blockedBy?: { readonly uploadId: string | undefined };
  }
  /** The file cannot be sent. */
  | { readonly kind: "failed"; readonly error: FxferError };

/** What a reply means for the file of the frame that it answers. */
export function outcomeOf(
  { file, start, end, data }: Pick<TransferFrame, "start" | "end" | "data"> & {
    readonly file: { readonly uploadId: string };
  },
  body: ReplyBody,
  mode: Mode,
): ReplyOutcome {
  const { code, offset } = body;
  switch (CODES[code].class) {
    case "success":
      // A file that was stored before is answered at its first frame (S-TRF-9).
      return { kind: data.complete || body.file !== undefined ? "stored" : "acknowledged" };
    case "retry": {
      // A server that lost its store in the middle of a frame keeps the bytes that came (S-DEG-2).
      const kept = offset !== undefined && offset >= start && offset <= end;
      return { kind: "again", offset: kept && mode === "stateful" ? offset : start };
    }
    case "resync":
      if (code === "checksum_mismatch") break;
      if (code === "offset_mismatch") return fromRightOffset(file.uploadId, body);
      if (code === "replay_too_old") {
        // The frame ran, but the server no longer keeps its reply. If the frame ended its file, the file
        // starts over, and the server recognises the upload id (S-TRF-9).
        return data.complete ? { kind: "again", offset: 0 } : { kind: "acknowledged" };
      }
      return { kind: "again", offset: start };
    default:
      if (code === "too_large" && mode === "stateless") {
        return { kind: "failed", error: tooLarge(mode, body.limit) };
      }
  }
  return { kind: "failed", error: refusal("Cannot send file", body) };
}

/** The file goes on from the offset that the server names, unless that offset is another file's (S-TRF-1). */
function fromRightOffset(id: string, { offset = 0, upload_id: open }: ReplyBody): ReplyOutcome {
  if (open === undefined || open === id) return { kind: "again", offset };
  // null: the server has no part of a file, or a part of a file without an id.
  const uploadId = typeof open === "string" ? open : undefined;
  if (uploadId === undefined && offset === 0) return { kind: "again", offset };
  return { kind: "again", offset: 0, blockedBy: { uploadId } };
}
