/**
 * `--json`: an event a line on standard output, as it happens. `event` says which:
 *
 * - `start` with `file` and `size` (absent while unknown): a file's turn has come
 * - `progress` with `sent` and `acked` bytes and `total`: at most one a second and file
 * - `resumed` with `offset`: the file goes on there after a cut, or after an earlier run
 * - `stored`, or `unconfirmed` by a version 1 server: with what the server has
 * - `failed` with `code`, `exit` and `message`
 * - `summary` with the numbers and the exit code, last, when there were several files
 *
 * With `--quiet` only the end of each file is told.
 *
 * @module
 */
import type { ClientEvent, Progress, SendResult } from "../../client/mod.ts";
import { CODES, type FxferError } from "../../errors.ts";
import type { Output } from "../../terminal/mod.ts";
import { escapeControls } from "../../text.ts";
import { reportError } from "../report.ts";
import type { FileToSend } from "./plan.ts";
import type { SendReport, Summary } from "./report.ts";

/** Between two `progress` events of a file, in milliseconds. */
const PROGRESS_MS = 1000;

/** See the module's text. */
export class JsonReport implements SendReport {
  readonly #output: Output;
  readonly #several: boolean;
  readonly #quiet: boolean;
  readonly #now: () => number;
  /** When each file under way was last told of. */
  readonly #told = new Map<FileToSend, number>();

  /** @param several Whether a sum is of use. */
  constructor(
    output: Output,
    several: boolean,
    quiet: boolean,
    now: () => number = () => performance.now(),
  ) {
    this.#output = output;
    this.#several = several;
    this.#quiet = quiet;
    this.#now = now;
  }

  started(target: FileToSend): void {
    this.#told.set(target, this.#now());
    const { label: file, size } = target;
    if (!this.#quiet) this.#line({ event: "start", file, ...(size === undefined ? {} : { size }) });
  }

  progress(target: FileToSend, { sent, acked, total }: Progress): void {
    const now = this.#now();
    if (this.#quiet || now - (this.#told.get(target) ?? -Infinity) < PROGRESS_MS) return;
    this.#told.set(target, now);
    const known = total === undefined ? {} : { total };
    this.#line({ event: "progress", file: target.label, sent, acked, ...known });
  }

  event(event: ClientEvent, target: FileToSend | undefined): void {
    if (this.#quiet || event.type !== "resumed" || event.offset === 0) return;
    this.#line({ event: "resumed", file: target?.label ?? null, offset: event.offset });
  }

  sent(target: FileToSend, result: SendResult): void {
    this.#told.delete(target);
    const { label, name, mimeType, size } = target;
    const { file, confirmed, sha256, durability, replayed, attempts, resumedFrom } = result;
    this.#line({
      event: confirmed ? "stored" : "unconfirmed",
      file: label,
      code: confirmed ? "ok" : "sent_unconfirmed",
      ...(name === undefined ? {} : { name }),
      ...(file === undefined ? {} : { path: file.path }),
      size: file?.size ?? size,
      mime_type: file?.mime_type ?? mimeType,
      sha256,
      ...(durability === undefined ? {} : { durability }),
      replayed,
      attempts,
      resumed_from: resumedFrom,
    });
  }

  failed(target: FileToSend, error: FxferError): void {
    this.#told.delete(target);
    const { code, message } = error;
    this.#line({ event: "failed", file: target.label, code, exit: CODES[code].exit, message });
    // Also in words: whoever reads only the objects must not be the only one who knows.
    reportError(this.#output.err, error);
  }

  say(sentence: string): void {
    if (!this.#quiet) this.#output.err.line(`fxfer: ${escapeControls(sentence)}`);
  }

  end({ stored, unconfirmed, failed, bytes, seconds, exit }: Summary): void {
    if (!this.#several || this.#quiet) return;
    this.#line({
      event: "summary",
      ...{ stored, unconfirmed, failed },
      bytes,
      seconds: Math.round(seconds * 1000) / 1000,
      exit,
    });
  }

  #line(value: unknown): void {
    this.#output.out.line(escapeControls(JSON.stringify(value)));
  }
}
