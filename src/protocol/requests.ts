/** The typed records of what a frame may ask. The table of actions is in `actions.ts`. @module */
import type { FxferError } from "../errors.ts";
import type { FetchData, ListData, RemoveData, TransferData } from "./files/mod.ts";

/** Whether a frame stands alone or belongs to a session.
 * @category Protocol */
export type Mode = "stateless" | "stateful";

/** All modes. */
export const MODES: readonly Mode[] = ["stateless", "stateful"];

/** The `session` object of a header.
 * @category Protocol */
export interface SessionHeader {
  /** UUIDv4 in lower case; `null` in stateless frames, and in a connect that asks for a new session. */
  readonly id: string | null;
  /** Whether the frame belongs to a session. */
  readonly mode: Mode;
  /** 0 to 2^53-1. In a session it counts the frames from 1 (S-SEQ-4). */
  readonly sequence: number;
  /** What the frame asks for. */
  readonly action: Action;
  /** Bytes of session data after the header's LF; 0 when the field is absent. */
  readonly dataSize: number;
  /** Every reply up to this number has been read (S-SEQ-6); absent where the sender does not say. */
  readonly received?: number;
  /** By which the sender shows that it has a key (S-KEY-2); absent in most frames. */
  readonly auth?: AuthHeader;
  /** The frame's message authentication code, 43 characters (S-KEY-4, S-MAC-1); absent in most frames. */
  readonly mac?: string;
}

/** How a frame shows that its sender has a key (S-KEY-2).
 * @category Protocol */
export interface AuthHeader {
  /** The name of the user, 1 to 32 characters. */
  readonly key: string;
  /** 16 random bytes in base64url, 22 characters. */
  readonly nonce: string;
  /** Milliseconds since 1970 by the sender's clock. */
  readonly time: number;
  /** The message authentication code, 43 characters. */
  readonly mac: string;
}

/** The bytes that the code of a frame covers, as they were sent (S-KEY-2).
 * @category Protocol */
export interface SignedBytes {
  /** Header line, LF and session data, in a buffer of their own. */
  readonly bytes: Uint8Array;
  /** How many of them are the header line, without its LF. */
  readonly line: number;
}

/** One v2 header.
 * @category Protocol */
export interface FrameHeader {
  /** `"2.x"` as the peer wrote it. */
  readonly version: string;
  /** `token/token`, in lower case, without parameters. */
  readonly mimeType: string;
  /** Payload bytes. */
  readonly size: number;
  /** Which session, which action, which number. */
  readonly session: SessionHeader;
}

/** Session data of `connect`. A field that was not sent is absent.
 * @category Protocol */
export interface ConnectData {
  /** The secret that the server made when it created the session. */
  readonly token?: string;
  /** True asks for a secret for a new session; absent means false. */
  readonly wantToken?: boolean;
  /** True asks to close the old session and to create a new one (S-CON-3); absent means false. */
  readonly clean?: boolean;
  /** The keep-alive time the client would like, in seconds. */
  readonly keepaliveS?: number;
  /** The expiry time the client would like, in seconds. */
  readonly sessionExpiryS?: number;
  /** True asks for a code in every frame of both ends (S-MAC-1); absent means false. */
  readonly wantMac?: boolean;
  /** The client accepts stateless service when the server cannot give it a session (S-DEG-1). */
  readonly fallback?: "stateless";
}

/** What every request has.
 * @category Protocol */
export interface RequestBase {
  /** The header as typed fields. */
  readonly header: FrameHeader;
  /** Present where the header has `auth` or `mac`. */
  readonly signed?: SignedBytes;
  /**
   * Set when the session data demands a feature that is unknown here (S-FRM-4): the server answers with
   * this error, reads the payload away, and the connection goes on.
   */
  readonly refusal?: FxferError;
}

/** A request to attach the connection to a session.
 * @category Protocol */
export interface ConnectRequest extends RequestBase {
  /** Tells the requests apart. */
  readonly action: "connect";
  /** What the session data says; empty when there was none. */
  readonly data: ConnectData;
}

/** A request to store bytes.
 * @category Protocol */
export interface TransferRequest extends RequestBase {
  /** Tells the requests apart. */
  readonly action: "transfer";
  /** What the session data says; the record of a whole file when there was none. */
  readonly data: TransferData;
}

/** A sign of life.
 * @category Protocol */
export interface HeartbeatRequest extends RequestBase {
  /** Tells the requests apart. */
  readonly action: "heartbeat";
}

/** A request to end the session.
 * @category Protocol */
export interface DisconnectRequest extends RequestBase {
  /** Tells the requests apart. */
  readonly action: "disconnect";
}

/** A request for a file, or a part of it.
 * @category Protocol */
export interface FetchRequest extends RequestBase {
  /** Tells the requests apart. */
  readonly action: "fetch";
  /** Which file. */
  readonly data: FetchData;
}

/** A request for a page of the list of files.
 * @category Protocol */
export interface ListRequest extends RequestBase {
  /** Tells the requests apart. */
  readonly action: "list";
  /** Which files. */
  readonly data: ListData;
}

/** A request to remove a file.
 * @category Protocol */
export interface RemoveRequest extends RequestBase {
  /** Tells the requests apart. */
  readonly action: "remove";
  /** Which file. */
  readonly data: RemoveData;
}

/** One v2 request: header and session data. Its payload follows in payload events.
 * @category Protocol */
export type RequestFrame =
  | ConnectRequest
  | TransferRequest
  | HeartbeatRequest
  | DisconnectRequest
  | FetchRequest
  | ListRequest
  | RemoveRequest;

/** What a frame asks for, such as `connect` or `transfer`.
 * @category Protocol */
export type Action = RequestFrame["action"];
