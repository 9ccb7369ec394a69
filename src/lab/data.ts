/** Measurements as text that other programs read. @module */
import type { Measurement } from "./types.ts";

/** Rows as CSV (RFC 4180): the names first, nothing for a value that is missing. */
export function toCsv(rows: readonly Measurement[]): string {
  const names = Object.keys(rows[0] ?? {});
  const lines = rows.map((row) => names.map((name) => cell(row[name])).join(","));
  return [names.map(cell).join(","), ...lines].map((line) => `${line}\r\n`).join("");
}

function cell(value: string | number | null | undefined): string {
  const text = value === null || value === undefined ? "" : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
