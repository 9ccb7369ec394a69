/** Numbers and times as text. */

export function bytes(value) {
  if (value === null || value === undefined) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let at = 0;
  let number = value;
  while (number >= 1024 && at < units.length - 1) {
    number /= 1024;
    at++;
  }
  return `${at === 0 ? Math.round(number) : number.toFixed(1)} ${units[at]}`;
}

export function rate(value) {
  return value >= 100 ? String(Math.round(value)) : value.toFixed(1);
}

/** The time since then, or until then, as `3 min`. */
export function span(iso, now = Date.now()) {
  if (iso === null) return "–";
  const seconds = Math.abs(Math.round((now - Date.parse(iso)) / 1000));
  if (seconds < 100) return `${seconds} s`;
  if (seconds < 6000) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800
    ? `${Math.round(seconds / 3600)} h`
    : `${Math.round(seconds / 86_400)} d`;
}

export const clock = (iso) => new Date(iso).toLocaleTimeString(undefined, { hour12: false });

/** How much of its file a session has. */
export function progress({ offset, length }) {
  return length === null ? bytes(offset) : `${Math.floor((100 * offset) / Math.max(1, length))} %`;
}

/** A value of a setting as it is typed. */
export const settingText = (value) => Array.isArray(value) ? value.join(", ") : String(value);

/** The facts of an event that has no sentence. */
export function factsOf(
  { id: _i, ts: _t, type: _y, session: _s, rule: _r, text, from: _f, to: _o, ...facts },
) {
  return text ?? Object.entries(facts).map(([name, value]) => `${name} ${value}`).join(", ");
}
