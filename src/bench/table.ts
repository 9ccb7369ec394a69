/** Prints results as a table that is readable as text and valid Markdown. @module */
import type { LoadResult } from "./types.ts";

/** One line of the table. A field that is absent could not be measured. */
export interface Row {
  readonly scenario: string;
  readonly contender: string;
  /** The result itself, in `unit`. */
  readonly value: number;
  readonly unit: string;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  /** Processor time of the server in microseconds: for each file, or each MiB where `unit` is MB/s. */
  readonly cpuUs?: number;
  /** The most memory that the server held at any time. */
  readonly peakMiB?: number;
  readonly errors: number;
}

/** The part of a row that the load itself can measure, without looking into the server. */
export function rowOf(
  scenario: { readonly name: string; readonly unit: "files/s" | "MB/s" },
  contender: string,
  result: LoadResult,
): Row {
  const { done, payloadBytes, seconds, errors, p50Ms, p99Ms } = result;
  return {
    scenario: scenario.name,
    contender,
    value: (scenario.unit === "MB/s" ? payloadBytes / 1e6 : done) / seconds,
    unit: scenario.unit,
    // A scenario measured in MB/s sends one file: it has no percentiles.
    ...(scenario.unit === "files/s" ? { p50Ms, p99Ms } : {}),
    errors: Object.values(errors).reduce((sum, count) => sum + count, 0),
  };
}

const number = (value: number, digits: number) =>
  value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });

/** Three significant digits, or more where the whole number has more. */
function short(value: number): string {
  return number(value, value >= 100 ? 0 : value >= 10 ? 1 : 2);
}

const optional = (value: number | undefined, digits: number) =>
  value === undefined || Number.isNaN(value) ? "" : number(value, digits);

const COLUMNS: readonly (readonly [string, (row: Row) => string])[] = [
  ["scenario", ({ scenario }) => scenario],
  ["contender", ({ contender }) => contender],
  ["result", ({ value, unit }) => `${short(value)} ${unit}`],
  ["p50 ms", ({ p50Ms }) => optional(p50Ms, 2)],
  ["p99 ms", ({ p99Ms }) => optional(p99Ms, 2)],
  ["server CPU µs", ({ cpuUs }) => optional(cpuUs, 0)],
  ["peak MiB", ({ peakMiB }) => optional(peakMiB, 0)],
  ["errors", ({ errors }) => String(errors)],
];

/** The lines of the table; columns that no row fills are left out. */
export function renderTable(rows: readonly Row[]): string[] {
  const columns = COLUMNS.filter(([, cell]) => rows.some((row) => cell(row) !== ""));
  const cells = rows.map((row) => columns.map(([, cell]) => cell(row)));
  return renderCells(columns.map(([name]) => name), cells);
}

/** Cells as a table: the first `left` columns are aligned to the left, the others to the right. */
export function renderCells(
  names: readonly string[],
  rows: readonly (readonly string[])[],
  left = 2,
): string[] {
  const widths = names.map((name, column) =>
    Math.max(name.length, 3, ...rows.map((row) => row[column]!.length))
  );
  const line = (row: readonly string[]) => {
    const padded = row.map((cell, column) =>
      column < left ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)
    );
    return `| ${padded.join(" | ")} |`;
  };
  const rule = widths.map((width, column) => "-".repeat(width - 1) + (column < left ? "-" : ":"));
  return [line(names), line(rule), ...rows.map(line)];
}
