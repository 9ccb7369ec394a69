/** Log events as lines, for people and as JSON. Pure. @module */
import { describeError, formatJson, type LogEvent } from "../log.ts";
import { escapeControls } from "../text.ts";

function formatValue(value: unknown): string {
  if (typeof value === "string") {
    return /^[\w.:/@+-]+$/.test(value) ? value : escapeControls(JSON.stringify(value));
  }
  if (value instanceof Error) return escapeControls(JSON.stringify(describeError(value)));
  if (typeof value === "object" && value !== null) return escapeControls(JSON.stringify(value));
  return String(value);
}

const DIM = "\x1b[2m";
const RESET = "\x1b[0m";
const LEVEL_COLOUR = { debug: DIM, info: "\x1b[32m", warn: "\x1b[33m", error: "\x1b[31m" } as const;

/**
 * A log event as one line for people: `2026-01-02T03:04:05.678Z info  transfer.stored bytes=3`.
 * Its fields are escaped, so that they cannot end the line, colour it or turn its direction.
 */
export function formatText(event: LogEvent, colour = false): string {
  const paint = (style: string, text: string) => colour ? `${style}${text}${RESET}` : text;
  const fields = Object.entries(event.fields).filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${paint(DIM, escapeControls(key) + "=")}${formatValue(value)}`);
  return paint(DIM, escapeControls(event.time)) + " " +
    paint(LEVEL_COLOUR[event.level], event.level.padEnd(5)) + " " +
    escapeControls(event.event) + fields.join("");
}

/** A log event as one line of JSON; control characters and bidirectional marks are escaped. */
export function formatJsonLine(event: LogEvent): string {
  // Such characters are only inside JSON strings, where \uXXXX means the same.
  return escapeControls(formatJson(event));
}
