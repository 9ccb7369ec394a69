/**
 * Headers: the version that a header speaks, and its JSON, copied field by field into a typed record
 * (S-VER-1, S-FRM-3).
 *
 * @module
 */
import { FxferError } from "../errors.ts";
import { ACTION_NAMES } from "./actions.ts";
import {
  base64url,
  integer,
  invalidField,
  mediaType,
  sessionId,
  text,
  TOKEN_CHARACTERS,
  UUID_V4_PATTERN,
  word,
} from "./fields.ts";
import type { V1Header } from "./frame.ts";
import type { JsonObject } from "./json.ts";
import { type Action, type FrameHeader, type Mode, MODES, type SessionHeader } from "./requests.ts";
import {
  FIRST_VERSION,
  MAC_CHARACTERS,
  MAX_MIME_TYPE_BYTES,
  SUPPORTED_VERSIONS,
  VERSION,
} from "./limits.ts";

const V2 = /^2\.(0|[1-9][0-9]{0,4})$/;
const OUR_MINOR = Number(VERSION.slice(2));

/**
 * Picks the version that both ends speak: the lower of the two minor versions (S-VER-2).
 *
 * @param version The peer's `version`.
 * @returns For example `"2.0"`; undefined if the ends have no version in common.
 *
 * @example
 * ```ts
 * import { negotiateVersion } from "./mod.ts";
 *
 * console.assert(negotiateVersion("2.7") === "2.1" && negotiateVersion("3.0") === undefined);
 * ```
 * @category Protocol
 */
export function negotiateVersion(version: string): string | undefined {
  if (version === VERSION || version === FIRST_VERSION || version === "1.0") return version;
  const match = V2.exec(version);
  return match === null ? undefined : `2.${Math.min(Number(match[1]), OUR_MINOR)}`;
}

/**
 * Reads the major version of a header.
 *
 * @throws {FxferError} `unsupported_version` with `supported` (S-VER-1).
 */
export function majorVersion({ version, session }: JsonObject): 1 | 2 {
  if (version === undefined && session === undefined) return 1;
  const common = typeof version === "string" ? negotiateVersion(version) : undefined;
  if (common === undefined) {
    throw new FxferError("unsupported_version", "Cannot read header: version is not supported", {
      fields: { supported: SUPPORTED_VERSIONS },
    });
  }
  return common === "1.0" ? 1 : 2;
}

/** Reads a v1 header. Without a valid media type the file is bytes of no known type (S-FRM-5). */
export function readV1Header(header: JsonObject): V1Header {
  return {
    mimeType: mediaType(header.mime_type) ?? "application/octet-stream",
    size: integer(header.size, "size"),
  };
}

/** Reads a v2 header, of a request or of a reply. {@linkcode majorVersion} has checked its version. */
export function readHeader(header: JsonObject): FrameHeader {
  const mimeType = mediaType(header.mime_type);
  if (mimeType === undefined) throw invalidField("mime_type", "type/subtype of at most 127 bytes");
  return {
    version: header.version as string,
    mimeType,
    size: integer(header.size, "size"),
    session: readSession(header.session),
  };
}

function readSession(value: unknown): SessionHeader {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalidField("session", "an object");
  }
  const session = value as JsonObject;
  return {
    id: sessionId(session.id, "session.id"),
    mode: word(session.mode, "session.mode", MODES),
    sequence: integer(session.sequence, "session.sequence"),
    action: word(session.action, "session.action", ACTION_NAMES),
    dataSize: session.data_size === undefined ? 0 : integer(session.data_size, "session.data_size"),
    ...session.received === undefined || session.received === null
      ? {}
      : { received: integer(session.received, "session.received") },
    ...readProof(session),
  };
}

/** The longest name of a user (S-KEY-1). */
const MAX_USER_NAME = 32;

function readProof({ auth, mac }: JsonObject): Pick<SessionHeader, "auth" | "mac"> {
  const macOf = (value: unknown, field: string) => base64url(value, field, MAC_CHARACTERS);
  if (auth === undefined || auth === null) {
    return mac === undefined || mac === null ? {} : { mac: macOf(mac, "session.mac") };
  }
  if (mac !== undefined && mac !== null) throw invalidField("session.mac", "absent beside auth");
  if (typeof auth !== "object" || Array.isArray(auth)) {
    throw invalidField("session.auth", "an object");
  }
  const { key, nonce, time, mac: own } = auth as JsonObject;
  return {
    auth: {
      key: text(key, "session.auth.key", MAX_USER_NAME),
      nonce: base64url(nonce, "session.auth.nonce", 22),
      time: integer(time, "session.auth.time"),
      mac: macOf(own, "session.auth.mac"),
    },
  };
}

/** One half of a media type: two halves of this length and a slash are as long as a media type may be. */
const TOKEN = `[${TOKEN_CHARACTERS}]{1,${(MAX_MIME_TYPE_BYTES - 1) / 2}}`;
/** An integer of at most 15 digits: it is below 2^53 whatever its digits are. */
const INTEGER = "(0|[1-9][0-9]{0,14})";

const USUAL = new RegExp(
  `^\\{"version":"(2\\.[0-9])","mime_type":"(${TOKEN}/${TOKEN})","size":${INTEGER},` +
    `"session":\\{"id":(?:null|"(${UUID_V4_PATTERN})"),"mode":"(${MODES.join("|")})",` +
    `"sequence":${INTEGER},"action":"(${ACTION_NAMES.join("|")})"` +
    `(?:,"data_size":${INTEGER}(?:,"received":${INTEGER})?` +
    `(?:,"mac":"([A-Za-z0-9_-]{${MAC_CHARACTERS}})")?)?\\}\\}$`,
);

/**
 * A short cut for the header that nearly every peer sends: a v2 header that has exactly these fields in
 * this order, without spaces and escapes, as {@linkcode encodeRequest} and `JSON.stringify` write it.
 * One regular expression over the text takes a third of the time of scanning, parsing and checking it.
 *
 * @returns Undefined for every other text, valid or not: then the JSON parser decides. A text that both
 * can read gives the same header in both ways.
 */
export function readUsualHeader(text: string): FrameHeader | undefined {
  const match = USUAL.exec(text);
  if (match === null) return undefined;
  const id = match[4] ?? null;
  const mode = match[5] as Mode;
  const sequence = Number(match[6]);
  const action = match[7] as Action;
  const dataSize = Number(match[8] ?? 0);
  const session: SessionHeader = match[9] === undefined
    ? { id, mode, sequence, action, dataSize }
    : { id, mode, sequence, action, dataSize, received: Number(match[9]) };
  return {
    version: match[1]!,
    mimeType: match[2]!,
    size: Number(match[3]),
    session: match[10] === undefined ? session : { ...session, mac: match[10] },
  };
}
