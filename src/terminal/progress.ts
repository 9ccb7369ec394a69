/**
 * The progress of a transfer: on a terminal a line that is redrawn, elsewhere a new line now and then.
 *
 * @module
 */
import { omitUndefined } from "../omit_undefined.ts";
import { escapeControls, formatBytes, formatDuration, formatRate } from "../text.ts";
import type { TextStream } from "./output.ts";
import { displayWidth, fit } from "./width.ts";

/** What a progress line shows. */
export interface ProgressState {
  /** The name of what is sent; not escaped yet. */
  readonly label: string;
  readonly bytes: number;
  /** Bytes in all; absent while unknown. */
  readonly total?: number;
  /** Bytes a second, smoothed; absent until measured. */
  readonly rate?: number;
  /** Whether something is missing even if all bytes are there: then 99 % is the most. */
  readonly pending?: boolean;
  /** What is waited for; shown first, and instead of the rate. */
  readonly note?: string;
}

/** Whole percent, 100 only when all is there; undefined without a total. */
export function percent({ bytes, total, pending = false }: ProgressState): number | undefined {
  if (total === undefined) return undefined;
  if (total === 0) return pending ? 0 : 100;
  return Math.max(0, Math.min(pending ? 99 : 100, Math.floor(bytes / total * 100)));
}

function timeLeft(state: ProgressState): string | undefined {
  if (state.total === undefined || state.rate === undefined || state.rate <= 0) return undefined;
  if (state.bytes >= state.total) return undefined;
  const seconds = (state.total - state.bytes) / state.rate;
  // A guess of more than four days helps no one.
  return seconds > 345_600 ? undefined : `${formatDuration(seconds)} left`;
}

/** A name is not cut to fewer columns than this. */
const SHORTEST_LABEL = 8;
const LONGEST_BAR = 24;
const SHORTEST_BAR = 6;

/** The facts of a line, the most important first. */
function facts(state: ProgressState): string[] {
  const { bytes, total, rate, note } = state;
  const share = percent(state);
  const part = total === undefined
    ? formatBytes(bytes)
    : `${formatBytes(Math.min(bytes, total))} / ${formatBytes(total)}`;
  return [
    note,
    share === undefined ? undefined : `${String(share).padStart(3)}%`,
    part,
    rate === undefined || note !== undefined ? undefined : formatRate(rate),
    note === undefined ? timeLeft(state) : undefined,
  ].filter((fact) => fact !== undefined);
}

/**
 * A progress line of at most `columns` columns, without control characters:
 * `name  45% [#####-----] 4.5 MiB / 10.0 MiB  1.2 MiB/s  5s left`. What does not fit is left out,
 * in this order: the bar, the time left, the rate, the bytes, the name. The percentage stays longest; where
 * there is a note, the note does.
 */
export function renderProgress(state: ProgressState, columns: number): string {
  const label = escapeControls(state.label);
  const wanted = facts(state);
  const labelColumns = Math.min(displayWidth(label), Math.max(SHORTEST_LABEL, columns >> 2));
  const least = Math.min(displayWidth(label), SHORTEST_LABEL);
  const kept: string[] = [];
  let used = 0;
  for (const fact of wanted) {
    if (used + fact.length + 2 + (kept.length === 0 ? 0 : least) > columns) break;
    kept.push(fact);
    used += fact.length + 2;
  }
  // Too narrow for the name and a fact: only the first fact is shown.
  if (kept.length === 0) return fit(wanted[0]!.trim(), columns);

  const name = columns - used < least ? "" : fit(label, Math.min(labelColumns, columns - used));
  const share = percent(state);
  const length = Math.min(LONGEST_BAR, columns - used - displayWidth(name) - " []".length);
  const fits = kept.length === wanted.length && length >= SHORTEST_BAR;
  if (share !== undefined && fits && state.note === undefined) {
    const full = Math.floor(length * share / 100);
    kept[0] += ` [${"#".repeat(full)}${"-".repeat(length - full)}]`;
  }
  return [...(name === "" ? [] : [name]), ...kept].join("  ");
}

/** Bytes a second, smoothed over about three seconds. */
export class RateMeter {
  #rate: number | undefined;
  #bytes = 0;
  #at: number | undefined;

  /** Takes a reading: bytes in all at a time in milliseconds. The first is only the starting point. */
  add(bytes: number, at: number): void {
    // After a resume at a smaller offset measuring starts again; until then the old rate is shown.
    if (this.#at === undefined || bytes < this.#bytes) {
      this.#bytes = bytes;
      this.#at = at;
      return;
    }
    const seconds = (at - this.#at) / 1000;
    // Over a shorter time a single write would decide the rate.
    if (seconds < 0.1) return;
    const now = (bytes - this.#bytes) / seconds;
    const weight = 1 - Math.exp(-seconds / 3);
    this.#rate = this.#rate === undefined ? now : this.#rate + weight * (now - this.#rate);
    this.#bytes = bytes;
    this.#at = at;
  }

  /** The rate, once there are two readings 0.1 s apart. */
  get rate(): number | undefined {
    return this.#rate;
  }
}

/** Ten redraws a second look smooth; each costs a write. */
const REDRAW_MS = 100;
/** Plain lines come at 10 % steps, but at most one a second, and at least one every 5 s. */
const STEP_MS = 1000;
const SILENCE_MS = 5000;

/** What {@linkcode ProgressLine.update} may be told besides the bytes. */
export interface ProgressDetails extends Pick<ProgressState, "total" | "pending" | "note"> {
  /** How many of the bytes were there before, and are not part of the rate. */
  readonly before?: number;
}

/** What {@linkcode ProgressLine} takes. */
export interface ProgressOptions {
  /** The name of what is sent; a function is called for each line. */
  readonly label: string | (() => string);
  /** Bytes in all; absent while unknown. */
  readonly total?: number;
  /** The clock in milliseconds; default `performance.now`. */
  readonly now?: () => number;
}

/**
 * Shows one transfer on a stream: on a terminal as its status line, redrawn at most ten times a
 * second, elsewhere as plain lines (the start, 10 % steps or 5 s). It has no timer: it draws only when
 * `update` is called.
 */
export class ProgressLine {
  readonly #stream: TextStream;
  readonly #options: ProgressOptions;
  readonly #now: () => number;
  readonly #meter = new RateMeter();
  #shownAt = -Infinity;
  #shownPercent = 0;

  /** Shows the start of a transfer. */
  constructor(stream: TextStream, options: ProgressOptions) {
    this.#stream = stream;
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    if (stream.redraws) return;
    const size = options.total === undefined ? "" : ` (${formatBytes(options.total)})`;
    stream.line(`${escapeControls(this.#label)}: start${size}`);
    this.#shownAt = this.#now();
  }

  get #label(): string {
    const { label } = this.#options;
    return typeof label === "string" ? label : label();
  }

  /** Says how many bytes are there; a line with a note is shown at once. */
  update(bytes: number, details: ProgressDetails = {}): void {
    const now = this.#now();
    const { total = this.#options.total, before = 0, pending, note } = details;
    this.#meter.add(bytes - before, now);
    const { rate } = this.#meter;
    const { redraws } = this.#stream;
    const since = now - this.#shownAt;
    // Most updates show nothing: of many small files each has several.
    if (since < (redraws ? REDRAW_MS : note === undefined ? STEP_MS : 0)) return;
    const state = omitUndefined({ label: this.#label, bytes, total, rate, pending, note });
    const share = percent(state) ?? 0;
    if (redraws) {
      // Three columns less: the ^C that a terminal echoes, and a full last column, make lines wrap.
      this.#stream.status(renderProgress(state, this.#stream.columns - 3));
    } else {
      const step = Math.floor(share / 10) > Math.floor(this.#shownPercent / 10);
      if (note === undefined && since < SILENCE_MS && !step) return;
      this.#stream.line(`${escapeControls(this.#label)}: ${facts(state).join("  ").trim()}`);
    }
    this.#shownAt = now;
    this.#shownPercent = share;
  }

  /** Removes the status line. */
  stop(): void {
    this.#stream.status("");
  }
}
