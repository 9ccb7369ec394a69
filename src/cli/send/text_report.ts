/**
 * The report for people: a line for each file on standard output; on standard error what happens
 * meanwhile, and one progress line for all files.
 *
 * @module
 */
import type { ClientEvent, Progress as Position, SendResult } from "../../client/mod.ts";
import type { FxferError } from "../../errors.ts";
import { omitUndefined } from "../../omit_undefined.ts";
import type { Output } from "../../terminal/mod.ts";
import { ProgressLine } from "../../terminal/progress.ts";
import { count, escapeControls, formatBytes, formatDuration, formatRate } from "../../text.ts";
import { inWords } from "../client_words.ts";
import { reportError } from "../report.ts";
import type { Found } from "./ahead.ts";
import { STDIN } from "./args.ts";
import type { FileToSend, LeftOut } from "./file_to_send.ts";
import type { SendReport } from "./report.ts";
import type { Tally } from "./tally.ts";

/** For a shorter time no rate is shown, because it would mean nothing. */
const MIN_RATE_SECONDS = 0.5;

/** After so many seconds without a byte it is said what is waited for. */
const STALL_SECONDS = 3;

/** How often it is looked whether anything moves, in milliseconds. */
const TICK_MS = 1000;

/** How far one file is, in bytes. */
interface Place {
  readonly sent: number;
  readonly acked: number;
  /** What the server had before this run. */
  readonly before: number;
  readonly total: number | undefined;
}

/** Writes text. */
export class TextReport implements SendReport {
  readonly #output: Output;
  readonly #quiet: boolean;
  readonly #found: Found;
  readonly #now: () => number;
  readonly #ticker: ReturnType<typeof setInterval> | undefined;
  readonly #told = new Set<FxferError>();
  #progress: ProgressLine | undefined;
  /** The files under way. */
  readonly #places = new Map<FileToSend, Place>();
  /** How far all files came, and how much of that the server had before. */
  #bytes = 0;
  #before = 0;
  #done = 0;
  #failed = false;
  /** Whether a file has no line of its own. */
  #untold = false;
  /** How many bytes more the files have than when they were found. */
  #more = 0;
  #current = "";
  #connected = false;
  /** When a byte was last sent or answered. */
  #movedAt: number;
  /** Where there is no progress line to redraw, a stall is told again after twice the time. */
  #nextStall = STALL_SECONDS;

  /**
   * @param found What is to be sent, as far as that is known.
   * @param now The clock in milliseconds.
   */
  constructor(
    output: Output,
    found: Found,
    quiet: boolean,
    now: () => number = () => performance.now(),
  ) {
    this.#output = output;
    this.#quiet = quiet;
    this.#now = now;
    this.#movedAt = now();
    this.#found = found;
    if (!quiet) this.#ticker = setInterval(() => this.tick(), TICK_MS);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#ticker);
    this.#output.err.status("");
  }

  leftOut({ label, reason }: LeftOut, isFailure: boolean): void {
    if (this.#quiet && !isFailure) return;
    this.#output.err.line(escapeControls(`fxfer: ${label} is left out: ${reason}`));
  }

  planned({ label, size }: FileToSend): void {
    this.#line(size === undefined ? label : `${label} (${formatBytes(size)})`);
  }

  started(target: FileToSend): void {
    if (this.#quiet) return;
    if (this.#places.size === 0) this.#current = nameOf(target);
    this.#places.set(target, this.#placeOf(target));
    const options = omitUndefined({ label: () => this.#label(), total: this.#total });
    this.#progress ??= new ProgressLine(this.#output.err, { ...options, now: this.#now });
  }

  #placeOf(target: FileToSend): Place {
    return this.#places.get(target) ?? { sent: 0, acked: 0, before: 0, total: target.size };
  }

  #label(): string {
    const { files, isAll } = this.#found;
    const { redraws } = this.#output.err;
    if (isAll && files === 1) return this.#current;
    if (isAll) return redraws ? `${this.#done}/${files} ${this.#current}` : `${files} files`;
    if (redraws) return `${this.#done} files ${this.#current}`;
    return this.#done === 0 ? `more than ${files} files` : `${this.#done} files so far`;
  }

  /** Bytes of all files; undefined while that is not known. */
  get #total(): number | undefined {
    const { bytes, isAll } = this.#found;
    return isAll && bytes !== undefined ? bytes + this.#more : undefined;
  }

  checked(target: FileToSend, bytes: number): void {
    const { total } = this.#placeOf(target);
    this.#moved(target, { sent: bytes, acked: bytes, before: bytes, total });
  }

  get showsProgress(): boolean {
    return !this.#quiet;
  }

  progress(target: FileToSend, { sent, acked, total: known }: Position): void {
    const place = this.#placeOf(target);
    const total = known ?? place.total;
    this.#resize(place.total, total);
    // Until the first byte is sent, all that the server has answered is from an earlier run.
    const before = place.sent === place.before ? Math.min(sent, acked) : place.before;
    this.#moved(target, { sent, acked, before, total });
  }

  #moved(target: FileToSend, place: Place): void {
    if (this.#placeOf(target).sent === 0) this.#current = nameOf(target);
    this.#put(target, place);
    this.#movedAt = this.#now();
    this.#nextStall = STALL_SECONDS;
    this.#draw();
  }

  /** The file is at this place now; undefined if it is not under way any more. */
  #put(target: FileToSend, place: Place | undefined): void {
    const last = this.#places.get(target);
    this.#bytes += (place?.sent ?? 0) - (last?.sent ?? 0);
    this.#before += (place?.before ?? 0) - (last?.before ?? 0);
    if (place === undefined) this.#places.delete(target);
    else this.#places.set(target, place);
  }

  /** A file is larger or smaller than was thought. */
  #resize(from: number | undefined, to: number | undefined): void {
    this.#more += (to ?? 0) - (from ?? 0);
  }

  sent(target: FileToSend, result: SendResult): void {
    if (this.#quiet) return;
    const { file, confirmed, replayed, existing, sha256, attempts } = result;
    const size = file?.size ?? target.size ?? this.#placeOf(target).sent;
    const wasThere = replayed || existing;
    this.#finished(target, size, wasThere ? size : undefined);
    // What --if-new has not sent at all is only counted.
    if (attempts === 0) {
      this.#untold = true;
      return;
    }
    const what = confirmed ? `stored as ${file?.path ?? sha256.slice(0, 12)}` : "sent, unconfirmed";
    const again = wasThere ? ", it was there already" : "";
    this.#line(`${nameOf(target)}: ${what} (${formatBytes(size)})${again}`);
  }

  failed(target: FileToSend, error: FxferError, ofAll: boolean): void {
    this.#failed = true;
    if (ofAll) this.#put(target, undefined);
    else this.#finished(target, this.#placeOf(target).sent);
    // The interruption is reported once, at the end; what concerns all files is said once.
    if (error.code === "interrupted" || this.#told.has(error)) return;
    if (ofAll) this.#told.add(error);
    const label = nameOf(target);
    const named = ofAll || error.message.includes(label);
    reportError(this.#output.err, error, named ? {} : { about: `${label}: ` });
  }

  #finished(target: FileToSend, bytes: number, before?: number): void {
    const place = this.#placeOf(target);
    this.#resize(place.total, bytes);
    this.#put(target, undefined);
    this.#done++;
    this.#bytes += bytes;
    this.#before += before ?? place.before;
    this.#movedAt = this.#now();
    this.#draw();
  }

  #draw(note?: string): void {
    if (this.#progress === undefined) return;
    const [before, total] = [this.#before, this.#total];
    const pending = this.#failed || this.#done < this.#found.files;
    this.#progress.update(this.#bytes, omitUndefined({ before, total, pending, note }));
  }

  /** Says what is waited for, if nothing has moved for some time. */
  tick(): void {
    const seconds = (this.#now() - this.#movedAt) / 1000;
    if (seconds < STALL_SECONDS) return;
    const { err } = this.#output;
    if (!err.redraws && seconds < this.#nextStall) return;
    this.#nextStall *= 2;
    const note = `waiting for ${this.#awaited()}, ${Math.floor(seconds)} s`;
    if (this.#progress !== undefined) this.#draw(note);
    else if (err.redraws) err.status(note);
    else err.line(note);
  }

  #awaited(): string {
    const places = [...this.#places];
    const isAnswered = places.every(([, { sent, acked }]) => sent === acked);
    const [first] = places;
    if (!this.#connected || !isAnswered || first === undefined) return "the server";
    return first[0].path === STDIN ? "standard input" : "the file";
  }

  event(event: ClientEvent, target: FileToSend | undefined): void {
    if (event.type === "connected") this.#connected = true;
    if (event.type === "connection_lost") this.#connected = false;
    if (this.#quiet) return;
    const sentence = inWords(event);
    const about = target !== undefined && "uploadId" in event ? `${nameOf(target)}: ` : "";
    if (sentence !== undefined) this.#output.err.line(escapeControls(about + sentence));
  }

  say(sentence: string): void {
    if (!this.#quiet) this.#output.err.line(`fxfer: ${escapeControls(sentence)}`);
  }

  end(tally: Tally, seconds: number): void {
    this[Symbol.dispose]();
    const { stored, present, unconfirmed, failed, leftOut, planned, bytes } = tally;
    if (this.#quiet) return;
    const files = (number: number, what: string) =>
      number > 0 ? [`${count(number, "file")} ${what}`] : [];
    const parts = [
      ...files(planned, "would be sent"),
      ...files(stored - present, "stored"),
      ...(present > 0 && present < stored ? [`${present} already there`] : []),
      ...files(present === stored ? present : 0, "already there"),
      ...files(unconfirmed, "sent, unconfirmed"),
      ...(failed > 0 && stored + unconfirmed + planned === 0 ? ["0 files stored"] : []),
      ...(failed > 0 ? [`${failed}${this.#found.isAll ? "" : " or more"} not`] : []),
      ...(leftOut > 0 ? [`${leftOut} left out`] : []),
    ];
    const isPlain = this.#found.files === 1 && leftOut === 0 && !this.#untold &&
      (failed > 0 || seconds < 1);
    if (parts.length === 0 || isPlain && planned === 0) return;
    const moved = this.#bytes - this.#before;
    const isShort = seconds < MIN_RATE_SECONDS || moved === 0;
    const rate = isShort ? "" : ` (${formatRate(moved / seconds)})`;
    const time = planned > 0 ? "" : ` in ${formatDuration(seconds)}${rate}`;
    this.#output.err.line(`${parts.join(", ")}: ${formatBytes(bytes)}${time}`);
  }

  #line(text: string): void {
    this.#output.out.line(escapeControls(text));
  }
}

/** How text names a file. */
function nameOf({ path, name, label }: FileToSend): string {
  return path === STDIN ? name ?? "standard input" : label;
}
