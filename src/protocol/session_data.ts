/** Session data: that of a request as typed records, that of a reply as its checked body. @module */
import { FxferError, isCode } from "../errors.ts";
import { ACTIONS, type DataRule, type FieldReader } from "./actions.ts";
import { boolean, integer, invalidField, sha256, text } from "./fields.ts";
import type { ReplyBody, ReplyFrame } from "./frame.ts";
import type { JsonObject } from "./json.ts";
import { FIRST_VERSION, MAX_SESSION_DATA_BYTES } from "./limits.ts";
import type { Action, FrameHeader, RequestFrame } from "./requests.ts";

/** How much of an unknown name is repeated: the reply must fit, whatever the peer wrote. */
const MAX_ECHOED_NAME = 64;

/**
 * Makes the request of a header and its session data (undefined when `data_size` is 0).
 *
 * @throws {FxferError} `invalid_field`.
 */
export function readRequest(header: FrameHeader, object: JsonObject | undefined): RequestFrame {
  const { action } = header.session;
  const rule: DataRule = ACTIONS[action].data;
  const data = object === undefined ? rule.empty : readFields(rule, object);
  const refusal = object === undefined
    ? undefined
    : refusalOf(action, rule, object) ?? refusedName(header, data);
  const request = data === undefined ? { header, action } : { header, action, data };
  // The table ties each action to its record; the compiler cannot follow that through a variable.
  return (refusal === undefined ? request : { ...request, refusal }) as RequestFrame;
}

function readFields({ empty, fields }: DataRule, object: JsonObject): unknown {
  if (empty === undefined) return undefined;
  const record: Record<string, unknown> = { ...empty as object };
  for (const { name, wire, read } of fields) {
    const value = object[wire];
    if (value !== undefined && value !== null) record[name] = read(value, wire);
  }
  return record;
}

/**
 * The refusal of a request that marks an unknown feature as critical (S-FRM-4). The request is well
 * framed, so this is no fault of the stream: the connection refuses the request and goes on.
 */
function refusalOf(action: Action, rule: DataRule, { crit }: JsonObject): FxferError | undefined {
  if (crit === undefined || crit === null) return undefined;
  if (!Array.isArray(crit) || !crit.every((name) => typeof name === "string")) {
    throw invalidField("crit", "a list of names");
  }
  const unknown = crit.find((name) => !rule.known.includes(name));
  if (unknown === undefined) return undefined;
  return new FxferError(
    "unsupported_feature",
    `Cannot serve ${action}: a feature it marks as critical is not known`,
    { fields: { name: unknown.slice(0, MAX_ECHOED_NAME).toWellFormed() } },
  );
}

/**
 * S-NAM-1: from version 2.1 on a name is a relative path, so that no component of it may be empty. In version
 * 2.0 it is any text. As the text is well framed, the connection goes on.
 */
function refusedName({ version }: FrameHeader, data: unknown): FxferError | undefined {
  const name = (data as { readonly name?: string } | undefined)?.name;
  if (name === undefined || version === FIRST_VERSION) return undefined;
  const isPath = name !== "" && !name.startsWith("/") && !name.endsWith("/") &&
    !name.includes("//");
  return isPath ? undefined : invalidField("name", "a relative path without empty components");
}

/**
 * Makes the reply of a header and its session data. `class` and `message` are dropped, because they
 * follow from the code. Fields that are unknown here pass unchanged.
 *
 * @throws {FxferError} `invalid_field` if there is no code, or a known field has a wrong type.
 */
export function readReply(header: FrameHeader, data: JsonObject): ReplyFrame {
  const { class: _class, message: _message, ...fields } = data;
  const { code } = fields;
  if (typeof code !== "string") throw invalidField("code", "a text");
  optional(fields.offset, "offset", integer);
  optional(fields.retry_after_ms, "retry_after_ms", integer);
  optional(fields.replayed, "replayed", boolean);
  optional(fields.file, "file", checkFile);
  if (isCode(code)) return { header, body: fields as unknown as ReplyBody };
  return { header, body: { ...fields, code: "internal_error", unknown_code: code } };
}

/** Checks a field of a reply unless it is absent or null, which are the same. */
function optional(value: unknown, field: string, check: FieldReader): void {
  if (value !== undefined && value !== null) check(value, field);
}

function checkFile(value: unknown, field: string): void {
  if (typeof value !== "object" || value === null) throw invalidField(field, "an object");
  const file = value as JsonObject;
  text(file.path, "file.path", MAX_SESSION_DATA_BYTES);
  text(file.mime_type, "file.mime_type", MAX_SESSION_DATA_BYTES);
  integer(file.size, "file.size");
  sha256(file.sha256, "file.sha256");
}
