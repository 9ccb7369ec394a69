/** Numbers, log events and texts as people read them. Pure. @module */
import { escapeControls } from "../config/mod.ts";
import { describeError, formatJson, type LogEvent } from "../log.ts";

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** Bytes in binary units: `0 B`, `1023 B`, `1.5 KiB`, `10.0 MiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // 1023.95 would be shown as 1024.0: it belongs to the next unit.
  while (value >= (unit === 0 ? 1024 : 1023.95) && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? Math.floor(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

/** Bytes a second: `1.5 MiB/s`. */
export function formatRate(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`;
}

/** Seconds in the two largest units: `0.3s`, `5s`, `1m05s`, `2h03m`, `3d04h`. */
export function formatDuration(seconds: number): string {
  if (seconds < 0.95) return `${Math.max(0, seconds).toFixed(1)}s`;
  const whole = Math.round(seconds);
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m${two(whole % 60)}s`;
  if (whole < 86400) return `${Math.floor(whole / 3600)}h${two(whole % 3600 / 60)}m`;
  return `${Math.floor(whole / 86400)}d${two(whole % 86400 / 3600)}h`;
}

/** `1 file`, `2 files`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

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
 * Nothing in its fields can end the line, colour it or turn its direction.
 */
export function formatText(event: LogEvent, colour = false): string {
  const paint = (style: string, text: string) => colour ? `${style}${text}${RESET}` : text;
  const fields = Object.entries(event.fields).filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${paint(DIM, escapeControls(key) + "=")}${formatValue(value)}`);
  return paint(DIM, escapeControls(event.time)) + " " +
    paint(LEVEL_COLOUR[event.level], event.level.padEnd(5)) + " " +
    escapeControls(event.event) + fields.join("");
}

/** A log event as one line of JSON in which controls and bidirectional marks are escaped, too. */
export function formatJsonLine(event: LogEvent): string {
  // Such characters stand only inside JSON texts, where \uXXXX means the same.
  return escapeControls(formatJson(event));
}
