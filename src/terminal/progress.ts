/**
 * How far a transfer is: a line that is redrawn on a terminal, a line now and then elsewhere.
 *
 * @module
 */
import { escapeControls, formatBytes, formatDuration, formatRate } from "../text.ts";
import type { TextStream } from "./output.ts";
import { displayWidth, fit } from "./width.ts";

/** What a progress line shows. */
export interface ProgressState {
  /** What is sent: a file's name, raw. */
  readonly label: string;
  /** Bytes so far. */
  readonly bytes: number;
  /** Bytes in all; absent while unknown. */
  readonly total?: number;
  /** Bytes a second, smoothed; absent until measured. */
  readonly rate?: number;
}

/** Whole percent, 100 only when all is there; undefined without a total. */
export function percent(state: ProgressState): number | undefined {
  if (state.total === undefined) return undefined;
  if (state.total === 0) return 100;
  return Math.max(0, Math.min(100, Math.floor(state.bytes / state.total * 100)));
}

function timeLeft(state: ProgressState): string | undefined {
  if (state.total === undefined || state.rate === undefined || state.rate <= 0) return undefined;
  const seconds = Math.max(0, state.total - state.bytes) / state.rate;
  // Four days on, a guess is no news.
  return seconds > 345_600 ? undefined : `${formatDuration(seconds)} left`;
}

/** Below this a name says nothing. */
const SHORTEST_LABEL = 8;
const LONGEST_BAR = 24;
const SHORTEST_BAR = 6;

/** The facts of a line, most wanted first. */
function facts(state: ProgressState): string[] {
  const share = percent(state);
  const bytes = formatBytes(state.bytes);
  const left = timeLeft(state);
  return [
    ...(share === undefined ? [] : [`${String(share).padStart(3)}%`]),
    state.total === undefined ? bytes : `${bytes} / ${formatBytes(state.total)}`,
    ...(state.rate === undefined ? [] : [formatRate(state.rate)]),
    ...(left === undefined ? [] : [left]),
  ];
}

/**
 * A progress line of at most `columns` columns, without control characters:
 * `name  45% [#####-----] 4.5 MiB / 10.0 MiB  1.2 MiB/s  5s left`. What does not fit goes, in this
 * order: the bar, the time left, the rate, the bytes, the name; the percent stay longest.
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
  // The first fact alone may have to do without the name.
  if (kept.length === 0) return fit(wanted[0]!.trim(), columns);

  const name = columns - used < least ? "" : fit(label, Math.min(labelColumns, columns - used));
  const share = percent(state);
  const length = Math.min(LONGEST_BAR, columns - used - displayWidth(name) - " []".length);
  if (share !== undefined && kept.length === wanted.length && length >= SHORTEST_BAR) {
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
    // Going back (a resume at a smaller offset) starts the measure again; the rate so far stays.
    if (this.#at === undefined || bytes < this.#bytes) {
      this.#bytes = bytes;
      this.#at = at;
      return;
    }
    const seconds = (at - this.#at) / 1000;
    // Shorter spans are noise: one write is all or nothing.
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

/** A redraw costs a write: ten a second look smooth. */
const REDRAW_MS = 100;
/** Between plain lines: at 10 % steps no more than one a second, and one at least every 5 s. */
const STEP_MS = 1000;
const SILENCE_MS = 5000;

/** What {@linkcode ProgressLine} takes. */
export interface ProgressOptions {
  /** What is sent. */
  readonly label: string;
  /** Bytes in all; absent while unknown. */
  readonly total?: number;
  /** The clock in milliseconds; default `performance.now`. */
  readonly now?: () => number;
}

/**
 * Shows one transfer on a stream: on a terminal as its status line, redrawn at most ten times a
 * second, elsewhere as plain lines (the start, 10 % steps or 5 s, the end). It has no timer: it draws
 * when it is told something.
 */
export class ProgressLine {
  readonly #stream: TextStream;
  readonly #options: ProgressOptions;
  readonly #now: () => number;
  readonly #meter = new RateMeter();
  readonly #startedAt: number;
  #startedFrom: number | undefined;
  #shownAt = -Infinity;
  #shownPercent = 0;
  #bytes = 0;

  /** Shows the start of a transfer. */
  constructor(stream: TextStream, options: ProgressOptions) {
    this.#stream = stream;
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#startedAt = this.#now();
    if (stream.terminal) return;
    const size = options.total === undefined ? "" : ` (${formatBytes(options.total)})`;
    stream.line(`${escapeControls(options.label)}: start${size}`);
    this.#shownAt = this.#startedAt;
  }

  #state(): ProgressState {
    const { label, total } = this.#options;
    const rate = this.#meter.rate;
    return {
      label,
      bytes: this.#bytes,
      ...(total === undefined ? {} : { total }),
      ...(rate === undefined ? {} : { rate }),
    };
  }

  /** Tells how many bytes are through; the first call says where a resumed transfer goes on. */
  update(bytes: number): void {
    const now = this.#now();
    this.#bytes = bytes;
    this.#startedFrom ??= bytes;
    this.#meter.add(bytes, now);
    const since = now - this.#shownAt;
    const share = percent(this.#state()) ?? 0;
    if (this.#stream.terminal) {
      if (since < REDRAW_MS) return;
      // One column less: a full last column makes some terminals wrap.
      this.#stream.status(renderProgress(this.#state(), this.#stream.columns - 1));
    } else {
      const step = Math.floor(share / 10) > Math.floor(this.#shownPercent / 10);
      if (since < SILENCE_MS && !(step && since >= STEP_MS)) return;
      this.#stream.line(
        `${escapeControls(this.#options.label)}: ${facts(this.#state()).join("  ").trim()}`,
      );
    }
    this.#shownAt = now;
    this.#shownPercent = share;
  }

  /** Takes the line away and says nothing. */
  stop(): void {
    this.#stream.status("");
  }

  /**
   * Takes the line away and says how it ended.
   *
   * @param result What to say after the name, already escaped; default bytes, time and mean rate.
   */
  end(result: string = this.#summary()): void {
    this.stop();
    this.#stream.line(`${escapeControls(this.#options.label)}: ${result}`);
  }

  #summary(): string {
    const seconds = (this.#now() - this.#startedAt) / 1000;
    const moved = this.#bytes - (this.#startedFrom ?? 0);
    const rate = seconds < 0.05 ? "" : ` (${formatRate(moved / seconds)})`;
    return `${formatBytes(this.#bytes)} in ${formatDuration(seconds)}${rate}`;
  }
}
