/** Frames as bytes: replies for the server, requests for the client, and version 1 for both. @module */
import { CODES } from "../errors.ts";
import { ACTIONS, type DataRule } from "./actions.ts";
import { integer, mediaType, utf8Length } from "./fields.ts";
import type { ReplyBody, ReplyHeader, V1Header } from "./frame.ts";
import { MAC_CHARACTERS, MAX_SESSION_DATA_BYTES, VERSION } from "./limits.ts";
import type { FetchData, ListData, RemoveData, TransferData } from "./files/mod.ts";
import type { AuthHeader, ConnectData } from "./requests.ts";

const UTF8 = new TextEncoder();

/**
 * Encodes one reply or notice: header, LF, session data, LF.
 *
 * @param header What the reply repeats of its request.
 * @param body The session data by its wire names; its code adds `class` and `message`.
 * @param payload What follows the frame and is not part of the result (S-GET-1): its bytes, and the media
 * type of the file, which counts as `application/octet-stream` where it is none. Absent: no bytes.
 * @returns The bytes of the whole frame, in a buffer of its own.
 * @throws {RangeError} The session data is over 65536 bytes.
 *
 * @example
 * ```ts
 * import { Decoder, encodeReply } from "./mod.ts";
 *
 * const request = { id: null, mode: "stateless", sequence: 1, action: "transfer" } as const;
 * const bytes = encodeReply(request, { code: "too_large", limit: 10 });
 * const [event] = new Decoder({ role: "client" }).push(bytes);
 * console.assert(event?.type === "reply" && event.reply.body.code === "too_large");
 * ```
 * @category Protocol
 */
export function encodeReply(
  header: ReplyHeader,
  body: ReplyBody,
  payload?: { readonly mimeType: string; readonly size: number },
): Uint8Array {
  if (payload === undefined) return encodeFrame("application/json", 0, header, replyText(body));
  const type = mediaType(payload.mimeType) ?? "application/octet-stream";
  return encodeFrame(type, payload.size, header, replyText(body));
}

/** How the session data of a reply begins, by its code; made once, because replies are many. */
const BEGINNINGS: ReadonlyMap<string, string> = new Map(
  Object.entries(CODES).map(([code, { class: codeClass, message }]) => {
    return [code, JSON.stringify({ code, class: codeClass, message }).slice(0, -1)];
  }),
);

/** Writes code, class and message first. A body whose first field is its code is not copied for that. */
function replyText(body: ReplyBody): string {
  const beginning = BEGINNINGS.get(body.code)!;
  if (body.class === undefined && body.message === undefined) {
    const json = JSON.stringify(body);
    const code = '{"code":"';
    if (json.startsWith(code)) {
      return `${beginning}${json.slice(code.length + body.code.length + 1)}\n`;
    }
  }
  const { code: _code, class: _class, message: _message, ...fields } = body;
  const json = JSON.stringify(fields);
  return `${beginning}${json === "{}" ? "" : ","}${json.slice(1)}\n`;
}

/** What {@linkcode encodeRequest} takes.
 * @category Protocol */
export interface RequestInit extends ReplyHeader {
  /** `type/subtype` of the file. @default {"application/octet-stream"} */
  readonly mimeType?: string;
  /** Shows that the sender has a key, with room for its code: 43 dots at the end of the header line. */
  readonly auth?: Omit<AuthHeader, "mac">;
  /** Every reply up to this number has been read, for a server with the feature `received` (S-SEQ-6). */
  readonly received?: number;
  /** Payload bytes that will follow. @default {0} */
  readonly size?: number;
  /** The action's session data. Fields whose absence means the same are left out of the frame. */
  readonly data?:
    | ConnectData
    | Partial<TransferData>
    | Partial<FetchData>
    | Partial<ListData>
    | RemoveData;
}

/**
 * Encodes one request up to its payload; the caller sends the payload after it.
 *
 * @returns The bytes of header and session data, in a buffer of its own.
 * @throws {TypeError} `mimeType` is not a media type.
 * @throws {RangeError} A number is not an integer from 0 to 2^53-1, or the session data is too long.
 *
 * @example
 * ```ts
 * import { encodeRequest } from "./mod.ts";
 *
 * const file = new TextEncoder().encode("hello");
 * const head = encodeRequest({
 *   mimeType: "text/plain",
 *   size: file.length,
 *   id: null,
 *   mode: "stateless",
 *   sequence: 1,
 *   action: "transfer",
 *   data: { name: "hello.txt" },
 * });
 * console.assert(new TextDecoder().decode(head).endsWith('\n{"name":"hello.txt"}'));
 * ```
 * @category Protocol
 */
export function encodeRequest(init: RequestInit): Uint8Array {
  const size = init.size ?? 0;
  checkInteger(size, "size");
  checkInteger(init.sequence, "sequence");
  if (init.received !== undefined) checkInteger(init.received, "received");
  const mimeType = checkMediaType(init.mimeType ?? "application/octet-stream");
  const { action, data } = init;
  const text = data === undefined ? "" : encodeData(ACTIONS[action].data, data);
  return encodeFrame(mimeType, size, init, text);
}

/** Session data by its wire names, without the fields whose absence means the same. */
function encodeData({ empty, fields }: DataRule, data: object): string {
  const values = data as Readonly<Record<string, unknown>>;
  const absent = (empty ?? {}) as Readonly<Record<string, unknown>>;
  const body: Record<string, unknown> = {};
  for (let at = 0; at < fields.length; at++) {
    const { name, wire, read } = fields[at]!;
    const value = values[name];
    if (read === integer && value !== undefined) checkInteger(value as number, name);
    // A boolean field that is absent means false.
    if (value !== (absent[name] ?? false)) body[wire] = value;
  }
  const json = JSON.stringify(body);
  return json === "{}" ? "" : json;
}

/**
 * Encodes the usual frame once: if there is room for all characters in as many bytes, all of it is ASCII and
 * the `data_size` that was written first, in characters, is right. `encodeInto` takes half the time of `encode`.
 */
function encodeFrame(type: string, size: number, session: Head, data: string): Uint8Array {
  const text = headerText(type, size, session, data.length) + data;
  const bytes = new Uint8Array(text.length);
  const ascii = UTF8.encodeInto(text, bytes).read === text.length;
  const dataSize = ascii ? data.length : utf8Length(data);
  if (dataSize > MAX_SESSION_DATA_BYTES) {
    throw new RangeError(
      `Cannot encode frame: session data is over ${MAX_SESSION_DATA_BYTES} bytes`,
    );
  }
  return ascii ? bytes : UTF8.encode(headerText(type, size, session, dataSize) + data);
}

/** What the header of a frame says of its session. */
type Head = ReplyHeader & Pick<RequestInit, "auth" | "received">;

/** Where a MAC will stand, which is computed over the bytes as they are now (S-KEY-2). */
const ROOM_FOR_MAC = `"mac":"${".".repeat(MAC_CHARACTERS)}"`;

function proofText({ auth, sealed }: Head): string {
  if (auth === undefined) return sealed === true ? `,${ROOM_FOR_MAC}` : "";
  const { key, nonce, time } = auth;
  return `,"auth":{"key":${JSON.stringify(key)},"nonce":"${nonce}","time":${time},${ROOM_FOR_MAC}}`;
}

/** The header as text. Its fields are few, checked and always the same, so no JSON writer is needed. */
function headerText(type: string, size: number, session: Head, dataSize: number): string {
  return `{"version":"${
    session.version ?? VERSION
  }","mime_type":"${type}","size":${size},"session":{"id":` +
    `${session.id === null ? "null" : JSON.stringify(session.id)},"mode":"${session.mode}",` +
    `"sequence":${session.sequence},"action":"${session.action}","data_size":${dataSize}${
      session.received === undefined ? "" : `,"received":${session.received}`
    }${proofText(session)}}}\n`;
}

/** What became of one v1 file.
 * @category Protocol */
export type V1Result =
  /** The file is stored under this path, relative to the storage folder. */
  | { readonly ok: true; readonly path: string }
  /** The file is not stored; the text says why. */
  | { readonly ok: false; readonly text: string };

/**
 * Encodes a v1 header with its LF; the caller sends the payload after it.
 *
 * @throws {TypeError} `mimeType` is not a media type.
 * @throws {RangeError} `size` is not an integer from 0 to 2^53-1.
 *
 * @example
 * ```ts
 * import { encodeV1Header } from "./mod.ts";
 *
 * const text = new TextDecoder().decode(encodeV1Header({ mimeType: "image/png", size: 3 }));
 * console.assert(text === '{"mime_type":"image/png","size":3}\n');
 * ```
 * @category Protocol
 */
export function encodeV1Header(header: V1Header): Uint8Array {
  const mimeType = checkMediaType(header.mimeType, "v1 header");
  checkInteger(header.size, "size", "v1 header");
  return UTF8.encode(`{"mime_type":"${mimeType}","size":${header.size}}\n`);
}

/**
 * Encodes the lines that a v1 client gets after its EOF, one a file: `OK <path>` or `ERROR <text>`.
 * A server that wrote them earlier would do harm: a v1 client that closes with unread bytes loses what
 * it has not sent (S-VER-3).
 *
 * @example
 * ```ts
 * import { encodeV1Results } from "./mod.ts";
 *
 * const bytes = encodeV1Results([{ ok: true, path: "a.png" }, { ok: false, text: "too large" }]);
 * console.assert(new TextDecoder().decode(bytes) === "OK a.png\nERROR too large\n");
 * ```
 * @category Protocol
 */
export function encodeV1Results(results: readonly V1Result[]): Uint8Array {
  const lines = results.map((result) =>
    `${result.ok ? `OK ${oneLine(result.path)}` : `ERROR ${oneLine(result.text)}`}\n`
  );
  return UTF8.encode(lines.join(""));
}

/** Escapes control and direction characters, so that each result stays one line. */
function oneLine(text: string): string {
  return text.replace(
    // deno-lint-ignore no-control-regex
    /[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function checkMediaType(value: string, what = "request"): string {
  const type = mediaType(value);
  if (type === undefined) {
    throw new TypeError(`Cannot encode ${what}: mimeType must be type/subtype`);
  }
  return type;
}

function checkInteger(value: number, name: string, what = "request"): void {
  if (Number.isSafeInteger(value) && value >= 0) return;
  throw new RangeError(`Cannot encode ${what}: ${name} must be an integer from 0 to 2^53-1`);
}
