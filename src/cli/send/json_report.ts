/** `--json`: one object a file on standard output, and the sum when there were several. @module */
import { escapeControls } from "../../config/mod.ts";
import { CODES, type FxferError } from "../../errors.ts";
import { reportError } from "../report.ts";
import type { Output } from "../output.ts";
import type { SendResult } from "../../client/mod.ts";
import type { Target } from "./plan.ts";
import type { SendReport, Summary } from "./report.ts";

/** See the module's text. */
export class JsonReport implements SendReport {
  readonly #output: Output;
  readonly #several: boolean;
  readonly #quiet: boolean;

  /** @param several Whether a sum is of use. */
  constructor(output: Output, several: boolean, quiet: boolean) {
    this.#output = output;
    this.#several = several;
    this.#quiet = quiet;
  }

  started(): void {}
  progress(): void {}
  event(): void {}

  sent({ label, name, mimeType, size }: Target, result: SendResult): void {
    const { file, confirmed, sha256, durability, replayed, attempts, resumedFrom } = result;
    this.#line({
      file: label,
      status: confirmed ? "stored" : "unconfirmed",
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

  failed({ label }: Target, error: FxferError): void {
    const { code, message } = error;
    this.#line({ file: label, status: "failed", code, exit: CODES[code].exit, message });
    // Also in words: whoever reads only the objects must not be the only one who knows.
    reportError(this.#output.err, error);
  }

  say(sentence: string): void {
    if (!this.#quiet) this.#output.err.line(`fxfer: ${escapeControls(sentence)}`);
  }

  end({ stored, unconfirmed, failed, bytes, seconds, exit }: Summary): void {
    if (!this.#several || this.#quiet) return;
    this.#line({
      summary: { stored, unconfirmed, failed },
      bytes,
      seconds: Math.round(seconds * 1000) / 1000,
      exit,
    });
  }

  #line(value: unknown): void {
    this.#output.out.line(escapeControls(JSON.stringify(value)));
  }
}
