/**
 * The reports of `fxfer get`. Text: a line for each file on standard output, what happens meanwhile on
 * standard error. `--json`: an event a line on standard output, named by `event`:
 *
 * - `start` with `file`, `size` and `offset`: a file begins, behind what an earlier run has fetched
 * - `progress` with `received` and `total` bytes: at most one a second for each file
 * - `fetched` with `path` (as the server names it), `to`, `size` and `sha256`; `present` if it was there
 * - `failed` with `code`, `exit` and `message`
 * - `summary` with the numbers and the exit code: always, and always last
 *
 * @module
 */
import type { FxferError } from "../../errors.ts";
import type { Output } from "../../terminal/mod.ts";
import { ProgressLine } from "../../terminal/progress.ts";
import {
  count,
  escapeControls,
  formatBytes,
  formatDuration,
  formatRate,
  hideKeys,
} from "../../text.ts";
import { reportError } from "../report.ts";
import { Tally } from "../send/tally.ts";
import type { FileToGet } from "./plan.ts";

/** Between two `progress` events of a file, in milliseconds. */
const PROGRESS_MS = 1000;

/** For a shorter time no rate is shown, because it would mean nothing. */
const MIN_RATE_SECONDS = 0.5;

/** How a report is written. */
export interface ReportOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  /** Whether standard output has the bytes of the file, and so no lines. */
  readonly bytesOut: boolean;
}

/** Tells the user what happens; each method is called when it happens. */
export class GetReport implements Disposable {
  readonly tally: Tally = new Tally();
  readonly #output: Output;
  readonly #options: ReportOptions;
  readonly #startedAt = performance.now();
  readonly #told = new Set<FxferError>();
  #progress: ProgressLine | undefined;
  /** The files under way: what was there before, what is there now, and when that was last written. */
  readonly #places = new Map<
    FileToGet,
    { readonly before: number; now: number; writtenAt: number }
  >();
  #count = 0;
  /** Whether more files may be found. */
  #isOpen = true;
  #done = 0;
  #total = 0;
  /** Bytes of all files that are there, and those of them that were there before. */
  #bytes = 0;
  #before = 0;
  #current = "";

  constructor(output: Output, options: ReportOptions) {
    this.#output = output;
    this.#options = options;
  }

  [Symbol.dispose](): void {
    this.#output.err.status("");
  }

  /** What is going to be fetched besides what was said before. */
  planned(...files: readonly FileToGet[]): void {
    this.#count += files.length;
    this.#total += files.reduce((sum, { file }) => sum + file.size, 0);
  }

  /** No more files will be found. */
  allPlanned(): void {
    this.#isOpen = false;
  }

  /** A file begins, of which `before` bytes are there. */
  started(target: FileToGet, before: number): void {
    const { json, quiet } = this.#options;
    const last = this.#places.get(target) ?? { before: 0, now: 0 };
    this.#places.set(target, { before, now: before, writtenAt: performance.now() });
    this.#bytes += before - last.now;
    this.#before += before - last.before;
    this.#current = target.label;
    if (quiet) return;
    const { label: file, file: { size } } = target;
    if (json) return this.#event({ event: "start", file, size, offset: before });
    const at = before > 0 ? `${file}: goes on at ${formatBytes(before)}` : undefined;
    this.say(at);
    this.#progress ??= new ProgressLine(this.#output.err, {
      label: () => this.#label(),
      total: this.#total,
    });
  }

  #label(): string {
    if (this.#count === 1) return this.#current;
    const { redraws } = this.#output.err;
    if (redraws) return `${this.#done}/${this.#count} ${this.#current}`;
    return `${this.#isOpen ? "at least " : ""}${this.#count} files`;
  }

  /** So many bytes of a file are there. */
  progress(target: FileToGet, received: number): void {
    const place = this.#places.get(target);
    if (place === undefined) return;
    this.#bytes += received - place.now;
    place.now = received;
    this.#current = target.label;
    const { json, quiet } = this.#options;
    const now = performance.now();
    if (!json) return this.#draw();
    if (quiet || now - place.writtenAt < PROGRESS_MS) return;
    place.writtenAt = now;
    const { label: file, file: { size: total } } = target;
    this.#event({ event: "progress", file, received, total });
  }

  #draw(): void {
    const [total, before] = [this.#total, this.#before];
    this.#progress?.update(this.#bytes, { total, before, pending: this.#done < this.#count });
  }

  /** A file is fetched and has its name; `to` is absent for standard output. */
  fetched(target: FileToGet, to?: string): void {
    this.#over(target, false);
    this.#result(target, "fetched", to);
  }

  /** A file was there already with the same bytes. */
  there(target: FileToGet): void {
    this.#over(target, true);
    this.#result(target, "present");
  }

  #over(target: FileToGet, present: boolean): void {
    const { size } = target.file;
    this.tally.sent(size, { confirmed: true, replayed: present });
    if (present) this.#before += size;
    this.#bytes += size - (this.#places.get(target)?.now ?? 0);
    this.#places.delete(target);
    this.#done++;
    this.#draw();
  }

  #result({ label, file }: FileToGet, event: "fetched" | "present", to?: string): void {
    const { json, quiet, bytesOut } = this.#options;
    const { path, size, sha256 } = file;
    if (json) return this.#event({ event, file: label, path, to, size, sha256 });
    if (quiet || bytesOut) return;
    const what = event === "present" ? "it is there already" : `fetched (${formatBytes(size)})`;
    this.#output.out.line(escapeControls(`${label}: ${what}`));
  }

  /** A file was not fetched; `ofAll` says that the error concerns every file, not this one alone. */
  failed(label: string, error: FxferError, ofAll: boolean): void {
    this.tally.fail(error.code);
    const { code, exit } = error;
    const message = hideKeys(error.message);
    if (this.#options.json) this.#event({ event: "failed", file: label, code, exit, message });
    // The interruption is reported once, at the end; what concerns all files is said once.
    if (code === "interrupted" || this.#told.has(error)) return;
    this.#told.add(error);
    // An error of the local file names it.
    const named = ofAll || code === "local_io" || message.includes(label);
    reportError(this.#output.err, error, named ? {} : { about: `${label}: ` });
  }

  /** A sentence for people. */
  say(sentence: string | undefined): void {
    if (this.#options.quiet || sentence === undefined) return;
    this.#output.err.line(escapeControls(sentence));
  }

  /**
   * No file is left.
   *
   * @param thrown Whether an error ended the command, which tells of itself.
   * @returns The exit code.
   */
  end(thrown = false): number {
    this[Symbol.dispose]();
    const { stored, present, failed, bytes, exit, interrupted, gaveUp } = this.tally;
    const seconds = (performance.now() - this.#startedAt) / 1000;
    const fetched = stored - present;
    if (this.#options.json) {
      const rounded = Math.round(seconds * 1000) / 1000;
      this.#event({ event: "summary", fetched, present, failed, bytes, seconds: rounded, exit });
    } else if (this.#count > 1) {
      const parts = [
        ...(fetched > 0 || present === 0 ? [`${count(fetched, "file")} fetched`] : []),
        ...(present > 0
          ? [fetched > 0 ? `${present} there already` : `${count(present, "file")} there already`]
          : []),
        ...(failed > 0 ? [`${failed} not`] : []),
      ];
      const moved = bytes - this.#before;
      const rate = seconds < MIN_RATE_SECONDS || moved <= 0
        ? ""
        : ` (${formatRate(moved / seconds)})`;
      this.say(`${parts.join(", ")}: ${formatBytes(bytes)} in ${formatDuration(seconds)}${rate}`);
    }
    const why = interrupted ? "Interrupted" : gaveUp && !thrown ? "Gave up" : undefined;
    if (why !== undefined) this.say(`fxfer: ${why}: the same command goes on`);
    return exit;
  }

  #event(value: unknown): void {
    this.#output.out.line(escapeControls(JSON.stringify(value)));
  }
}
