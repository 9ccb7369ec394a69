/** A request's session data as typed records, and what a request must not be. @module */
import { FxferError } from "../errors.ts";
import {
  type Action,
  ACTIONS,
  type DataRule,
  type FrameHeader,
  type RequestFrame,
} from "./actions.ts";
import { invalidField } from "./fields.ts";
import type { JsonObject } from "./json.ts";

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
  const refusal = object === undefined ? undefined : refusalOf(action, rule, object);
  const data = object === undefined ? rule.empty : readFields(rule, object);
  const request = data === undefined ? { header, action } : { header, action, data };
  // The table ties each action to its record; the compiler cannot follow that through a variable.
  return (refusal === undefined ? request : { ...request, refusal }) as RequestFrame;
}

/** Checks that only actions with payload announce one: before anything after the header is read. */
export function checkRequestHeader({ size, session: { action } }: FrameHeader): void {
  if (size > 0 && !ACTIONS[action].payload) throw invalidField("size", `0 for ${action}`);
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
