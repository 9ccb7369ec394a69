/**
 * The frames of the wire as typed records. Parsed JSON never leaves the protocol folder: each known
 * field is checked and copied into one of these (S-FRM-3).
 *
 * @module
 */
import type { Code, FxferError } from "../errors.ts";

/** Every request alone, or within a session. */
export type Mode = "stateless" | "stateful";

/** What a frame asks for. */
export type Action = "connect" | "transfer" | "heartbeat" | "disconnect";

/** The `session` object of a header. */
export interface SessionHeader {
  /** UUIDv4 in lower case; `null` for stateless frames and to ask for a new session. */
  readonly id: string | null;
  /** Which handler serves the frame. */
  readonly mode: Mode;
  /** 0 to 2^53-1; counts the frames of a session from 1 (S-SEQ-4). */
  readonly sequence: number;
  /** What is asked. */
  readonly action: Action;
  /** Bytes of session data after the header's LF; 0 when absent. */
  readonly dataSize: number;
}

/** One v2 header. */
export interface FrameHeader {
  /** `"2.x"` as the peer wrote it. */
  readonly version: string;
  /** `token/token`, in lower case, without parameters. */
  readonly mimeType: string;
  /** Payload bytes. */
  readonly size: number;
  /** The session part. */
  readonly session: SessionHeader;
}

/** Session data of `connect` (wire §4); an absent field is absent. */
export interface ConnectData {
  /** The secret handed out at creation. */
  readonly token?: string;
  /** Asks for a secret; default false. */
  readonly wantToken?: boolean;
  /** Close the old session and make a new one (S-CON-3); default false. */
  readonly clean?: boolean;
  /** Keep-alive asked for, in seconds. */
  readonly keepaliveS?: number;
  /** Expiry asked for, in seconds. */
  readonly sessionExpiryS?: number;
  /** Served stateless when a session cannot be had (S-DEG-1). */
  readonly fallback?: "stateless";
}

/** Session data of `transfer` (wire §6). Without it: one whole file of `size` bytes. */
export interface TransferData {
  /** UUID made by the client: names the upload across retries (S-TRF-9). */
  readonly uploadId?: string;
  /** The file's name at the sender: data, never a path. */
  readonly name?: string;
  /** Where the payload starts in the file; 0 when absent. */
  readonly offset: number;
  /** The whole file's size. */
  readonly length?: number;
  /** Whether this frame ends the file; true when absent. */
  readonly complete: boolean;
  /** The whole file's SHA-256, 64 lower-case hex digits. */
  readonly sha256?: string;
  /** Drop the partial file; false when absent. */
  readonly cancel: boolean;
}

/** What every request has. */
export interface RequestBase {
  /** The header as typed fields. */
  readonly header: FrameHeader;
  /**
   * Set when the frame is well framed but asks for something unknown (S-FRM-4): answer with it,
   * drain, go on.
   */
  readonly refusal?: FxferError;
}

/** A request to attach to a session. */
export interface ConnectRequest extends RequestBase {
  /** Tells the requests apart. */
  readonly action: "connect";
  /** What the session data asks for; defaults when there was none. */
  readonly data: ConnectData;
}

/** A request to store bytes. */
export interface TransferRequest extends RequestBase {
  /** Tells the requests apart. */
  readonly action: "transfer";
  /** What the session data asks for; defaults when there was none. */
  readonly data: TransferData;
}

/** A sign of life. */
export interface HeartbeatRequest extends RequestBase {
  /** Tells the requests apart. */
  readonly action: "heartbeat";
}

/** A request to end the session. */
export interface DisconnectRequest extends RequestBase {
  /** Tells the requests apart. */
  readonly action: "disconnect";
}

/** One v2 request: header and session data; its payload follows as payload events. */
export type RequestFrame =
  | ConnectRequest
  | TransferRequest
  | HeartbeatRequest
  | DisconnectRequest;

/** One v1 header: no session, no version or `"1.0"`. */
export interface V1Header {
  /** As S-FRM-5 says; `application/octet-stream` when the text was no media type. */
  readonly mimeType: string;
  /** Payload bytes. */
  readonly size: number;
}

/** A stored file as a reply names it. */
export interface FileInfo {
  /** Relative to the storage folder, `/` between parts. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** 64 lower-case hex digits, computed by the server. */
  readonly sha256: string;
  /** The media type it was stored with. */
  readonly mime_type: string;
}

/**
 * The session data of a reply, by its wire names. `class` and `message` follow from `code` and are
 * added by the encoder. Values must survive JSON: this is what a session keeps to answer a retry.
 */
export interface ReplyBody {
  /** One of the table. */
  readonly code: Code;
  /** The file that was stored. */
  readonly file?: FileInfo;
  /** The durable offset of the upload, in bytes. */
  readonly offset?: number;
  /** Milliseconds to wait before trying again. */
  readonly retry_after_ms?: number;
  /** True on a reply that was given before (S-SEQ, S-TRF-9). */
  readonly replayed?: boolean;
  /** More facts, as the code needs them. */
  readonly [field: string]: unknown;
}

/** What a reply or a notice echoes of its request. */
export interface ReplyHeader {
  /** As in the request; the new id after connect. */
  readonly id: string | null;
  /** As in the request; `"stateless"` after a fallback. */
  readonly mode: Mode;
  /** As in the request. */
  readonly sequence: number;
  /** As in the request; `"disconnect"` in a notice. */
  readonly action: Action;
}

/** One reply or notice, as the client's decoder hands it on. */
export interface ReplyFrame {
  /** Echoes the request's. */
  readonly header: FrameHeader;
  /** `code` is checked against the table; an unknown code becomes `internal_error` with `unknown_code`. */
  readonly body: ReplyBody;
}

/** What {@linkcode Decoder} makes of bytes. */
export type DecodeEvent =
  /** A v2 request is whole up to its payload (decoder of requests). */
  | { readonly type: "request"; readonly request: RequestFrame }
  /** A v1 header is whole (decoder of requests). */
  | { readonly type: "v1"; readonly header: V1Header }
  /** A reply is whole (decoder of replies). */
  | { readonly type: "reply"; readonly reply: ReplyFrame }
  /** Payload bytes: a view into the pushed chunk, valid until the next push (copy to keep). Never empty. */
  | { readonly type: "payload"; readonly bytes: Uint8Array }
  /** The frame's payload is complete; follows each request, v1 header and reply, also of size 0. */
  | { readonly type: "end" }
  /** The stream cannot be framed any more (S-VER-6): always the last event. */
  | { readonly type: "fault"; readonly error: FxferError };
