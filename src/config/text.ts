/** Text for people: escapes that keep a line one line, and "did you mean". @module */

/**
 * What must not reach a terminal raw: C0 and C1 controls (ANSI starts with one), line and paragraph
 * separators, bidirectional and invisible marks (they make a line read as what it is not), the BOM
 * and lone surrogates. The joiners U+200C and U+200D stay: Persian and emoji are written with them.
 */
const UNSAFE =
  // deno-lint-ignore no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]/gu;

const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/**
 * A text that is one line and shows itself as it is: every control character, ANSI escape and
 * bidirectional mark becomes a visible `\n`, `\u001b` …
 *
 * @param text Anything, also what a stranger sent.
 */
export function escapeControls(text: string): string {
  return text.replace(
    UNSAFE,
    (char) => SHORT[char] ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** At most `max` characters of an escaped text, with `…` where something was cut. */
export function shorten(text: string, max: number): string {
  // Cut before the escape too: a megabyte of text must not be escaped to show 40 characters.
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
 * The candidate a mistyped word most likely means; undefined when none is near: at most one change
 * for each three characters, so that short words do not match everything.
 */
export function suggest(word: string, candidates: Iterable<string>): string | undefined {
  // Nobody mistypes this much, and the distance costs length times length.
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
