/** Frames as bytes: replies for the server, requests for the client. @module */
import { CODES } from "../errors.ts";
import { mediaType, utf8Length } from "./fields.ts";
import type { Action, ConnectData, Mode, ReplyBody, ReplyHeader, TransferData } from "./frame.ts";
import { MAX_SESSION_DATA_BYTES, VERSION } from "./limits.ts";

const UTF8 = new TextEncoder();

/**
 * One reply or notice: header, LF, session data, LF.
 *
 * @param header What it echoes of the request.
 * @param body The session data by its wire names; `class` and `message` are added from the table.
 * @returns The bytes of the whole frame, in a buffer of its own.
 * @throws {RangeError} The session data is over 65536 bytes.
 */
export function encodeReply(header: ReplyHeader, body: ReplyBody): Uint8Array {
  const { code, class: _class, message: _message, ...fields } = body;
  const { class: codeClass, message } = CODES[code];
  const data = JSON.stringify({ code, class: codeClass, message, ...fields }) + "\n";
  return encodeFrame("application/json", 0, header, data);
}

/** What {@linkcode encodeRequest} takes. */
export interface RequestInit {
  /** `type/subtype` of the file. @default {"application/octet-stream"} */
  readonly mimeType?: string;
  /** Payload bytes that will follow. @default {0} */
  readonly size?: number;
  /** The session's id; null for stateless frames and for a new session. */
  readonly id: string | null;
  /** Which handler is to serve it. */
  readonly mode: Mode;
  /** 0 to 2^53-1. */
  readonly sequence: number;
  /** What is asked. */
  readonly action: Action;
  /** The action's session data; fields with their default value are left out of the frame. */
  readonly data?: ConnectData | Partial<TransferData>;
}

/**
 * One request up to its payload, which the caller sends after it.
 *
 * @returns The bytes of header and session data, in a buffer of its own.
 * @throws {TypeError} `mimeType` is no media type.
 * @throws {RangeError} A number is not an integer from 0 to 2^53-1, or the session data is too long.
 */
export function encodeRequest(init: RequestInit): Uint8Array {
  const size = init.size ?? 0;
  checkInteger(size, "size");
  checkInteger(init.sequence, "sequence");
  const mimeType = mediaType(init.mimeType ?? "application/octet-stream");
  if (mimeType === undefined) {
    throw new TypeError("Cannot encode request: mimeType must be type/subtype");
  }
  return encodeFrame(mimeType, size, init, init.data === undefined ? "" : encodeData(init.data));
}

/** Session data by its wire names; JSON leaves out what is undefined. */
function encodeData(data: ConnectData & Partial<TransferData>): string {
  for (const name of ["keepaliveS", "sessionExpiryS", "offset", "length"] as const) {
    const value = data[name];
    if (value !== undefined) checkInteger(value, name);
  }
  const json = JSON.stringify({
    token: data.token,
    want_token: data.wantToken || undefined,
    clean: data.clean || undefined,
    keepalive_s: data.keepaliveS,
    session_expiry_s: data.sessionExpiryS,
    fallback: data.fallback,
    upload_id: data.uploadId,
    name: data.name,
    offset: data.offset || undefined,
    length: data.length,
    complete: data.complete === false ? false : undefined,
    sha256: data.sha256,
    cancel: data.cancel || undefined,
  });
  return json === "{}" ? "" : json;
}

/** The header's text is concatenated: its fields are few, checked, and always the same. */
function encodeFrame(
  mimeType: string,
  size: number,
  session: ReplyHeader,
  data: string,
): Uint8Array {
  const dataSize = utf8Length(data);
  if (dataSize > MAX_SESSION_DATA_BYTES) {
    throw new RangeError(
      `Cannot encode frame: session data is over ${MAX_SESSION_DATA_BYTES} bytes`,
    );
  }
  return UTF8.encode(
    `{"version":"${VERSION}","mime_type":"${mimeType}","size":${size},"session":{"id":` +
      `${session.id === null ? "null" : JSON.stringify(session.id)},"mode":"${session.mode}",` +
      `"sequence":${session.sequence},"action":"${session.action}","data_size":${dataSize}}}\n` +
      data,
  );
}

function checkInteger(value: number, name: string): void {
  if (Number.isSafeInteger(value) && value >= 0) return;
  throw new RangeError(`Cannot encode request: ${name} must be an integer from 0 to 2^53-1`);
}
