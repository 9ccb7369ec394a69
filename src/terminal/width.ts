/** The columns that a text takes on a terminal, and cutting a text to them. Pure. @module */

let segmenter: Intl.Segmenter | undefined;

/** The characters of a text as people see them. To make a segmenter takes 9 ms, and ASCII needs none. */
function graphemes(text: string): Intl.Segments {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: "grapheme" });
  return segmenter.segment(text);
}

/**
 * Graphemes two columns wide: emoji, and East Asian wide and full-width characters. Where terminals
 * differ (text symbols with an emoji selector, keycaps) these count as wide: a line that is too short
 * does no harm, but one that is too long wraps and cannot be erased.
 */
const WIDE =
  /\p{Emoji_Presentation}|[\ufe0f\u20e3]|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{1f000}-\u{1faff}]|[\u{20000}-\u{3fffd}]/u;

const ASCII = /^[\x20-\x7e]*$/;

function graphemeWidth(grapheme: string): number {
  return WIDE.test(grapheme) ? 2 : 1;
}

/** The columns that a text takes; it must have no control characters. */
export function displayWidth(text: string): number {
  if (ASCII.test(text)) return text.length;
  let width = 0;
  for (const { segment } of graphemes(text)) width += graphemeWidth(segment);
  return width;
}

/** The text, or as much of it as fits `columns` with `…` at its end; never half a character. */
export function fit(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  if (columns <= 0) return "";
  let result = "";
  let width = 0;
  for (const { segment } of graphemes(text)) {
    width += graphemeWidth(segment);
    // One column stays for the ellipsis.
    if (width > columns - 1) break;
    result += segment;
  }
  return `${result}…`;
}

/** The text filled up with spaces to `columns`. */
export function pad(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - displayWidth(text)));
}
