/**
 * The report for people: a line for each file on standard output; on standard error what happens
 * meanwhile, and one progress line for all files.
 *
 * @module
 */
import type { ClientEvent, Progress as Position, SendResult } from "../../client/mod.ts";
import { CODES, type FxferError } from "../../errors.ts";
import { omitUndefined } from "../../omit_undefined.ts";
import { type Output, ProgressLine } from "../../terminal/mod.ts";
import { count, escapeControls, formatBytes, formatDuration, formatRate } from "../../text.ts";
import { reportError } from "../report.ts";
import type { FileToSend } from "./plan.ts";
import type { SendReport, Summary } from "./report.ts";

/** For a shorter time no rate is shown, because it would mean nothing. */
const MIN_RATE_SECONDS = 0.5;

/** Writes text. */
export class TextReport implements SendReport {
  readonly #output: Output;
  readonly #quiet: boolean;
  readonly #count: number;
  readonly #total: number | undefined;
  /** How many bytes of each file under way were sent. */
  readonly #sentBytes = new Map<FileToSend, number>();
  #progress: ProgressLine | undefined;
  #bytes = 0;
  #done = 0;
  #current = "";

  /** @param targets Everything that is to be sent. */
  constructor(output: Output, targets: readonly FileToSend[], quiet: boolean) {
    this.#output = output;
    this.#quiet = quiet;
    const sendable = targets.filter(({ error }) => error === undefined);
    this.#count = targets.length;
    this.#total = sendable.some(({ size }) => size === undefined)
      ? undefined
      : sendable.reduce((sum, { size }) => sum + size!, 0);
  }

  started({ label }: FileToSend): void {
    if (this.#quiet) return;
    if (this.#progress === undefined || this.#current === "") this.#current = label;
    const options = omitUndefined({ label: () => this.#label(), total: this.#total });
    this.#progress ??= new ProgressLine(this.#output.err, options);
  }

  #label(): string {
    if (this.#count === 1) return this.#current;
    const { terminal } = this.#output.err;
    return terminal ? `${this.#done}/${this.#count} ${this.#current}` : `${this.#count} files`;
  }

  progress(target: FileToSend, { sent }: Position): void {
    const before = this.#sentBytes.get(target);
    if (before === undefined) this.#current = target.label;
    this.#bytes += sent - (before ?? 0);
    this.#sentBytes.set(target, sent);
    this.#progress?.update(this.#bytes);
  }

  sent(target: FileToSend, { file, confirmed, replayed, sha256 }: SendResult): void {
    const size = file?.size ?? target.size ?? this.#sentBytes.get(target) ?? 0;
    this.#finished(target, size);
    if (this.#quiet) return;
    const what = confirmed ? `stored as ${file?.path ?? sha256.slice(0, 12)}` : "sent, unconfirmed";
    const again = replayed ? ", it was there already" : "";
    this.#line(`${target.label}: ${what} (${formatBytes(size)})${again}`);
  }

  failed(target: FileToSend, error: FxferError): void {
    this.#finished(target, this.#sentBytes.get(target) ?? 0);
    // The interruption is reported once, at the end.
    if (error.code === "interrupted") return;
    const named = error.message.includes(target.label);
    reportError(this.#output.err, error, named ? {} : { about: `${target.label}: ` });
  }

  #finished(target: FileToSend, bytes: number): void {
    this.#done++;
    this.#bytes += bytes - (this.#sentBytes.get(target) ?? 0);
    this.#sentBytes.delete(target);
    this.#progress?.update(this.#bytes);
  }

  event(event: ClientEvent, target: FileToSend | undefined): void {
    if (this.#quiet) return;
    const sentence = inWords(event, target?.label ?? "");
    if (sentence !== undefined) this.#output.err.line(escapeControls(sentence));
  }

  say(sentence: string): void {
    if (!this.#quiet) this.#output.err.line(`fxfer: ${escapeControls(sentence)}`);
  }

  end({ stored, unconfirmed, failed, bytes, seconds }: Summary): void {
    this.#progress?.stop();
    if (this.#quiet) return;
    const rate = seconds < MIN_RATE_SECONDS ? "" : ` (${formatRate(bytes / seconds)})`;
    const parts = [
      ...(stored > 0 ? [`${count(stored, "file")} stored`] : []),
      ...(unconfirmed > 0 ? [`${count(unconfirmed, "file")} sent, unconfirmed`] : []),
      ...(failed > 0 ? [`${failed} not`] : []),
    ];
    if (this.#count === 1 && (failed > 0 || seconds < 1)) return;
    this.#output.err.line(
      `${parts.join(", ")}: ${formatBytes(bytes)} in ${formatDuration(seconds)}${rate}`,
    );
  }

  #line(text: string): void {
    this.#output.out.line(escapeControls(text));
  }
}

/** An event as a sentence; undefined for events that people need not know. */
function inWords(event: ClientEvent, file: string): string | undefined {
  switch (event.type) {
    case "retrying": {
      const pause = formatDuration(event.delayMs / 1000);
      return `${CODES[event.code].message}: try ${event.attempt} in ${pause}`;
    }
    case "resumed":
      return event.offset === 0 ? undefined : `${file}: goes on at ${formatBytes(event.offset)}`;
    case "degraded":
      return `no session to be had (${event.reason}): every file is sent by itself`;
    case "moved":
      return `the session has moved: it goes on at ${event.address}`;
    case "session_lost":
      return `${CODES[event.code].message}: unfinished files start over in a new session`;
    case "notice":
      return `the server says: ${CODES[event.code].message}`;
    case "refused":
      return CODES[event.code].class === "retry"
        ? `${file}: ${CODES[event.code].message}, sent again`
        : undefined;
    default:
      return undefined;
  }
}
