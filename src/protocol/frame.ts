/**
 * The frames of the wire as typed records. Parsed JSON never leaves the protocol folder: each known
 * field is checked and copied into one of these (S-FRM-3).
 *
 * @module
 */
import type { Code, FxferError } from "../errors.ts";
import type { FrameHeader, RequestFrame, SessionHeader, SignedBytes } from "./requests.ts";

/** One v1 header: it has no `session`, and no `version` or `"1.0"`.
 * @category Protocol */
export interface V1Header {
  /** In the form of S-FRM-5; `application/octet-stream` when the peer sent no valid media type. */
  readonly mimeType: string;
  /** Payload bytes. */
  readonly size: number;
}

/** A stored file as a reply names it.
 * @category Protocol */
export interface FileInfo {
  /** Relative to the storage folder, `/` between parts. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** 64 lower-case hex digits, computed by the server. */
  readonly sha256: string;
  /** The media type it was stored with. */
  readonly mime_type: string;
  /** Its name at the sender; absent when the sender gave none. */
  readonly name?: string;
  /** When it was stored: ISO 8601 in UTC. In the replies of `fetch`, `list` and `remove`. */
  readonly stored_at?: string;
  /** When it was last changed at the sender, in milliseconds since 1970, if the sender said so. */
  readonly mtime_ms?: number;
  /** True when the sender said that the file may be run. */
  readonly executable?: boolean;
  /** The user who stored it; absent for a client without a key. */
  readonly user?: string;
}

/**
 * The session data of a reply, by its wire names. The encoder adds `class` and `message`, which follow
 * from `code`. All values must survive JSON, because a session keeps the body to answer a retry.
 * @category Protocol
 */
export interface ReplyBody {
  /** What became of the request. */
  readonly code: Code;
  /** The file that was stored. */
  readonly file?: FileInfo;
  /** The durable offset of the upload, in bytes. */
  readonly offset?: number;
  /** Milliseconds to wait before trying again. */
  readonly retry_after_ms?: number;
  /** True when the request was answered before and nothing ran now (S-SEQ-1, S-TRF-9). */
  readonly replayed?: boolean;
  /** More facts; which ones depends on the code. */
  readonly [field: string]: unknown;
}

/**
 * What the header of a reply or a notice repeats of its request. After a connect, `id` is that of the
 * new session; after a fallback (S-DEG-1) it is null, and `mode` is `"stateless"`. In a notice, `action`
 * is `"disconnect"`.
 * @category Protocol
 */
export interface ReplyHeader extends Omit<SessionHeader, "dataSize" | "received" | "auth" | "mac"> {
  /** True leaves room for the frame's MAC: 43 dots at the end of the header line. @default {false} */
  readonly sealed?: boolean;
  /** The lower version of the two ends (S-VER-2). @default {"2.1"} */
  readonly version?: string;
}

/** One reply or notice, as the client's decoder hands it on.
 * @category Protocol */
export interface ReplyFrame {
  /** Repeats id, mode, sequence and action of the request. */
  readonly header: FrameHeader;
  /** A code that this version does not know becomes `internal_error`, with `unknown_code`. */
  readonly body: ReplyBody;
  /** Present where the header has `mac`. */
  readonly signed?: SignedBytes;
}

/** What {@linkcode Decoder} makes of bytes.
 * @category Protocol */
export type DecodeEvent =
  /** The header and session data of a v2 request have arrived. Only a server's decoder gives this. */
  | { readonly type: "request"; readonly request: RequestFrame }
  /** A v1 header has arrived. Only a server's decoder gives this. */
  | { readonly type: "v1"; readonly header: V1Header }
  /** A reply or notice has arrived. Only a client's decoder gives this. */
  | { readonly type: "reply"; readonly reply: ReplyFrame }
  /** Payload bytes, never none: a view into the pushed chunk. Copy them to keep them after the next push. */
  | { readonly type: "payload"; readonly bytes: Uint8Array }
  /** The frame is complete. Each request, v1 header and reply is followed by one, also without payload. */
  | { readonly type: "end" }
  /** The stream cannot be divided into frames any more (S-VER-6). Always the last event. */
  | { readonly type: "fault"; readonly error: FxferError };
