/**
 * The actions of the wire: the typed records of what a frame may ask, and one table that says for each
 * action what it needs, what it may carry and how it is answered. The text of `mod.ts` says at its end
 * how to add an action.
 *
 * @module
 */
import type { Code, FxferError } from "../errors.ts";
import { boolean, integer, sha256, text, textOfBytes, uuid, word } from "./fields.ts";
import { MAX_NAME_BYTES, MAX_TOKEN_LENGTH } from "./limits.ts";

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
  /** The client accepts stateless service when the server cannot give it a session (S-DEG-1). */
  readonly fallback?: "stateless";
}

/** Session data of `transfer`. Without session data the payload is one whole file.
 * @category Protocol */
export interface TransferData {
  /** A UUID the client made: it names the upload across retries (S-TRF-9). */
  readonly uploadId?: string;
  /** The file's name at the sender. The server keeps it as data and never uses it as a path. */
  readonly name?: string;
  /** Where the payload starts in the file, in bytes; absent on the wire means 0. */
  readonly offset: number;
  /** The whole file's size in bytes. */
  readonly length?: number;
  /** Whether this frame ends the file; absent on the wire means true. */
  readonly complete: boolean;
  /** The whole file's SHA-256, 64 lower-case hex digits. */
  readonly sha256?: string;
  /** True drops the partial file; absent on the wire means false. */
  readonly cancel: boolean;
}

/** What every request has.
 * @category Protocol */
export interface RequestBase {
  /** The header as typed fields. */
  readonly header: FrameHeader;
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

/** One v2 request: header and session data. Its payload follows in payload events.
 * @category Protocol */
export type RequestFrame =
  | ConnectRequest
  | TransferRequest
  | HeartbeatRequest
  | DisconnectRequest;

/** What a frame asks for: `connect`, `transfer`, `heartbeat` or `disconnect`.
 * @category Protocol */
export type Action = RequestFrame["action"];

/** Checks one value of session data and brings it into its own form, or throws `invalid_field`. */
export type FieldReader<T = unknown> = (value: unknown, field: string) => T;

/** One field of session data. */
export interface DataField {
  /** Its name in the typed record, such as `uploadId`. */
  readonly name: string;
  /** Its name on the wire, such as `upload_id`. */
  readonly wire: string;
  /** Reads a value that is neither absent nor null. */
  readonly read: FieldReader;
}

/** What the session data of an action may hold; `D` is the typed record. */
export interface DataRule<D = unknown> {
  /** The record of a frame without session data; undefined for an action that has no record. */
  readonly empty: D;
  /** The fields, in the order in which the encoder writes them. */
  readonly fields: readonly DataField[];
  /** The names a sender may list in `crit` (S-FRM-4). */
  readonly known: readonly string[];
}

/** One row of {@linkcode ACTIONS}. */
export interface ActionRule<D = unknown> {
  /** The modes that serve the action, each with the codes that say it succeeded. */
  readonly answers: Readonly<Partial<Record<Mode, readonly Code[]>>>;
  /** Whether payload may follow. */
  readonly payload: boolean;
  /** Whether a stateful frame is served only on a connection that is attached to its session (S-CON-7). */
  readonly needsSession: boolean;
  /** Whether a stateful frame uses up the next sequence number (S-SEQ-3). */
  readonly usesNumber: boolean;
  /** Its session data. */
  readonly data: DataRule<D>;
}

/** The typed record of an action's session data; undefined for an action without one. */
type DataOf<A extends Action> = Extract<RequestFrame, { readonly action: A }> extends
  { readonly data: infer D } ? D : undefined;

/** A reader for every field of a record: the compiler reports a field that was forgotten. */
type Readers<D> = {
  readonly [K in keyof D]-?: readonly [wire: string, read: FieldReader<Exclude<D[K], undefined>>];
};

function dataRule<D extends object>(empty: D, readers: Readers<D>): DataRule<D> {
  const entries = Object.entries<readonly [string, FieldReader]>(readers);
  const fields = entries.map(([name, [wire, read]]) => ({ name, wire, read }));
  return { empty, fields, known: [...fields.map(({ wire }) => wire), "crit"] };
}

const NO_DATA: DataRule<undefined> = { empty: undefined, fields: [], known: ["crit"] };

const token: FieldReader<string> = (value, field) => text(value, field, MAX_TOKEN_LENGTH);
const fileName: FieldReader<string> = (value, field) => textOfBytes(value, field, MAX_NAME_BYTES);
const fallback: FieldReader<"stateless"> = (value, field) => word(value, field, ["stateless"]);

/** The table of actions. The most frequent action stands first: readers try them in this order. */
export const ACTIONS: { readonly [A in Action]: ActionRule<DataOf<A>> } = {
  transfer: {
    answers: { stateless: ["ok"], stateful: ["ok", "partial"] },
    payload: true,
    needsSession: true,
    usesNumber: true,
    data: dataRule<TransferData>({ offset: 0, complete: true, cancel: false }, {
      uploadId: ["upload_id", uuid],
      name: ["name", fileName],
      offset: ["offset", integer],
      length: ["length", integer],
      complete: ["complete", boolean],
      sha256: ["sha256", sha256],
      cancel: ["cancel", boolean],
    }),
  },
  heartbeat: {
    answers: { stateless: ["pong"], stateful: ["pong"] },
    payload: false,
    needsSession: true,
    usesNumber: false,
    data: NO_DATA,
  },
  connect: {
    // A stateful connect is answered `ok` when the server falls back to stateless service (S-DEG-1).
    answers: { stateless: ["ok"], stateful: ["session_created", "session_resumed", "ok"] },
    payload: false,
    needsSession: false,
    usesNumber: false,
    data: dataRule<ConnectData>({}, {
      token: ["token", token],
      wantToken: ["want_token", boolean],
      clean: ["clean", boolean],
      keepaliveS: ["keepalive_s", integer],
      sessionExpiryS: ["session_expiry_s", integer],
      fallback: ["fallback", fallback],
    }),
  },
  disconnect: {
    answers: { stateless: ["session_closed"], stateful: ["session_closed"] },
    payload: false,
    needsSession: true,
    usesNumber: true,
    data: NO_DATA,
  },
};

/** All actions, in the order of the table. */
export const ACTION_NAMES: readonly Action[] = Object.keys(ACTIONS) as Action[];
