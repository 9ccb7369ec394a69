/** Stored files as a table that fits its terminal. Pure. @module */
import type { FileInfo } from "../../protocol/mod.ts";
import { fit, pad, type Paint } from "../../terminal/mod.ts";
import { escapeControls, formatBytes, formatDuration } from "../../text.ts";

/** One column. */
interface Column {
  readonly title: string;
  readonly right?: boolean;
  /** Columns with a higher number are left out first where there is no room. */
  readonly rank: number;
  cell(file: FileInfo, now: number): string;
}

/** A name is not cut to fewer columns than this as long as another column can be left out. */
const SHORTEST_NAME = 20;

const nameOf = ({ name, path }: FileInfo): string => escapeControls(name ?? path);

function ageOf({ stored_at }: FileInfo, now: number): string {
  const at = Date.parse(stored_at ?? "");
  return Number.isNaN(at) ? "" : formatDuration((now - at) / 1000);
}

const SIZE: Column = {
  title: "SIZE",
  right: true,
  rank: 1,
  cell: ({ size }) => formatBytes(size),
};
const AGE: Column = { title: "AGE", right: true, rank: 2, cell: ageOf };
const TYPE: Column = { title: "TYPE", rank: 3, cell: ({ mime_type }) => escapeControls(mime_type) };

/** What `-l` shows besides; these are not cut. */
const MORE: readonly Column[] = [
  { title: "STORED", rank: 0, cell: ({ stored_at = "" }) => escapeControls(stored_at) },
  { title: "SHA-256", rank: 0, cell: ({ sha256 }) => escapeControls(sha256.slice(0, 16)) },
  { title: "PATH", rank: 0, cell: ({ path }) => escapeControls(path) },
];

/** How a table is written. */
export interface TableOptions {
  /** The width of the terminal; Infinity where there is none. */
  readonly columns: number;
  /** Whether everything is shown, in lines of any width. */
  readonly long: boolean;
  readonly paint: Paint;
  /** The time, in milliseconds since 1970. */
  readonly now: number;
}

/** Writes rows, page by page; the columns never become narrower. */
export class FileTable {
  readonly #options: TableOptions;
  readonly #widths = new Map<Column, number>();
  #hasTitle = false;

  constructor(options: TableOptions) {
    this.#options = options;
  }

  /** The lines of a page, with the titles before the first. */
  page(files: readonly FileInfo[]): string[] {
    const { columns: room, long, paint, now } = this.#options;
    let columns = long ? [SIZE, ...MORE, TYPE] : [SIZE, AGE, TYPE];
    for (const column of columns) {
      const before = this.#widths.get(column) ?? column.title.length;
      const cells = files.map((file) => column.cell(file, now).length);
      this.#widths.set(column, cells.reduce((a, b) => Math.max(a, b), before));
    }
    const width = (column: Column) => this.#widths.get(column)!;
    const taken = () => columns.reduce((sum, column) => sum + width(column) + 2, 0);
    while (!long && columns.length > 1 && taken() + SHORTEST_NAME > room) {
      const last = Math.max(...columns.map(({ rank }) => rank));
      columns = columns.filter(({ rank }) => rank < last);
    }
    const left = long ? Infinity : Math.max(1, room - taken());
    const row = (text: (column: Column) => string, name: string) =>
      columns.map((column) =>
        column.right ? text(column).padStart(width(column)) : pad(text(column), width(column))
      ).concat(fit(name, left)).join("  ");
    const lines = files.map((file) => row((column) => column.cell(file, now), nameOf(file)));
    if (this.#hasTitle || lines.length === 0) return lines;
    this.#hasTitle = true;
    return [paint("dim", row(({ title }) => title, "NAME")), ...lines];
  }
}
