/**
 * Text for people: escaped control characters, "did you mean", wrapped paragraphs, and sizes, rates
 * and times in their usual units. Pure; open to all folders, and imports nothing.
 *
 * @module
 */

/**
 * Characters that must not reach a terminal as they are: C0 and C1 controls (an ANSI escape starts
 * with one), line and paragraph separators, bidirectional and invisible marks (they change how a line
 * reads), the BOM and lone surrogates. The joiners U+200C and U+200D are left, because Persian and
 * emoji are written with them.
 */
const UNSAFE =
  // deno-lint-ignore no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]/gu;

const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/**
 * A text on one line, with every control character, ANSI escape and bidirectional mark as a visible
 * `\n`, `\u001b` …
 *
 * @param text Any text, also from another program.
 */
export function escapeControls(text: string): string {
  return text.replace(
    UNSAFE,
    (char) => SHORT[char] ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** A user's key, or what {@linkcode shorten} has left of one. */
const KEY = /(fxfer_[a-z0-9-]{1,32}_)(?:[A-Za-z0-9_-]{43,}|[A-Za-z0-9_-]*…)/g;

/** A text in which keys are written without their secret: a message may repeat what somebody has typed. */
export function hideKeys(text: string): string {
  return text.replace(KEY, "$1…");
}

/** At most `max` characters of an escaped text, with `…` where something was cut. */
export function shorten(text: string, max: number): string {
  // Cut before escaping, so that a megabyte is not escaped in order to show 40 characters.
  const chars = [...escapeControls(text.slice(0, max * 2))];
  return chars.length <= max && text.length <= max * 2
    ? chars.join("")
    : chars.slice(0, max - 1).join("") + "…";
}

/**
 * How many single-character changes (insert, delete, replace, swap of neighbours) lead from one
 * text to the other.
 */
export function editDistance(from: string, to: string): number {
  let before: number[] = [];
  let above = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const line = [row];
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1];
      let best = Math.min(
        above[column]! + 1,
        line[column - 1]! + 1,
        above[column - 1]! + (same ? 0 : 1),
      );
      const swapped = row > 1 && column > 1 && from[row - 1] === to[column - 2] &&
        from[row - 2] === to[column - 1];
      if (swapped) best = Math.min(best, before[column - 2]! + 1);
      line.push(best);
    }
    before = above;
    above = line;
  }
  return above[to.length]!;
}

/**
 * The candidate that a mistyped word most likely means. Undefined when none is similar: one change
 * for each three characters is allowed, so that short words do not match everything.
 */
export function suggest(word: string, candidates: Iterable<string>): string | undefined {
  // A word this long is no name of ours, and comparing takes time that grows with its length.
  if (word.length > 64) return undefined;
  const plain = (text: string) => text.toLowerCase().replaceAll("-", "_");
  let best: string | undefined;
  let least = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(plain(word), plain(candidate));
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
}

/** Breaks a text into lines of at most `width`; a word that is longer gets a line of its own. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    const fits = line === "" || longer.length <= width;
    if (!fits) lines.push(line);
    line = fits ? longer : word;
  }
  return [...lines, line];
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** Bytes in binary units: `0 B`, `1023 B`, `1.5 KiB`, `10.0 MiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // 1023.95 would be shown as 1024.0, so it already counts in the next unit.
  while (value >= (unit === 0 ? 1024 : 1023.95) && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? Math.floor(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

const SECONDS: ReadonlyMap<string, number> = new Map(
  Object.entries({ "": 1, ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 }),
);

/** Seconds from a number, or from text that may carry a unit, such as `500ms`, `5m` and `2d`. */
export function readSeconds(raw: unknown): number | undefined {
  return inUnits(raw, SECONDS);
}

const BYTES: ReadonlyMap<string, number> = new Map(
  ["k", "m", "g", "t"].flatMap((letter, index): [string, number][] => [
    // A bare letter is binary, as in nginx, dd and Redis.
    [letter, 1024 ** (index + 1)],
    [`${letter}ib`, 1024 ** (index + 1)],
    [`${letter}b`, 1000 ** (index + 1)],
  ]).concat([["", 1], ["b", 1]]),
);

/** Whole bytes from a number, or from text that may carry a unit, such as `64k` and `10MiB`. */
export function readBytes(raw: unknown): number | undefined {
  return whole(inUnits(raw, BYTES));
}

/** The value if it is an integer that a number can hold. */
export function whole(value: unknown): number | undefined {
  return Number.isSafeInteger(value) ? value as number : undefined;
}

/** A number, or text of digits with one of these units behind them. */
function inUnits(raw: unknown, units: ReadonlyMap<string, number>): number | undefined {
  if (typeof raw === "number") return Number.isFinite(raw) ? raw : undefined;
  if (typeof raw !== "string") return undefined;
  const [, digits, unit = ""] = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(raw.trim()) ?? [];
  const factor = units.get(unit.toLowerCase());
  return digits === undefined || factor === undefined ? undefined : Number(digits) * factor;
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
