/**
 * `--json`: each event is written as a line on standard output when it happens. `event` names it:
 *
 * - `left_out` with `file` and `reason`: something that is no file, such as a link, is not sent
 * - `start` with `file` and `size` (absent while unknown): a file begins
 * - `progress` with `sent` and `acked` bytes and `total`: at most one a second for each file
 * - `resumed` with `offset`: the file goes on there after a cut, or after an earlier run
 * - `stored`, or `unconfirmed` by a version 1 server, with what the server has; with `--if-new` and no
 *   `start` before it, if the server had it
 * - `failed` with `code`, `exit` and `message`
 * - `planned` with `name` and `size`, instead of all these, with `--dry-run`
 * - `summary` with the numbers and the exit code: always, and always last
 *
 * With `--quiet` only what became of the files and `summary` are written.
 *
 * @module
 */
import type { ClientEvent, Progress, SendResult } from "../../client/mod.ts";
import type { FxferError } from "../../errors.ts";
import type { Output } from "../../terminal/mod.ts";
import { escapeControls, hideKeys } from "../../text.ts";
import { reportError } from "../report.ts";
import type { FileToSend, LeftOut } from "./file_to_send.ts";
import type { SendReport } from "./report.ts";
import type { Tally } from "./tally.ts";

/** Between two `progress` events of a file, in milliseconds. */
const PROGRESS_MS = 1000;

/** Writes events as JSON. */
export class JsonReport implements SendReport {
  readonly #output: Output;
  readonly #quiet: boolean;
  /** When the last `start` or `progress` of each file under way was written. */
  readonly #writtenAt = new Map<FileToSend, number>();
  /** Errors of all files that were said in words. */
  readonly #said = new Set<FxferError>();

  constructor(output: Output, quiet: boolean) {
    this.#output = output;
    this.#quiet = quiet;
  }

  leftOut({ label: file, reason }: LeftOut, isFailure: boolean): void {
    if (this.#quiet && !isFailure) return;
    this.#line({ event: "left_out", file, reason });
    this.#output.err.line(escapeControls(`fxfer: ${file} is left out: ${reason}`));
  }

  planned({ label: file, name, size }: FileToSend): void {
    this.#line({ event: "planned", file, name, size });
  }

  started(target: FileToSend): void {
    this.#writtenAt.set(target, performance.now());
    const { label: file, size } = target;
    if (!this.#quiet) this.#line({ event: "start", file, size });
  }

  checked(): void {}

  get showsProgress(): boolean {
    return !this.#quiet;
  }

  progress(target: FileToSend, { sent, acked, total }: Progress): void {
    const now = performance.now();
    if (this.#quiet || now - (this.#writtenAt.get(target) ?? -Infinity) < PROGRESS_MS) return;
    this.#writtenAt.set(target, now);
    this.#line({ event: "progress", file: target.label, sent, acked, total });
  }

  event(event: ClientEvent, target: FileToSend | undefined): void {
    if (this.#quiet || target === undefined) return;
    if (event.type !== "resumed" || event.offset === 0) return;
    this.#line({ event: "resumed", file: target.label, offset: event.offset });
  }

  sent(target: FileToSend, result: SendResult): void {
    this.#writtenAt.delete(target);
    const { label, name, mimeType, size } = target;
    const { file, confirmed, sha256, durability, replayed, existing, attempts } = result;
    this.#line({
      event: confirmed ? "stored" : "unconfirmed",
      file: label,
      code: confirmed ? "ok" : "sent_unconfirmed",
      name,
      path: file?.path,
      size: file?.size ?? size,
      mime_type: file?.mime_type ?? mimeType,
      sha256,
      durability,
      replayed,
      existing,
      attempts,
      resumed_from: result.resumedFrom,
    });
  }

  failed(target: FileToSend, error: FxferError, ofAll: boolean): void {
    this.#writtenAt.delete(target);
    const { code, exit } = error;
    const message = hideKeys(error.message);
    this.#line({ event: "failed", file: target.label, code, exit, message });
    // Also in words, once, for a person who does not see standard output; an interruption at the end.
    if (code !== "interrupted" && !this.#said.has(error)) reportError(this.#output.err, error);
    if (ofAll) this.#said.add(error);
  }

  say(sentence: string): void {
    if (!this.#quiet) this.#output.err.line(`fxfer: ${escapeControls(sentence)}`);
  }

  end(tally: Tally, seconds: number): void {
    const { stored, present, unconfirmed, failed, leftOut, planned, bytes, exit } = tally;
    this.#line({
      event: "summary",
      ...{ stored, present, unconfirmed, failed, left_out: leftOut },
      ...(planned > 0 ? { planned } : {}),
      ...{ bytes, seconds: Math.round(seconds * 1000) / 1000, exit },
    });
  }

  [Symbol.dispose](): void {}

  /** Fields that are undefined are left out, as JSON has no such value. */
  #line(value: unknown): void {
    this.#output.out.line(escapeControls(JSON.stringify(value)));
  }
}
