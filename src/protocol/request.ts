/** A request's session data as typed records, and what a request may not be (wire §4, §6). @module */
import { FxferError } from "../errors.ts";
import type { Action, ConnectData, FrameHeader, RequestFrame, TransferData } from "./frame.ts";
import {
  boolean,
  integer,
  invalidField,
  optional,
  sha256,
  text,
  textOfBytes,
  uuid,
  word,
} from "./fields.ts";
import type { JsonObject } from "./json.ts";
import { MAX_NAME_BYTES, MAX_TOKEN_LENGTH } from "./limits.ts";

const FALLBACKS = ["stateless"] as const;

/** The names each action knows: others may not stand in `crit` (S-FRM-4). */
const KNOWN: Readonly<Record<Action, readonly string[]>> = {
  connect: [
    "token",
    "want_token",
    "clean",
    "keepalive_s",
    "session_expiry_s",
    "fallback",
    "crit",
  ],
  transfer: [
    "upload_id",
    "name",
    "offset",
    "length",
    "complete",
    "sha256",
    "cancel",
    "crit",
  ],
  heartbeat: ["crit"],
  disconnect: ["crit"],
};

const WHOLE_FILE: TransferData = { offset: 0, complete: true, cancel: false };
const NOTHING_ASKED: ConnectData = {};

/** How much of an unknown name is echoed: the reply must fit, whatever the peer wrote. */
const MAX_ECHOED_NAME = 64;

/**
 * Makes the request of a header and its session data (undefined when `data_size` is 0).
 *
 * @throws {FxferError} `invalid_field`.
 */
export function readRequest(header: FrameHeader, data: JsonObject | undefined): RequestFrame {
  const action = header.session.action;
  const base = data === undefined ? { header } : { header, ...readRefusal(action, data) };
  switch (action) {
    case "connect":
      return { ...base, action, data: data === undefined ? NOTHING_ASKED : readConnect(data) };
    case "transfer":
      return { ...base, action, data: data === undefined ? WHOLE_FILE : readTransfer(data) };
    default:
      return { ...base, action };
  }
}

/** Only a transfer carries bytes; said when the header is read, before anything follows it. */
export function checkRequestHeader(header: FrameHeader): void {
  if (header.size > 0 && header.session.action !== "transfer") {
    throw invalidField("size", `0 for ${header.session.action}`);
  }
}

function readConnect(data: JsonObject): ConnectData {
  const token = optional(data.token, "token", (v, f) => text(v, f, MAX_TOKEN_LENGTH));
  const wantToken = optional(data.want_token, "want_token", boolean);
  const clean = optional(data.clean, "clean", boolean);
  const keepaliveS = optional(data.keepalive_s, "keepalive_s", integer);
  const sessionExpiryS = optional(data.session_expiry_s, "session_expiry_s", integer);
  const fallback = optional(data.fallback, "fallback", (v, f) => word(v, f, FALLBACKS));
  return {
    ...(token !== undefined && { token }),
    ...(wantToken !== undefined && { wantToken }),
    ...(clean !== undefined && { clean }),
    ...(keepaliveS !== undefined && { keepaliveS }),
    ...(sessionExpiryS !== undefined && { sessionExpiryS }),
    ...(fallback !== undefined && { fallback }),
  };
}

function readTransfer(data: JsonObject): TransferData {
  const uploadId = optional(data.upload_id, "upload_id", uuid);
  const name = optional(data.name, "name", (v, f) => textOfBytes(v, f, MAX_NAME_BYTES));
  const length = optional(data.length, "length", integer);
  const digest = optional(data.sha256, "sha256", sha256);
  return {
    ...(uploadId !== undefined && { uploadId }),
    ...(name !== undefined && { name }),
    offset: optional(data.offset, "offset", integer) ?? 0,
    ...(length !== undefined && { length }),
    complete: optional(data.complete, "complete", boolean) ?? true,
    ...(digest !== undefined && { sha256: digest }),
    cancel: optional(data.cancel, "cancel", boolean) ?? false,
  };
}

/** S-FRM-4: well framed, so not a fault; the connection refuses it and goes on. */
function readRefusal(action: Action, data: JsonObject): { refusal?: FxferError } {
  const crit = data.crit;
  if (crit === undefined || crit === null) return {};
  if (!Array.isArray(crit) || !crit.every((name) => typeof name === "string")) {
    throw invalidField("crit", "a list of names");
  }
  const unknown = crit.find((name) => !KNOWN[action].includes(name));
  if (unknown === undefined) return {};
  const name = unknown.slice(0, MAX_ECHOED_NAME).toWellFormed();
  const refusal = new FxferError(
    "unsupported_feature",
    `Cannot serve ${action}: a feature it marks as critical is not known`,
    { fields: { name } },
  );
  return { refusal };
}
