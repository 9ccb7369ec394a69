/** Log events as lines, for people and as JSON. Pure. @module */
import { describeError, formatJson, type LogEvent } from "../log.ts";
import { escapeControls } from "../text.ts";
import { paintOf } from "./colour.ts";

function formatValue(value: unknown): string {
  if (typeof value === "string" && /^[\w.:/@+-]+$/.test(value)) return value;
  if (typeof value !== "string" && typeof value !== "object") return String(value);
  return escapeControls(JSON.stringify(value instanceof Error ? describeError(value) : value));
}

const LEVEL_STYLE = { debug: "dim", info: "green", warn: "yellow", error: "red" } as const;

/**
 * A log event as one line for people: `2026-01-02T03:04:05.678Z info  transfer.stored bytes=3`.
 * Its fields are escaped, so that they cannot end the line, colour it or turn its direction.
 */
export function formatText(event: LogEvent, colour = false): string {
  const paint = paintOf({ colour });
  const fields = Object.entries(event.fields).filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${paint("dim", escapeControls(key) + "=")}${formatValue(value)}`);
  return paint("dim", escapeControls(event.time)) + " " +
    paint(LEVEL_STYLE[event.level], event.level.padEnd(5)) + " " +
    escapeControls(event.event) + fields.join("");
}

/** A log event as one line of JSON; control characters and bidirectional marks are escaped. */
export function formatJsonLine(event: LogEvent): string {
  // Such characters are only inside JSON strings, where \uXXXX means the same.
  return escapeControls(formatJson(event));
}
