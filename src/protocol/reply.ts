/** A reply's session data, checked in the fields that a client relies on. @module */
import type { FrameHeader } from "./actions.ts";
import { isCode } from "../errors.ts";
import type { FileInfo, ReplyBody, ReplyFrame } from "./frame.ts";
import { boolean, integer, invalidField, optional, sha256, text } from "./fields.ts";
import type { JsonObject } from "./json.ts";
import { MAX_SESSION_DATA_BYTES } from "./limits.ts";

/**
 * Makes the reply of a header and its session data. `class` and `message` are dropped, because they
 * follow from the code. Fields that are unknown here pass unchanged.
 *
 * @throws {FxferError} `invalid_field` if there is no code, or a known field has a wrong type.
 */
export function readReply(header: FrameHeader, data: JsonObject): ReplyFrame {
  const { code, class: _class, message: _message, ...fields } = data;
  if (typeof code !== "string") throw invalidField("code", "a text");
  optional(fields.offset, "offset", integer);
  optional(fields.retry_after_ms, "retry_after_ms", integer);
  optional(fields.replayed, "replayed", boolean);
  optional(fields.file, "file", checkFile);
  const body: ReplyBody = isCode(code)
    ? { code, ...fields }
    : { code: "internal_error", ...fields, unknown_code: code };
  return { header, body };
}

function checkFile(value: unknown, field: string): FileInfo {
  if (typeof value !== "object" || value === null) throw invalidField(field, "an object");
  const file = value as JsonObject;
  text(file.path, "file.path", MAX_SESSION_DATA_BYTES);
  text(file.mime_type, "file.mime_type", MAX_SESSION_DATA_BYTES);
  integer(file.size, "file.size");
  sha256(file.sha256, "file.sha256");
  return value as FileInfo;
}
