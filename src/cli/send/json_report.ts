/**
 * `--json`: each event is written as a line on standard output when it happens. `event` names it:
 *
 * - `start` with `file` and `size` (absent while unknown): a file begins
 * - `progress` with `sent` and `acked` bytes and `total`: at most one a second for each file
 * - `resumed` with `offset`: the file goes on there after a cut, or after an earlier run
 * - `stored`, or `unconfirmed` by a version 1 server, with what the server has
 * - `failed` with `code`, `exit` and `message`
 * - `summary` with the numbers and the exit code, last, when there were several files
 *
 * With `--quiet` only `stored`, `unconfirmed` and `failed` are written.
 *
 * @module
 */
import type { ClientEvent, Progress, SendResult } from "../../client/mod.ts";
import type { FxferError } from "../../errors.ts";
import type { Output } from "../../terminal/mod.ts";
import { escapeControls } from "../../text.ts";
import { reportError } from "../report.ts";
import type { FileToSend } from "./plan.ts";
import type { SendReport, Summary } from "./report.ts";

/** Between two `progress` events of a file, in milliseconds. */
const PROGRESS_MS = 1000;

/** Writes events as JSON. */
export class JsonReport implements SendReport {
  readonly #output: Output;
  readonly #several: boolean;
  readonly #quiet: boolean;
  /** When the last `start` or `progress` of each file under way was written. */
  readonly #writtenAt = new Map<FileToSend, number>();

  /** @param several Whether there are several files, and so a summary. */
  constructor(output: Output, several: boolean, quiet: boolean) {
    this.#output = output;
    this.#several = several;
    this.#quiet = quiet;
  }

  started(target: FileToSend): void {
    this.#writtenAt.set(target, performance.now());
    const { label: file, size } = target;
    if (!this.#quiet) this.#line({ event: "start", file, size });
  }

  progress(target: FileToSend, { sent, acked, total }: Progress): void {
    const now = performance.now();
    if (this.#quiet || now - (this.#writtenAt.get(target) ?? -Infinity) < PROGRESS_MS) return;
    this.#writtenAt.set(target, now);
    this.#line({ event: "progress", file: target.label, sent, acked, total });
  }

  event(event: ClientEvent, target: FileToSend | undefined): void {
    if (this.#quiet || event.type !== "resumed" || event.offset === 0) return;
    this.#line({ event: "resumed", file: target?.label ?? null, offset: event.offset });
  }

  sent(target: FileToSend, result: SendResult): void {
    this.#writtenAt.delete(target);
    const { label, name, mimeType, size } = target;
    const { file, confirmed, sha256, durability, replayed, attempts, resumedFrom } = result;
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
      attempts,
      resumed_from: resumedFrom,
    });
  }

  failed(target: FileToSend, error: FxferError): void {
    this.#writtenAt.delete(target);
    const { code, exit, message } = error;
    this.#line({ event: "failed", file: target.label, code, exit, message });
    // Also in words, for a person who does not see standard output.
    reportError(this.#output.err, error);
  }

  say(sentence: string): void {
    if (!this.#quiet) this.#output.err.line(`fxfer: ${escapeControls(sentence)}`);
  }

  end({ stored, unconfirmed, failed, bytes, seconds, exit }: Summary): void {
    if (!this.#several || this.#quiet) return;
    const rounded = Math.round(seconds * 1000) / 1000;
    this.#line({ event: "summary", stored, unconfirmed, failed, bytes, seconds: rounded, exit });
  }

  /** Fields that are undefined are left out, as JSON has no such value. */
  #line(value: unknown): void {
    this.#output.out.line(escapeControls(JSON.stringify(value)));
  }
}
