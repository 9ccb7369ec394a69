/**
 * Markdown as plain text for a terminal or a pager: no colours, no markup but backticks, lines of a
 * given width. It knows what the help topics are written in: headings, paragraphs, lists, tables,
 * fenced code, bold text, links, and the `{@linkcode Name}` of a doc comment. Pure.
 *
 * @module
 */
import { wrap } from "../../text.ts";

/** Columns of the help: wide enough for a sentence, narrow enough for half a screen. */
export const WIDTH = 80;

/** With a narrower last column a table has a few words a line, and is written as a list instead. */
const NARROWEST_COLUMN = 24;

const HEADING = /^(#+) +(.*)/;
const FENCE = /^ *```/;
const ROW = /^ *\|/;
const ITEM = /^( *)([-*]|\d+\.) +/;

/**
 * The text of a module's doc comment, without the stars and from its first line to its `@module` tag.
 *
 * @param source The whole file.
 * @throws {RangeError} If the file has no such comment.
 */
export function moduleText(source: string): string {
  const comment = /^\/\*\*\n([^]*?)\n \* @module\b/m.exec(source)?.[1];
  if (comment === undefined) throw new RangeError("Cannot read module text: there is no @module");
  return comment.replaceAll(/^ \* ?/gm, "").trimEnd();
}

/** Markdown as lines of at most `width` columns; only code keeps longer lines. */
export function plainText(markdown: string, width: number = WIDTH): string {
  const lines = markdown.trim().split("\n");
  const out: string[] = [];
  /** Takes the lines from `at` on that belong together, and moves `at` behind them. */
  const take = (belongs: (line: string) => boolean): string[] => {
    const start = at;
    while (at < lines.length && belongs(lines[at]!)) at++;
    return lines.slice(start, at);
  };
  let at = 0;
  while (at < lines.length) {
    const line = lines[at]!;
    const heading = HEADING.exec(line);
    if (line.trim() === "") {
      out.push("");
      at++;
    } else if (heading !== null) {
      const title = inline(heading[2]!);
      out.push(title, (heading[1] === "#" ? "=" : "-").repeat(title.length));
      at++;
    } else if (FENCE.test(line)) {
      at++;
      out.push(...take((line) => !FENCE.test(line)).map((line) => `  ${line}`.trimEnd()));
      at++;
    } else if (ROW.test(line)) {
      out.push(...table(take((line) => ROW.test(line)), width));
    } else {
      const first = at++;
      const rest = take((line) => line.trim() !== "" && !startsBlock(line));
      out.push(...paragraph([lines[first]!, ...rest], width));
    }
  }
  return out.join("\n");
}

const startsBlock = (line: string): boolean =>
  [HEADING, FENCE, ROW, ITEM].some((pattern) => pattern.test(line));

/** A paragraph or a list item; the further lines of an item stand under the words of its first one. */
function paragraph(lines: readonly string[], width: number): string[] {
  const [first] = lines as [string];
  const marker = ITEM.exec(first)?.[0] ?? /^ */.exec(first)![0];
  const text = [first.slice(marker.length), ...lines.slice(1).map((line) => line.trim())];
  return wrap(inline(text.join(" ")), width - marker.length).map((line, index) =>
    (index === 0 ? marker : " ".repeat(marker.length)) + line
  );
}

/** Text without markup; what stands in backticks stays as it is. */
function inline(text: string): string {
  return text.replaceAll(/\{@link(?:code|plain)? +(?:[^}|]*\| *)?([^}|]*?) *\}/g, "$1")
    .split(/(`[^`]*`)/).map((part) =>
      part.startsWith("`") ? part : part
        .replaceAll(/\*\*(.+?)\*\*/g, "$1")
        .replaceAll(/(?<!\w)\*(\S(?:[^*]*\S)?)\*(?!\w)/g, "$1")
        .replaceAll(/\\([\\*_<>|`])/g, "$1")
    ).join("")
    .replaceAll(/\[([^\]]+)\]\(([^)]+)\)/g, "$1 ($2)");
}

const cellsOf = (row: string): string[] =>
  row.trim().replace(/^\||\|$/g, "").split(/(?<!\\)\|/)
    .map((cell) => inline(cell.trim().replaceAll("\\|", "|")));

/** A table in columns, the last one wrapped; as a list where that does not fit. */
function table(lines: readonly string[], width: number): string[] {
  const [head, , ...rows] = lines.map(cellsOf) as [string[], string[], ...string[][]];
  const widths = head.map((_, column) =>
    Math.max(...[head, ...rows].map((row) => row[column]!.length))
  );
  const room = width - widths.slice(0, -1).reduce((sum, width) => sum + width + 2, 2);
  const last = Math.min(widths.at(-1)!, room);
  if (room < Math.min(widths.at(-1)!, NARROWEST_COLUMN)) {
    return rows.flatMap((row) => listed(head, row, width));
  }
  const rule = [...widths.slice(0, -1), last].map((width) => "-".repeat(width));
  const named = head.some((name) => name !== "");
  return columns([...(named ? [head, rule] : []), ...rows], width);
}

/** Rows in columns, indented by two; the last column is wrapped so that `width` is kept. */
export function columns(rows: readonly (readonly string[])[], width: number = WIDTH): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.flatMap((row) => {
    const left = row.slice(0, -1).map((cell, column) => cell.padEnd(widths[column]! + 2)).join("");
    return wrap(row.at(-1)!, width - left.length - 2).map((line, index) =>
      `  ${index === 0 ? left : " ".repeat(left.length)}${line}`.trimEnd()
    );
  });
}

/** One row of a table as an item of a list: its first cell, and under it the others by their names. */
function listed(head: readonly string[], [first, ...cells]: string[], width: number): string[] {
  const name = first === "" ? [] : wrap(first!, width - 2).map((line) => `  ${line}`);
  const others = cells.flatMap((cell, index) => {
    if (cell === "") return [];
    const text = cells.length === 1 ? cell : `${head[index + 1]}: ${cell}`;
    return wrap(text, width - 6).map((line, index) => (index === 0 ? "    " : "      ") + line);
  });
  return [...name, ...others];
}
