/** The JSON of a header, copied field by field into a typed record (S-FRM-3). @module */
import { ACTION_NAMES, type FrameHeader, MODES, type SessionHeader } from "./actions.ts";
import { integer, invalidField, mediaType, sessionId, word } from "./fields.ts";
import type { V1Header } from "./frame.ts";
import type { JsonObject } from "./json.ts";

/** The media type of a v1 file whose header names no valid one (S-FRM-5). */
const UNKNOWN_TYPE = "application/octet-stream";

/** Reads a v2 header, of a request or of a reply. */
export function readHeader(header: JsonObject): FrameHeader {
  const mimeType = mediaType(header.mime_type);
  if (mimeType === undefined) throw invalidField("mime_type", "type/subtype of at most 127 bytes");
  return {
    // majorVersion() has checked the version: it decided that this is a v2 header.
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
  };
}

/** Reads a v1 header. */
export function readV1Header(header: JsonObject): V1Header {
  return {
    mimeType: mediaType(header.mime_type) ?? UNKNOWN_TYPE,
    size: integer(header.size, "size"),
  };
}
