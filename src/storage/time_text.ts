/** Times as text, cheaply: the same second is asked for thousands of times. @module */

let second = NaN;
let text = "";

/**
 * A time as ISO 8601 in UTC with milliseconds, as `Date.toISOString` gives it.
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

/** A time as it stands in a file's name, UTC with milliseconds: `20261123T101112345`. */
export function timestamp(time: number): string {
  const iso = isoTime(time);
  return `${iso.slice(0, 4)}${iso.slice(5, 7)}${iso.slice(8, 13)}${iso.slice(14, 16)}` +
    `${iso.slice(17, 19)}${iso.slice(20, 23)}`;
}
