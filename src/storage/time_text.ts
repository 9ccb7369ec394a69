/** Times as text. The text of the last second is kept, because many files are stored in one. @module */

let second = NaN;
let text = "";

/**
 * A time as ISO 8601 in UTC with milliseconds, as `Date.toISOString` writes it.
 *
 * @param time Milliseconds since the epoch, a whole number.
 */
export function isoTime(time: number): string {
  const whole = Math.floor(time / 1000);
  if (whole !== second) {
    text = new Date(whole * 1000).toISOString().slice(0, 20);
    second = whole;
  }
  return `${text}${String(time - whole * 1000).padStart(3, "0")}Z`;
}

/** A time for a file's name, in UTC with milliseconds: `20261123T101112345`. */
export function timestamp(time: number): string {
  const iso = isoTime(time);
  return `${iso.slice(0, 4)}${iso.slice(5, 7)}${iso.slice(8, 13)}${iso.slice(14, 16)}` +
    `${iso.slice(17, 19)}${iso.slice(20, 23)}`;
}
