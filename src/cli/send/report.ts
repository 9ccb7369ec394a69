/** What the reports of `fxfer send` have in common: one writes text, the other JSON. @module */
import type { ClientEvent, Progress, SendResult } from "../../client/mod.ts";
import type { FxferError } from "../../errors.ts";
import type { FileToSend } from "./plan.ts";
import type { Tally } from "./tally.ts";

/** How the whole command ended. */
export interface Summary
  extends Pick<Tally, "stored" | "unconfirmed" | "failed" | "bytes" | "exit"> {
  readonly seconds: number;
}

/** Tells the user what happens; each method is called when it happens. */
export interface SendReport {
  /** A file begins. */
  started(target: FileToSend): void;
  /** A part of a file was sent or answered. */
  progress(target: FileToSend, progress: Progress): void;
  /** A file is stored, or was sent to a version 1 server that confirms nothing. */
  sent(target: FileToSend, result: SendResult): void;
  /** A file was not stored. */
  failed(target: FileToSend, error: FxferError): void;
  /** Something happened to the connection or the session. */
  event(event: ClientEvent, target: FileToSend | undefined): void;
  /** A sentence for people. */
  say(sentence: string): void;
  /** No file is left. */
  end(summary: Summary): void;
}
